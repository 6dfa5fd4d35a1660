/** A key does not print, log, compare or serialise by accident, and neither does what holds one. */
import { AssertionError } from 'node:assert';
import { Console } from 'node:console';
import { Writable } from 'node:stream';
import { format, inspect } from 'node:util';
import { serialize } from 'node:v8';

import { Fernet } from '@lockfast/core/formats';
import { KeyRing, parseRootKey, Secret, unwrapKey } from '@lockfast/core/keyring';
import { expect, test } from 'vitest';

import { cipherOf, KnownKeys } from '../formats/keys.ts';
import { passphraseSource } from './passphrases.ts';
import { held, membersOf } from './rings.ts';

const CANARY = 'canary-7d1f-the-secret-bytes-32!';
const FORMS = (['utf8', 'hex', 'base64', 'base64url'] as const).map((encoding) => Buffer.from(CANARY).toString(encoding));
/** As an array or a Buffer prints: decimal and hexadecimal bytes. */
const BYTES = [[...Buffer.from(CANARY)].slice(4, 12).join(', '), [...Buffer.from(CANARY)].slice(4, 12).join(','), Buffer.from(CANARY).toString('hex').match(/../g)!.slice(4, 12).join(' ')];

function expectNoCanary(output: string): void {
  for (const form of [...FORMS, ...BYTES]) expect(output.toLowerCase()).not.toContain(form.toLowerCase());
}

/** Everything that turns a value into text or bytes without being asked for its content. */
function printed(value: unknown): string {
  const lines: string[] = [];
  const sink = new Writable({ write: (chunk: Buffer, _, done) => (lines.push(chunk.toString()), done()) });
  const logger = new Console({ stdout: sink, stderr: sink });
  logger.log(value);
  logger.error('%s %o %O %j %d', value, value, value, value, value);
  logger.dir(value, { showHidden: true, depth: 20 });
  logger.table([value]);
  const texts = [
    inspect(value),
    inspect(value, { showHidden: true, depth: Number.POSITIVE_INFINITY, customInspect: false, getters: true, showProxy: true }),
    inspect(new Map([[value, [value]]]), { depth: 10 }),
    format('%s %o %O %j', value, value, value, value),
    JSON.stringify({ value, list: [value] }),
    String(value),
    `secret: ${value as string}`,
    ['', value].join(),
    inspect(new Error('failed', { cause: value }), { showHidden: true, depth: 10 }),
    inspect(new AggregateError([value], 'failed'), { depth: 10 }),
    new AssertionError({ actual: value, expected: 'x', operator: 'deepStrictEqual' }).message,
    Object.entries(value as object).join(),
    Reflect.ownKeys(value as object).map(String).join(),
  ];
  for (const bytes of [() => serialize(value).toString('latin1'), () => inspect(structuredClone(value), { depth: 10 })]) {
    try {
      texts.push(bytes());
    } catch (error) {
      // It refuses to be copied, which is as good; what it says is looked at.
      texts.push(inspect(error, { depth: 10 }));
    }
  }
  return [...lines, ...texts].join('\n');
}

test('the canary would be seen', () => {
  expect(() => expectNoCanary(printed({ key: CANARY }))).toThrow();
  expect(() => expectNoCanary(printed({ key: Buffer.from(CANARY) }))).toThrow();
});

test('[S2] a secret', () => {
  const secret = new Secret(Buffer.from(CANARY));
  expectNoCanary(printed(secret));
  expect(String(secret)).toBe('[secret]');
  expect(inspect({ secret })).toBe('{ secret: [secret] }');
  expect(JSON.stringify({ secret })).toBe('{"secret":"[secret]"}');
});

