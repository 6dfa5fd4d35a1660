/** Several ways to one ring: adding one, removing one, and what a kept copy still opens. */
import { KeyRing, type Secret } from '@lockfast/core/keyring';
import type { KeySource } from '@lockfast/core/ports';
import { LockfastError } from '@lockfast/core/errors';
import { describe, expect, test } from 'vitest';

import { laterRefusalOf } from '../files/refusal.ts';
import { SetClock } from '../formats/keys.ts';
import { passphraseSource, QUICK_PBKDF2 } from './passphrases.ts';
import { held, membersOf, ringKeyOf } from './rings.ts';

const file = held('file:mine.key');
const env = held('env:CI_KEY');
const phrase = passphraseSource('correct horse');
const ring = await (await (await KeyRing.create('production', [file], new SetClock(0))).withSource(env, new SetClock(1000))).withSource(phrase, new SetClock(2000));

function hexOf(secret: Secret): string {
  return secret.use((bytes) => bytes.toString('hex'));
}

test('[S2] each source alone opens the ring, and all see the same key', async () => {
  const key = hexOf(ring.active().secret);
  for (const source of [file, env, phrase]) {
    expect(hexOf((await KeyRing.open(ring.print(), 'ring', [source])).active().secret)).toBe(key);
  }
});

test('[E3] PBKDF2 and Argon2id stand beside each other on one ring', async () => {
  const pbkdf2 = passphraseSource('another', QUICK_PBKDF2, 'passphrase:/run/other');
  const both = await ring.withSource(pbkdf2);
  expect(membersOf(both).sources.map(({ wrapped }) => wrapped.split(':')[0]!.slice(0, 8))).toEqual([expect.any(String), expect.any(String), 'argon2id', 'pbkdf2-s']);
  for (const source of [phrase, pbkdf2]) expect((await KeyRing.open(both.print(), 'ring', [source])).version).toEqual(both.version);
});

test('the same root key works from a file, a variable or a credential', async () => {
  const bytes = Buffer.alloc(32, 5);
  const made = await KeyRing.create('production', [held('file:a', Buffer.from(bytes))]);
  for (const uri of ['env:B', 'credential:c', 'file:/elsewhere']) {
    expect((await KeyRing.open(made.print(), 'ring', [held(uri, Buffer.from(bytes))])).version).toEqual(made.version);
  }
});

test('the first source of a list that fits is used; one that is not there is passed over', async () => {
  const gone: KeySource = {
    uri: 'file:gone.key',
    wrap: () => Promise.reject(new LockfastError('source-unavailable', 'gone', 'bring it back')),
    unwrap: () => Promise.reject(new LockfastError('source-unavailable', 'gone', 'bring it back')),
  };
  expect((await KeyRing.open(ring.print(), 'ring', [gone, held('file:wrong.key'), env])).version).toEqual(ring.version);
  expect(await laterRefusalOf(KeyRing.open(ring.print(), 'ring', [gone]))).toEqual({ code: 'source-unavailable', message: 'gone', hint: 'bring it back' });
  // A key that does not fit says more than one that is not there.
  expect((await laterRefusalOf(KeyRing.open(ring.print(), 'ring', [gone, held('file:wrong.key')]))).code).toBe('wrong-key');
});

test('[D5] a wrong root key, no source, and a source of a kind that the ring does not have', async () => {
  expect(await laterRefusalOf(KeyRing.open(ring.print(), 'ring', [held('file:wrong.key')]))).toMatchObject({
    code: 'wrong-key',
    message: 'the key was wrapped under another key',
  });
  // Of several that do not fit, each is told, once.
  expect(await laterRefusalOf(KeyRing.open(ring.print(), 'ring', [held('file:wrong.key'), held('env:WRONG'), held('credential:x'), { ...phrase, uri: 'shares:x' }]))).toMatchObject({
    code: 'wrong-key',
    message: 'the key was wrapped under another key; the key ring has no key source of the kind shares:',
  });
  expect(await laterRefusalOf(KeyRing.open(ring.print(), 'ring', []))).toMatchObject({ code: 'source-unavailable', message: 'no key source is named' });
  const only = await KeyRing.create('production', [file]);
  expect((await laterRefusalOf(KeyRing.open(only.print(), 'ring', [phrase]))).code).toBe('wrong-key');
});

test('a fault of a source that is none of ours is not swallowed', async () => {
  const broken: KeySource = { uri: 'file:x', wrap: () => Promise.reject(new TypeError('a defect')), unwrap: () => Promise.reject(new TypeError('a defect')) };
  await expect(KeyRing.open(ring.print(), 'ring', [broken, file])).rejects.toThrow(TypeError);
});

