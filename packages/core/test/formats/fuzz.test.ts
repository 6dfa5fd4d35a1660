/** Every parser of a format, on arbitrary and on nearly right input: it answers or refuses with a code, and soon. */
import { type Context, Fernet, isEncrypted, isKeyId, keyIdOf, looksLikeFernet, parseFernetKey } from '@lockfast/core/formats';
import { LockfastError } from '@lockfast/core/errors';
import { expect, test } from 'vitest';

import { forAWhile } from './chance.ts';
import { cipherOf } from './keys.ts';
import { mutated, someJson, someText } from './mutations.ts';
import { LONG } from './scale.ts';

const cipher = cipherOf();
const context: Context = { tenant: 'acme', place: ['t.c', 1] };
const PLAINTEXT = 'a secret of some length';

/** What the action returns, or the code of its refusal. Anything else that is thrown fails the test. */
function answer(action: () => unknown, codes: readonly string[]): unknown {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    if (!codes.includes(error.code)) throw new Error(`an unexpected code: ${error.code}`, { cause: error });
    return undefined;
  }
}

const VALUE_CODES = ['not-encrypted', 'malformed', 'missing-key', 'wrong-key', 'moved-or-altered'];

test('[D5] lfv1 text', LONG, async () => {
  const seeds = [cipher.encrypt(PLAINTEXT, context), cipher.encrypt('', context), 'lfv1.newer3.', ''];
  const tried = await forAWhile((chance) => {
    const text = chance.below(3) === 0 ? someText(chance) : mutated(chance, Buffer.from(chance.pick(seeds))).toString('latin1');
    const read = answer(() => cipher.decrypt(text, context), VALUE_CODES);
    // A mutation may put the seed together again; nothing else opens.
    if (read !== undefined && !seeds.includes(text)) throw new Error(`it opened: ${text}`);
    const encrypted = isEncrypted(text);
    expect(answer(() => keyIdOf(text), ['not-encrypted', 'malformed']) !== undefined).toBe(encrypted);
  });
  expect(tried).toBeGreaterThan(50);
});

test('[D5] lfv1 binary', LONG, async () => {
  const seeds = [cipher.encryptBinary(PLAINTEXT, context), cipher.encryptBinary('', context), Buffer.from('lfv1.newer3.')];
  const tried = await forAWhile((chance) => {
    const bytes = chance.below(5) === 0 ? chance.bytes(chance.below(300)) : mutated(chance, chance.pick(seeds));
    const read = answer(() => cipher.decrypt(bytes, context), VALUE_CODES);
    if (read !== undefined && !seeds.some((seed) => seed.equals(bytes))) throw new Error(`it opened: ${bytes.toString('hex')}`);
    const encrypted = isEncrypted(bytes);
    expect(answer(() => keyIdOf(bytes), ['not-encrypted', 'malformed']) !== undefined).toBe(encrypted);
  });
  expect(tried).toBeGreaterThan(50);
});

test('[D5] plaintext that went in comes out, or is refused as what it is', LONG, async () => {
  await forAWhile((chance) => {
    const value = chance.below(2) === 0 ? someText(chance) : mutated(chance, cipher.encryptBinary('x', context));
    const encrypted = answer(() => cipher.encrypt(value, context), ['already-encrypted', 'invalid-text']);
    if (typeof encrypted !== 'string') return;
    expect(cipher.decryptBytes(encrypted, context).equals(Buffer.from(value as string, 'utf8'))).toBe(true);
  });
});

test('[W1] Fernet tokens', LONG, async () => {
  const fernet = new Fernet('cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=');
  const seeds = [fernet.encrypt(PLAINTEXT), fernet.encrypt('')];
  const tried = await forAWhile((chance) => {
    const text = chance.below(3) === 0 ? someText(chance) : mutated(chance, Buffer.from(chance.pick(seeds))).toString('latin1');
    const read = answer(() => fernet.decrypt(text, { maxAge: 60 }), ['invalid-token']);
    if (read !== undefined && !seeds.includes(text)) throw new Error(`it opened: ${text}`);
    answer(() => fernet.rotate(Buffer.from(text, 'latin1')), ['invalid-token']);
    looksLikeFernet(text);
  });
  expect(tried).toBeGreaterThan(50);
});

test('[W2] Fernet keys and key ids', LONG, async () => {
  const seed = Buffer.from('cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=');
  await forAWhile((chance) => {
    const text = chance.below(3) === 0 ? someText(chance) : mutated(chance, seed).toString('latin1');
    const key = answer(() => parseFernetKey(text), ['invalid-key']);
    if (key !== undefined) expect((key as Buffer).length).toBe(32);
    expect(isKeyId(text)).toBe(/^[a-z][a-z2-7]{5}$/.test(text) && text.length === 6);
  });
});

test('[B4] contexts', LONG, async () => {
  const value = cipher.encrypt(PLAINTEXT, context);
  await forAWhile((chance) => {
    const one = someJson(chance) as Context;
    const read = answer(() => cipher.decrypt(value, one), ['invalid-context', 'moved-or-altered']);
    if (read !== undefined) throw new Error(`it opened under ${JSON.stringify(one)}`);
    const place = [someText(chance), someText(chance)];
    const own = answer(() => cipher.encrypt('x', { place }), ['invalid-context']);
    if (typeof own === 'string') expect(cipher.decrypt(own, { place })).toBe('x');
  });
});