test('[S2] what holds keys: a ring, a cipher, Fernet, a source', async () => {
  const keys = new KnownKeys({ kq2d5x: Buffer.from(CANARY).toString('hex') }, { kq2d5x: 'active' });
  const cipher = cipherOf(keys);
  cipher.encrypt(CANARY, { place: ['p'] });
  expectNoCanary(printed(cipher));
  expectNoCanary(printed(keys.active()));
  expectNoCanary(printed(new Fernet(Buffer.from(CANARY).toString('base64'))));
  const source = held('file:x', Buffer.from(CANARY));
  const ring = await KeyRing.create('production', [source]);
  ring.active();
  expectNoCanary(printed(ring));
  expectNoCanary(printed(source));
  expectNoCanary(printed(passphraseSource(CANARY)));
  const opened = await KeyRing.open(ring.print(), 'ring', [source]);
  const key = opened.active().secret.use((bytes) => bytes.toString('hex'));
  expect(printed(opened)).not.toContain(key);
});

test('[D5] no refusal holds what it refuses', async () => {
  const failures: unknown[] = [];
  const refused = (action: () => unknown): void => {
    try {
      action();
    } catch (error) {
      failures.push(error);
    }
  };
  const cipher = cipherOf(new KnownKeys({ kq2d5x: Buffer.from(CANARY).toString('hex') }, { kq2d5x: 'active' }));
  const value = cipher.encrypt(CANARY, { place: ['p'] });
  refused(() => cipher.encrypt(`${CANARY}\ud800`, { place: ['p'] }));
  refused(() => cipher.encrypt('x', { place: [`${CANARY}\ud800`] }));
  refused(() => cipher.encrypt('x', { place: [{ secret: CANARY } as unknown as string] }));
  refused(() => cipher.decrypt(CANARY, { place: ['p'] }));
  refused(() => cipher.decrypt(value, { place: [CANARY] }));
  refused(() => cipher.decrypt(cipher.encrypt(Buffer.from(`${CANARY}\xff`, 'latin1'), { place: ['p'] }), { place: ['p'] }));
  refused(() => new Fernet(CANARY));
  refused(() => new Fernet(Buffer.from(CANARY).toString('base64')).decrypt(CANARY));
  refused(() => parseRootKey(CANARY));
  refused(() => parseRootKey(`lockfast-root-1.${CANARY}`));
  refused(() => parseRootKey(`lockfast-root-1.${Buffer.concat([Buffer.from(CANARY), Buffer.alloc(4)]).toString('base64url')}`));
  refused(() => unwrapKey(new Secret(Buffer.from(CANARY)), 'lockfast/key-wrap', CANARY, Buffer.from(CANARY)));
  const source = held('file:x', Buffer.from(CANARY));
  const ring = await KeyRing.create('production', [source]);
  for (const text of [CANARY, JSON.stringify({ format: CANARY }), JSON.stringify({ ...membersOf(ring), environment: CANARY }), JSON.stringify({ ...membersOf(ring), [CANARY]: 1 })]) {
    failures.push(await KeyRing.open(text, 'ring', [source]).catch((error: unknown) => error));
  }
  expect(failures).toHaveLength(16);
  for (const failure of failures) expectNoCanary(printed(failure));
});

test('the bytes that are handed in are taken over, those that are lent are erased', () => {
  const bytes = Buffer.from(CANARY);
  const secret = new Secret(bytes);
  expect(bytes).toEqual(Buffer.alloc(32));
  let lent: Buffer | undefined;
  expect(secret.use((one) => (lent = one).toString())).toBe(CANARY);
  expect(lent).toEqual(Buffer.alloc(32));
  expect(() => secret.use((one) => {
    lent = one;
    throw new Error('a reader fails');
  })).toThrow('a reader fails');
  expect(lent).toEqual(Buffer.alloc(32));
  expect(secret.use(String)).toBe(CANARY);
});

test('random secrets have 256 bits and do not repeat', () => {
  const all = Array.from({ length: 1000 }, () => Secret.random().use((bytes) => bytes.toString('hex')));
  expect(new Set(all).size).toBe(1000);
  expect(new Set(all.map(({ length }) => length))).toEqual(new Set([64]));
});