describe('adding', () => {
  test('wraps the same ring key once more; nothing else changes but the generation', async () => {
    const [before, after] = [membersOf(ring), membersOf(await ring.withSource(held('credential:key')))];
    expect(after.sources.slice(0, 3)).toEqual(before.sources);
    expect(after.keys).toEqual(before.keys);
    expect(after.generation).toBe(before.generation + 1);
  });

  test('one that is there is refused', async () => {
    expect((await laterRefusalOf(ring.withSource(held('env:CI_KEY')))).code).toBe('source-exists');
  });

  test('there are at most 64', async () => {
    const uris = Array.from({ length: 64 }, (_, i) => held(`file:${i}`));
    const full = await KeyRing.create('production', uris);
    expect((await KeyRing.open(full.print(), 'ring', uris.slice(63))).sources).toHaveLength(64);
    expect((await laterRefusalOf(full.withSource(held('file:64')))).code).toBe('usage');
    expect((await laterRefusalOf(KeyRing.create('production', [...uris, held('file:64')]))).code).toBe('usage');
  });
});

describe('removing', () => {
  const remaining = [file, phrase];

  test('a kept copy of the old ring opens no later version', async () => {
    const oldRingKey = await ringKeyOf(ring, file);
    const without = await ring.withoutSource('env:CI_KEY', remaining);
    // The removed source itself.
    expect((await laterRefusalOf(KeyRing.open(without.print(), 'ring', [env]))).code).toBe('wrong-key');
    // Its wrapping of the old ring key, put back into the new ring.
    const grafted = { ...membersOf(without), sources: [...membersOf(without).sources, membersOf(ring).sources[1]!] };
    expect((await laterRefusalOf(KeyRing.open(JSON.stringify(grafted), 'ring', [env]))).code).toBe('ring-tampered');
    // The old ring key itself, kept in memory by whoever had the source.
    const keeper: KeySource = { uri: 'env:CI_KEY', wrap: () => Promise.reject(new Error('unused')), unwrap: () => Promise.resolve(oldRingKey) };
    expect((await laterRefusalOf(KeyRing.open(without.print(), 'ring', [keeper]))).code).toBe('ring-tampered');
    const later = without.withNewKey();
    expect((await laterRefusalOf(KeyRing.open(later.print(), 'ring', [keeper]))).code).toBe('ring-tampered');
    // Those who stay.
    for (const source of remaining) expect((await KeyRing.open(later.print(), 'ring', [source])).keys).toHaveLength(2);
  });

  test('every wrapping is new, every key the same', async () => {
    const without = await ring.withoutSource('env:CI_KEY', remaining);
    const [before, after] = [membersOf(ring), membersOf(without)];
    expect(hexOf(await ringKeyOf(without, file))).not.toBe(hexOf(await ringKeyOf(ring, file)));
    expect(after.sources.map(({ source, added }) => `${source} ${added}`)).toEqual([before.sources[0]!, before.sources[2]!].map(({ source, added }) => `${source} ${added}`));
    for (const { wrapped } of after.sources) expect(before.sources.map((one) => one.wrapped)).not.toContain(wrapped);
    expect(after.keys.map((key) => ({ ...key, wrapped: '' }))).toEqual(before.keys.map((key) => ({ ...key, wrapped: '' })));
    expect(after.keys[0]!.wrapped).not.toBe(before.keys[0]!.wrapped);
    expect(hexOf((await KeyRing.open(without.print(), 'ring', [phrase])).active().secret)).toBe(hexOf(ring.active().secret));
  });

  test('what is not among those that stay goes, too; what is given twice stays once', async () => {
    const without = await ring.withoutSource('env:CI_KEY', [file, file, held('file:strange.key')]);
    expect(without.sources.map(({ source }) => source)).toEqual(['file:mine.key']);
    expect((await KeyRing.open(without.print(), 'ring', [file])).version).toEqual(without.version);
    expect((await laterRefusalOf(KeyRing.open(without.print(), 'ring', [phrase]))).code).toBe('wrong-key');
  });

  test('what can not be done', async () => {
    expect((await laterRefusalOf(ring.withoutSource('env:OTHER', remaining))).code).toBe('no-such-source');
    // What is given must stay: without any the ring would never open again.
    for (const none of [[], [env], [held('file:strange.key')]]) expect((await laterRefusalOf(ring.withoutSource('env:CI_KEY', none))).code).toBe('last-source');
    const only = await KeyRing.create('production', [file]);
    expect((await laterRefusalOf(only.withoutSource('file:mine.key', []))).code).toBe('last-source');
  });

  test('a source that fails to wrap fails the whole; the ring is as it was', async () => {
    const failing: KeySource = { ...phrase, wrap: () => Promise.reject(new LockfastError('terminal-needed', 'nobody to ask', 'ask')) };
    expect((await laterRefusalOf(ring.withoutSource('env:CI_KEY', [file, failing]))).code).toBe('terminal-needed');
    expect((await KeyRing.open(ring.print(), 'ring', [env])).version).toEqual(ring.version);
  });
});

