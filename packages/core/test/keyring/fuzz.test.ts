/** Every parser of the key ring, on arbitrary and on nearly right input: it answers or refuses with a code, and soon. */
import { LockfastError } from '@lockfast/core/errors';
import { generateRootKey, holdsRootKey, KeyRing, parseKdf, parseRing, parseRootKey, unwrapUnderPassphrase, wrapUnderPassphrase, Secret } from '@lockfast/core/keyring';
import { expect, test } from 'vitest';

import { forAWhile } from '../formats/chance.ts';
import { mutated, someJson, someText } from '../formats/mutations.ts';
import { LONG } from '../formats/scale.ts';
import { QUICK_PBKDF2, secretOf } from './passphrases.ts';
import { held } from './rings.ts';

/** Undefined for a refusal with one of the codes. Anything else that is thrown fails the test. */
async function answer<T>(action: () => T | Promise<T>, codes: readonly string[]): Promise<T | undefined> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    if (!codes.includes(error.code)) throw new Error(`an unexpected code: ${error.code}`, { cause: error });
    return undefined;
  }
}

const WRAPPED = ['malformed', 'wrong-key', 'moved-or-altered'];

test('[D5] key rings', LONG, async () => {
  const source = held();
  const ring = (await KeyRing.create('production', [source])).withNewKey();
  const text = Buffer.from(ring.print());
  const tried = await forAWhile(async (chance) => {
    const other = chance.below(8) === 0 ? (JSON.stringify(someJson(chance), (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)) ?? '') : mutated(chance, text).toString('utf8');
    const opened = await answer(() => KeyRing.open(other, 'ring', [source]), ['ring-malformed', 'ring-tampered', 'unsupported-format', ...WRAPPED]);
    if (opened !== undefined) expect(opened.version).toEqual(ring.version);
    await answer(() => parseRing(other, 'ring'), ['ring-malformed', 'unsupported-format']);
  });
  expect(tried).toBeGreaterThan(20);
});

test('[D5] root keys', LONG, async () => {
  const key = generateRootKey();
  await forAWhile(async (chance) => {
    const text = chance.below(4) === 0 ? someText(chance) : mutated(chance, Buffer.from(key)).toString('utf8');
    const parsed = await answer(() => parseRootKey(text), ['invalid-key']);
    // A key that is read is a key that is found.
    if (parsed !== undefined) expect(holdsRootKey(text)).toBe(true);
    holdsRootKey(text + key + text);
  });
});

test('[D5] keys wrapped under a passphrase', LONG, async () => {
  const binding = Buffer.from('ring');
  const text = Buffer.from(await wrapUnderPassphrase(secretOf('correct horse'), QUICK_PBKDF2, Secret.random(), binding));
  await forAWhile(async (chance) => {
    // The work factor stays: a mutation within its bounds would only cost time.
    const parameters = text.indexOf(':', 15);
    const other = chance.below(2) === 0 ? mutated(chance, text).toString('utf8') : text.toString('utf8', 0, parameters) + mutated(chance, text.subarray(parameters)).toString('utf8');
    if (/i=[1-9][0-9]{6,7}:/.test(other)) return;
    const opened = await answer(() => unwrapUnderPassphrase(secretOf('correct horse'), other, binding), ['parameters-out-of-range', ...WRAPPED]);
    if (opened !== undefined && other !== text.toString('utf8')) throw new Error(`it opened: ${other}`);
    await answer(() => parseKdf(someText(chance)), ['parameters-out-of-range']);
    await answer(() => parseKdf(mutated(chance, Buffer.from('argon2id:m=65536,t=3,p=4')).toString('utf8')), ['parameters-out-of-range']);
  });
});
