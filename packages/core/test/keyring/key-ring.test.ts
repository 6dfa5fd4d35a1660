/** A key ring: made, opened, changed, printed; its states; and one from a second implementation. */
import { systemClock } from '@lockfast/core/ports';
import { KeyRing, type KeyState, parseRing, parseRootKey, refuseOlderRing, Secret, unwrapKey, wrapKey } from '@lockfast/core/keyring';
import { describe, expect, test } from 'vitest';

import { laterRefusalOf, refusalOf } from '../files/refusal.ts';
import { SetClock } from '../formats/keys.ts';
import { known } from '../formats/vectors.ts';
import { passphraseSource } from './passphrases.ts';
import { altered, fingerprint, held, lp, macOf, membersOf, ringKeyOf } from './rings.ts';

const source = held();
const ring = await KeyRing.create('production', [source], new SetClock(Date.UTC(2026, 0, 1)));
const context = { place: ['p'] };

test('[D1] [B4] a new ring has one active key, opens with its source, and prints as it was', async () => {
  const opened = await KeyRing.open(ring.print(), 'ring', [source]);
  expect(opened.print()).toBe(ring.print());
  expect(opened.environment).toBe('production');
  expect(opened.keys).toHaveLength(1);
  expect(opened.keys[0]).toMatchObject({ state: 'active', created: '2026-01-01T00:00:00.000Z', activated: '2026-01-01T00:00:00.000Z' });
  expect(opened.sources).toMatchObject([{ source: 'file:root.key', added: '2026-01-01T00:00:00.000Z' }]);
  expect(opened.backup).toBeNull();
  expect(opened.version.generation).toBe(1);
  const value = ring.cipher({ purpose: 'column' }).encrypt('x', context);
  expect(opened.cipher({ purpose: 'column' }).decrypt(value, context)).toBe('x');
});

test('its members, its MAC and its fingerprint are as specified', async () => {
  const members = membersOf(ring);
  expect(Object.keys(members)).toEqual(['format', 'ring', 'environment', 'generation', 'backup', 'departure', 'sources', 'keys', 'mac']);
  expect(members.format).toBe('lockfast-keyring/2');
  expect(Object.keys(members.keys[0]!)).toEqual(['id', 'state', 'created', 'activated', 'drained', 'retired', 'destroyed', 'compromised', 'fingerprint', 'wrapped']);
  expect(members.ring).toMatch(/^[a-z2-7]{16}$/);
  expect(members.mac).toBe(macOf(members, await ringKeyOf(ring, source)));
  const key = ring.active();
  expect(members.keys[0]!.fingerprint).toBe(key.secret.use(fingerprint));
  expect(key.id).toMatch(/^[a-z][a-z2-7]{5}$/);
});

test('no two rings share an id, a key or a fingerprint', async () => {
  const rings = await Promise.all(Array.from({ length: 50 }, () => KeyRing.create('production', [source], systemClock)));
  expect(new Set(rings.map(({ version }) => version.ring)).size).toBe(50);
  expect(new Set(rings.map(({ keys }) => keys[0]!.fingerprint)).size).toBe(50);
});

describe('an environment name', () => {
  test.for(['production', 'p', 'Staging-2.eu_west', 'a'.repeat(64)])('%s', async (name) => {
    expect((await KeyRing.create(name, [source])).environment).toBe(name);
  });
  test.for(['', ' ', '-x', '.x', 'a b', 'a/b', 'a\n', 'ä', 'a'.repeat(65), '__proto__\0'])('%j is refused', async (name) => {
    expect((await laterRefusalOf(KeyRing.create(name, [source]))).code).toBe('usage');
  });
});

test('a ring without any source is not made: nothing would ever open it', async () => {
  expect(await laterRefusalOf(KeyRing.create('production', []))).toMatchObject({ code: 'source-unavailable', message: 'no key source is named' });
});

describe('more keys', () => {
  const grown = ring.withNewKey(new SetClock(Date.UTC(2026, 5, 1))).withNewKey();

  test('a new key is staged: it does not encrypt, it decrypts', () => {
    expect(grown.keys.map(({ state }) => state)).toEqual(['active', 'staged', 'staged']);
    expect(grown.active().id).toBe(ring.active().id);
    expect(grown.decrypting(grown.keys[1]!.id).id).toBe(grown.keys[1]!.id);
    expect(grown.keys[1]).toMatchObject({ created: '2026-06-01T00:00:00.000Z', activated: null });
  });

  test('each change is a generation on, and leaves the old ring as it was', () => {
    expect([ring, ring.withNewKey(), grown].map(({ version }) => version.generation)).toEqual([1, 2, 3]);
    expect(ring.keys).toHaveLength(1);
    expect(new Set([ring, ring.withNewKey(), grown].map(({ version }) => version.digest)).size).toBe(3);
  });

  test('ids are unique, and tombstones keep theirs', async () => {
    let many = ring;
    for (let i = 0; i < 60; i++) many = many.withNewKey();
    expect(new Set(many.keys.map(({ id }) => id)).size).toBe(61);
  });
});

