/** Fernet both ways against Python's `cryptography`, in one run of one Python process. */
import { randomBytes, randomInt } from 'node:crypto';

import { Fernet, generateFernetKey, parseFernetKey } from '@lockfast/core/formats';
import { LockfastError } from '@lockfast/core/errors';
import { beforeAll, describe, expect, test } from 'vitest';

import { SetClock } from './keys.ts';
import { askPython, missingPython } from './python.ts';
import { DEEP, LONG } from './scale.ts';

/** What is asked of both sides. Times in seconds. */
interface Case {
  readonly keys: readonly string[];
  readonly token: string;
  readonly maxAge?: number;
  readonly now?: number;
}

interface Read {
  readonly value: string;
  readonly seconds: string;
}

interface Made extends Read {
  readonly keys: readonly string[];
  readonly token: string;
  readonly rotated: string;
}

const COUNT = DEEP ? 20_000 : 600;
const TIMES = [0, 1, 499_162_800, 1_767_225_600, 2 ** 32, 2 ** 40];

/** The base64 of what we read, or null where we refuse. */
function read({ keys, token, maxAge, now }: Case): string | null {
  try {
    return new Fernet(keys, new SetClock((now ?? 0) * 1000)).decrypt(token, maxAge === undefined ? {} : { maxAge }).toString('base64');
  } catch (error) {
    if (error instanceof LockfastError && error.code === 'invalid-token') return null;
    throw error;
  }
}

function someValue(): Buffer {
  const size = [0, 1, 15, 16, 17, randomInt(4097)][randomInt(6)]!;
  if (randomInt(2) === 0) return randomBytes(size);
  return Buffer.from(String.fromCodePoint(...Array.from({ length: size >> 2 }, () => [0x41, 0xe9, 0x4e2d, 0x1f511][randomInt(4)]! + randomInt(20))));
}

function someKeys(): string[] {
  return Array.from({ length: 1 + randomInt(3) }, generateFernetKey);
}

function encode(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('+', '-').replaceAll('/', '_');
}

/** Ours, one under any of its keys. */
const ours = Array.from({ length: COUNT }, () => {
  const keys = someKeys();
  const seconds = TIMES[randomInt(TIMES.length)]!;
  const value = someValue();
  const by = new Fernet(keys[randomInt(keys.length)]!, new SetClock(seconds * 1000));
  const token = by.encrypt(value);
  return { keys, seconds, value, token, rotated: new Fernet(keys).rotate(token) };
});

/** One byte altered, taken away or put in, below the base64. */
const corrupt = ours.map(({ keys, token }) => {
  const bytes = Buffer.from(token, 'base64url');
  const at = randomInt(bytes.length);
  const kind = randomInt(4);
  if (kind === 0) return { keys, token: encode(Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)])) };
  if (kind === 1) return { keys, token: encode(Buffer.concat([bytes.subarray(0, at), Buffer.of(7), bytes.subarray(at)])) };
  if (kind === 2) return { keys, token: encode(bytes.subarray(0, at)) };
  bytes[at]! ^= 1 << randomInt(8);
  return { keys, token: encode(bytes) };
});

/** One character altered in the text, which Python reads more leniently. */
const misspelt = ours.map(({ keys, token }) => {
  const at = randomInt(token.length);
  return { keys, token: token.slice(0, at) + 'AZaz09-_=+/ \n!'[randomInt(14)]! + token.slice(at + 1) };
});

/** Around every boundary of age and skew. */
const timed = [0, 1, 60, 3600].flatMap((maxAge) =>
  [-62, -61, -60, -59, -1, 0, 1].flatMap((ahead) =>
    [0, maxAge].map((age) => {
      const keys = [generateFernetKey()];
      const made = 1_767_225_600;
      return { keys, token: new Fernet(keys, new SetClock(made * 1000)).encrypt('timed'), maxAge, now: made + age + ahead };
    }),
  ),
);

describe.skipIf(missingPython)(`against Python's cryptography${missingPython === undefined ? '' : ` (${missingPython})`}`, () => {
  let python: { readonly read: readonly (Read | null)[]; readonly made: readonly Made[]; readonly keys: readonly string[] };
  const questions: Case[] = [...ours, ...ours.map(({ keys, rotated }) => ({ keys: keys.slice(0, 1), token: rotated })), ...corrupt, ...misspelt, ...timed];
  const answersTo = (list: readonly unknown[], before: number): readonly (Read | null)[] => python.read.slice(before, before + list.length);

  beforeAll(() => {
    const question = questions.map(({ keys, token, maxAge, now }) => ({ keys, token, ...(maxAge === undefined ? {} : { maxAge, now }) }));
    python = askPython(import.meta.url, 'fernet-peer.py', { read: question, seed: randomInt(2 ** 40), make: COUNT });
  }, LONG.timeout);

  test(`[W1] Python reads our ${COUNT} tokens, and their times`, () => {
    expect(answersTo(ours, 0)).toEqual(ours.map(({ value, seconds }) => ({ value: value.toString('base64'), seconds: String(seconds) })));
  });

  test('[W1] [T7] Python reads those that we rotated under the first key, their times kept', () => {
    expect(answersTo(ours, COUNT)).toEqual(ours.map(({ value, seconds }) => ({ value: value.toString('base64'), seconds: String(seconds) })));
  });

  test(`[W1] we read Python's ${COUNT} tokens, and those that MultiFernet rotated`, () => {
    for (const { keys, token, rotated, value } of python.made) {
      expect(read({ keys, token })).toBe(value);
      expect(read({ keys: keys.slice(0, 1), token: rotated })).toBe(value);
    }
  });

  test("[T7] we tell the age of Python's tokens, and rotating keeps all 64 bits of their time", () => {
    for (const { keys, token, seconds } of python.made) {
      expect(new Fernet(keys, new SetClock(0)).ageOf(token)).toBe(0 - Number(seconds) * 1000);
      const rotated = Buffer.from(new Fernet(keys).rotate(token), 'base64url');
      expect(rotated.readBigUInt64BE(1)).toBe(BigInt(seconds));
    }
  });

  test('[W1] the same corrupted tokens are refused', () => {
    expect(corrupt.map(read)).toEqual(answersTo(corrupt, 2 * COUNT).map((one) => one?.value ?? null));
  });

  test('[W1] what Python refuses we refuse; what we refuse beyond that is another spelling of the same bytes', () => {
    const theirs = answersTo(misspelt, 3 * COUNT);
    misspelt.forEach((one, i) => {
      const mine = read(one);
      if (mine !== null) expect(mine).toBe(theirs[i]?.value);
      else if (theirs[i] !== null) expect(theirs[i]?.value).toBe(ours[i]!.value.toString('base64'));
    });
  });

  test('[T7] age and clock skew, at every boundary', () => {
    expect(timed.map(read)).toEqual(answersTo(timed, 4 * COUNT).map((one) => one?.value ?? null));
    expect(new Set(timed.map((one) => read(one) === null)).size).toBe(2);
  });

  test("[W1] Python's keys are keys", () => {
    for (const key of python.keys) expect(parseFernetKey(key)).toEqual(Buffer.from(key, 'base64url'));
  });
});