describe('[S3] a new root key', () => {
  const [oldRoot, newRoot] = [held('env:ROOT_KEY'), held('env:ROOT_KEY')];

  test('in the place of the old one, under the same name: both open until the old one is dropped', async () => {
    const before = await KeyRing.create('production', [oldRoot, phrase], new SetClock(0));
    const both = await before.withNewRoot(newRoot, new SetClock(1000));
    expect(both.sources.map(({ source, added }) => `${source} ${added.slice(17, 19)}`)).toEqual(['env:ROOT_KEY 00', 'passphrase: 00', 'env:ROOT_KEY 01']);
    for (const one of [oldRoot, newRoot, phrase]) expect((await KeyRing.open(both.print(), 'ring', [one])).version).toEqual(both.version);
    const after = await both.rewrappedFor([newRoot, phrase], new SetClock(2000));
    expect(after.sources.map(({ source, added }) => `${source} ${added.slice(17, 19)}`)).toEqual(['env:ROOT_KEY 01', 'passphrase: 00']);
    for (const one of [newRoot, phrase]) expect(hexOf((await KeyRing.open(after.print(), 'ring', [one])).active().secret)).toBe(hexOf(before.active().secret));
    expect((await laterRefusalOf(KeyRing.open(after.print(), 'ring', [oldRoot]))).code).toBe('wrong-key');
    // A kept copy of what the old root key opened does not open what came after it.
    const kept = await ringKeyOf(both, oldRoot);
    const keeper: KeySource = { uri: 'env:ROOT_KEY', wrap: () => Promise.reject(new Error('unused')), unwrap: () => Promise.resolve(kept) };
    expect((await laterRefusalOf(KeyRing.open(after.print(), 'ring', [keeper]))).code).toBe('ring-tampered');
  });

  test('without the name of the old one it is a source like another', async () => {
    const before = await KeyRing.create('production', [file], new SetClock(0));
    expect((await before.withNewRoot(newRoot)).sources.map(({ source }) => source)).toEqual(['file:mine.key', 'env:ROOT_KEY']);
    expect((await laterRefusalOf(before.withSource(held('file:mine.key')))).code).toBe('source-exists');
  });

  test('a source is removed with all its wrappings, and stays with one', async () => {
    const both = await (await KeyRing.create('production', [oldRoot, phrase])).withNewRoot(newRoot);
    expect((await both.withoutSource('env:ROOT_KEY', [phrase])).sources.map(({ source }) => source)).toEqual(['passphrase:']);
    const kept = await both.withoutSource('passphrase:', [newRoot]);
    expect(kept.sources.map(({ source }) => source)).toEqual(['env:ROOT_KEY']);
    expect((await KeyRing.open(kept.print(), 'ring', [newRoot])).version).toEqual(kept.version);
    expect((await laterRefusalOf(KeyRing.open(kept.print(), 'ring', [oldRoot]))).code).toBe('wrong-key');
  });

  test('there are at most 64 wrappings', async () => {
    const full = await KeyRing.create('production', Array.from({ length: 64 }, (_, i) => held(`file:${i}`)));
    expect((await laterRefusalOf(full.withNewRoot(held('file:0')))).code).toBe('usage');
  });
});

describe('wrapped for other sources', () => {
  test('by exactly these, and no key changes', async () => {
    const [one, two] = [held('file:one.key'), held('credential:two')];
    const after = await ring.rewrappedFor([one, env, two], new SetClock(9000));
    expect(after.sources.map(({ source, added }) => `${source} ${added.slice(17, 19)}`)).toEqual(['file:one.key 09', 'env:CI_KEY 01', 'credential:two 09']);
    for (const source of [one, env, two]) expect(hexOf((await KeyRing.open(after.print(), 'ring', [source])).active().secret)).toBe(hexOf(ring.active().secret));
    for (const source of [file, phrase]) expect((await laterRefusalOf(KeyRing.open(after.print(), 'ring', [source]))).code).toBe('wrong-key');
    expect(after.version.generation).toBe(ring.version.generation + 1);
    expect(hexOf(await ringKeyOf(after, one))).not.toBe(hexOf(await ringKeyOf(ring, file)));
  });

  test('what can not be done', async () => {
    expect((await laterRefusalOf(ring.rewrappedFor([]))).code).toBe('last-source');
    expect((await laterRefusalOf(ring.rewrappedFor([file, file]))).code).toBe('source-exists');
    expect((await laterRefusalOf(ring.rewrappedFor(Array.from({ length: 65 }, (_, i) => held(`file:${i}`))))).code).toBe('usage');
  });
});

test('a source tries its own wrapping first', async () => {
  const phrases = Array.from({ length: 4 }, (_, i) => passphraseSource(`word ${i}`, QUICK_PBKDF2, `passphrase:#${i}`));
  const shared = await KeyRing.create('production', phrases);
  let tried = 0;
  const counting: KeySource = { ...phrases[3]!, uri: 'passphrase:#3', wrap: phrases[3]!.wrap.bind(phrases[3]), unwrap: (...of) => (tried++, phrases[3]!.unwrap(...of)) };
  await KeyRing.open(shared.print(), 'ring', [counting]);
  expect(tried).toBe(1);
});