describe('[D5] what a key in each state may do', () => {
  const states: [KeyState, boolean, boolean][] = [
    ['staged', false, true],
    ['active', true, true],
    ['draining', false, true],
    ['retired', false, false],
    ['destroyed', false, false],
  ];
  test.for(states)('%s: encrypts %s, decrypts %s', async ([state, encrypts, decrypts]) => {
    const value = ring.cipher({ purpose: 'column' }).encrypt('x', context);
    const text = await altered(ring, source, ({ keys: [key] }) => {
      key!.state = state;
      if (state === 'destroyed') key!.wrapped = '';
    });
    const cipher = (await KeyRing.open(text, 'ring', [source])).cipher({ purpose: 'column' });
    if (encrypts) expect(cipher.decrypt(cipher.encrypt('y', context), context)).toBe('y');
    else expect(refusalOf(() => cipher.encrypt('y', context))).toMatchObject({ code: 'missing-key', message: 'the key ring has no active key' });
    if (decrypts) expect(cipher.decrypt(value, context)).toBe('x');
    else expect(refusalOf(() => cipher.decrypt(value, context)).code).toBe('key-not-usable');
  });

  test('rewrapping moves a draining key\'s value under the active one', async () => {
    const value = ring.cipher({ purpose: 'column' }).encrypt('x', context);
    const text = await altered(ring.withNewKey(), source, ({ keys: [old, next] }) => {
      old!.state = 'draining';
      next!.state = 'active';
    });
    const cipher = (await KeyRing.open(text, 'ring', [source])).cipher({ purpose: 'column' });
    const again = cipher.rewrap(value, context);
    expect(again.slice(5, 11)).toBe(membersOf(text).keys[1]!.id);
    expect(cipher.decrypt(again, context)).toBe('x');
  });
});

test('[W7] a ring of another environment, with the same key under the same id, opens nothing', async () => {
  const value = ring.cipher({ purpose: 'env' }).encrypt('x', context);
  const staging = await KeyRing.create('staging', [source]);
  expect(refusalOf(() => staging.cipher({ purpose: 'env' }).decrypt(value, context))).toMatchObject({
    code: 'missing-key',
    message: `the key ${ring.active().id} is not in the key ring of staging`,
    hint: 'check that this is the right environment, or restore the newer key ring',
  });
  // An insider moves the data key itself over, properly wrapped.
  const ringKey = await ringKeyOf(staging, source);
  const { ring: id } = membersOf(staging);
  const moved = await altered(staging, source, (members) => {
    const { id: keyId, secret } = ring.active();
    members.keys = [{ ...membersOf(ring).keys[0]!, wrapped: wrapKey(ringKey, 'lockfast/key-wrap', secret, lp(id, 'staging', keyId)) }];
  });
  const opened = await KeyRing.open(moved, 'ring', [source]);
  expect(opened.active().secret.use(fingerprint)).toBe(ring.active().secret.use(fingerprint));
  expect(refusalOf(() => opened.cipher({ purpose: 'env' }).decrypt(value, context)).code).toBe('wrong-key');
});

describe('an older ring', () => {
  const newer = ring.withNewKey();
  const sibling = ring.withNewKey();

  test('is refused where a newer one was seen', () => {
    expect(refusalOf(() => refuseOlderRing(ring.version, newer.version, 'this machine'))).toMatchObject({
      code: 'ring-older',
      message: 'the key ring is of generation 1, but this machine has seen generation 2',
    });
  });

  test('of the same generation with another content is refused, too', () => {
    expect(refusalOf(() => refuseOlderRing(newer.version, sibling.version, 'this machine'))).toMatchObject({
      code: 'ring-older',
      message: 'the key ring differs from the one of the same generation 2 that this machine has seen',
    });
  });

  test('the same one, a newer one and another ring are taken', async () => {
    refuseOlderRing(newer.version, newer.version, 'x');
    refuseOlderRing(newer.version, ring.version, 'x');
    refuseOlderRing((await KeyRing.create('production', [source])).version, newer.version, 'x');
  });

  test('reissued on purpose it is newer than all that was seen', async () => {
    const again = ring.reissued(newer.version.generation);
    expect(again.version.generation).toBe(3);
    refuseOlderRing(again.version, newer.version, 'x');
    expect((await KeyRing.open(again.print(), 'ring', [source])).keys).toEqual(ring.keys);
  });

  test('reissuing never lowers a generation', () => {
    expect(ring.reissued(50).reissued(3).version.generation).toBe(52);
  });

  test('reading a ring and printing it again does not make it another', async () => {
    const reordered = JSON.stringify(Object.fromEntries(Object.entries(membersOf(ring)).toReversed()));
    expect((await KeyRing.open(reordered, 'ring', [source])).version).toEqual(ring.version);
  });
});

describe('a recovery backup', () => {
  const passphrase = passphraseSource('correct horse battery staple');

  test('opens with its passphrase alone, and decrypts', async () => {
    const value = ring.cipher({ purpose: 'env' }).encrypt('x', context);
    const { ring: noted, backup } = await ring.withBackup(passphrase, new SetClock(Date.UTC(2026, 2, 3)));
    expect(noted.backup).toBe('2026-03-03T00:00:00.000Z');
    expect(noted.version.generation).toBe(2);
    expect((await KeyRing.open(noted.print(), 'ring', [source])).backup).toBe('2026-03-03T00:00:00.000Z');
    expect(membersOf(backup)).toMatchObject({ format: 'lockfast-backup/2', ledger: null, sources: [{ source: 'passphrase:' }] });
    expect(membersOf(backup).sources).toHaveLength(1);
    const opened = await KeyRing.open(backup, 'backup', [passphrase]);
    expect(opened.cipher({ purpose: 'env' }).decrypt(value, context)).toBe('x');
    expect(await laterRefusalOf(KeyRing.open(backup, 'backup', [source]))).toMatchObject({ code: 'wrong-key' });
    expect(await laterRefusalOf(KeyRing.open(backup, 'backup', [passphraseSource('another')]))).toMatchObject({ code: 'wrong-key' });
  });

  test('put in the place of a lost ring, it is a ring again with its first change', async () => {
    const { backup } = await ring.withBackup(passphrase);
    const restored = (await KeyRing.open(backup, 'backup', [passphrase])).reissued(9);
    expect(membersOf(restored)).toMatchObject({ format: 'lockfast-keyring/2', generation: 10, sources: [{ source: 'passphrase:' }] });
    const added = await restored.withSource(source);
    expect((await KeyRing.open(added.print(), 'ring', [source])).active().id).toBe(ring.active().id);
  });

  test('holds nothing of the root key and no key in the clear', async () => {
    const { backup } = await ring.withBackup(passphrase);
    for (const encoding of ['hex', 'base64', 'base64url', 'latin1'] as const) {
      expect(backup).not.toContain(ring.active().secret.use((bytes) => bytes.toString(encoding)));
      expect(backup).not.toContain(await ringKeyOf(ring, source).then((key) => key.use((bytes) => bytes.toString(encoding))));
    }
  });

  test('an altered one is refused', async () => {
    const { backup } = await ring.withBackup(passphrase);
    const members = membersOf(backup);
    const text = JSON.stringify({ ...members, generation: members.generation + 1 });
    expect(await laterRefusalOf(KeyRing.open(text, 'backup', [passphrase]))).toMatchObject({ code: 'ring-tampered' });
    // It is no key ring, and calling it one does not make it one.
    const { ledger: _, ...ringMembers } = members;
    const relabelled = JSON.stringify({ ...ringMembers, format: 'lockfast-keyring/2' });
    expect(await laterRefusalOf(KeyRing.open(relabelled, 'backup', [passphrase]))).toMatchObject({ code: 'ring-tampered' });
  });
});

describe('a ring from a second implementation', () => {
  const answer = known<{ rootKey: string; passphrase: string; keys: Record<string, string>; digest: string; ring: string }>(import.meta.url, 'ring.json');
  const bytes = parseRootKey(answer.rootKey).use((key) => Buffer.from(key));

  test.for([
    ['its root key', held('env:ROOT', bytes)],
    ['its passphrase', passphraseSource(answer.passphrase)],
  ] as const)('[E3] opens with %s', async ([, by]) => {
    const opened = await KeyRing.open(answer.ring, 'ring', [by]);
    expect(opened.version).toEqual({ ring: 'abcdefghij234567', generation: 7, digest: answer.digest });
    expect(opened.keys.map(({ id, state }) => `${id} ${state}`)).toEqual(['gone22 destroyed', 'retire retired', 'older2 draining', 'kq2d5x active', 'coming staged']);
    expect(opened.active().secret.use((key) => key.toString('hex'))).toBe(answer.keys['kq2d5x']);
    for (const id of ['older2', 'coming']) expect(opened.decrypting(id).secret.use((key) => key.toString('hex'))).toBe(answer.keys[id]);
    for (const id of ['gone22', 'retire']) expect(refusalOf(() => opened.decrypting(id)).code).toBe('key-not-usable');
    expect(refusalOf(() => opened.decrypting('nobody')).code).toBe('missing-key');
  });

  test('is written as it was read: names of every script, retired keys and tombstones included', async () => {
    const opened = await KeyRing.open(answer.ring, 'ring', [held('env:ROOT', bytes)]);
    expect(JSON.parse(opened.print())).toEqual(JSON.parse(answer.ring));
    expect(parseRing(opened.print(), 'ring')).toEqual(parseRing(answer.ring, 'ring'));
  });

  test('a source removed keeps tombstones and retired keys', async () => {
    const by = held('file:~/ключ.key', bytes);
    const opened = await KeyRing.open(answer.ring, 'ring', [by]);
    const without = await opened.withoutSource('passphrase:', [by]);
    const again = await KeyRing.open(without.print(), 'ring', [by]);
    expect(again.keys.map(({ id, state }) => `${id} ${state}`)).toEqual(opened.keys.map(({ id, state }) => `${id} ${state}`));
    expect(again.active().secret.use((key) => key.toString('hex'))).toBe(answer.keys['kq2d5x']);
    const revived = await altered(without, by, ({ keys }) => (keys[1]!.state = 'draining'));
    expect((await KeyRing.open(revived, 'ring', [by])).decrypting('retire').secret.use((key) => key.toString('hex'))).toBe(answer.keys['retire']);
  });
});

test('a key whose bytes are not those of its fingerprint is refused', async () => {
  const ringKey = await ringKeyOf(ring, source);
  const { ring: id, environment, keys } = membersOf(ring);
  const text = await altered(ring, source, (members) => {
    members.keys[0]!.wrapped = wrapKey(ringKey, 'lockfast/key-wrap', Secret.random(), lp(id, environment, keys[0]!.id));
  });
  const opened = await KeyRing.open(text, 'ring', [source]);
  expect(refusalOf(() => opened.active()).code).toBe('ring-tampered');
});

test('[B4] a wrapped key fits its own ring, environment, key id and purpose, and no other', () => {
  const under = Secret.random();
  const key = Secret.random();
  const binding = lp('abcdefghij234567', 'production', 'kq2d5x');
  const wrapped = wrapKey(under, 'lockfast/key-wrap', key, binding);
  expect(unwrapKey(under, 'lockfast/key-wrap', wrapped, binding).use((bytes) => bytes.toString('hex'))).toBe(key.use((bytes) => bytes.toString('hex')));
  for (const other of [lp('abcdefghij234562', 'production', 'kq2d5x'), lp('abcdefghij234567', 'staging', 'kq2d5x'), lp('abcdefghij234567', 'production', 'kq2d5y'), Buffer.alloc(0)]) {
    expect(refusalOf(() => unwrapKey(under, 'lockfast/key-wrap', wrapped, other)).code).toBe('moved-or-altered');
  }
  expect(refusalOf(() => unwrapKey(under, 'lockfast/ring-wrap', wrapped, binding)).code).toBe('wrong-key');
  expect(refusalOf(() => unwrapKey(Secret.random(), 'lockfast/key-wrap', wrapped, binding)).code).toBe('wrong-key');
});

test('a wrapped key of every wrong length is refused', () => {
  const under = Secret.random();
  const binding = lp('x');
  const wrapped = Buffer.from(wrapKey(under, 'lockfast/key-wrap', Secret.random(), binding), 'base64url');
  for (let length = 0; length <= wrapped.length + 4; length++) {
    if (length === wrapped.length) continue;
    const other = Buffer.concat([wrapped, Buffer.alloc(4)]).subarray(0, length).toString('base64url');
    expect(refusalOf(() => unwrapKey(under, 'lockfast/key-wrap', other, binding)).code).toBe('malformed');
  }
  for (const other of ['', `${wrapped.toString('base64url')}=`, `${wrapped.toString('base64url')}\n`, wrapped.toString('base64')]) {
    expect(refusalOf(() => unwrapKey(under, 'lockfast/key-wrap', other, binding)).code).toMatch(/^malformed$/);
  }
});
