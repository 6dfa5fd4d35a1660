/** The keys of blind indexes in the ring: made, moved, carried through every change, destroyed, and strict to read. */
import { LockfastError } from '@lockfast/core/errors';
import { KeyRing, openBackup } from '@lockfast/core/keyring';
import { describe, expect, test } from 'vitest';

import { laterRefusalOf, refusalOf } from '../files/refusal.ts';
import { DEEP, LONG } from '../formats/scale.ts';
import { known } from '../formats/vectors.ts';
import { passphraseSource } from './passphrases.ts';
import { altered, held, membersOf, type RingMembers } from './rings.ts';

const INDEX = 'customers.email.index';
const source = held();
const clock = { now: () => Date.UTC(2026, 0, 1) };
const ring = await KeyRing.create('production', [source]);
const first = ring.withNewIndexKey(INDEX, clock);
const staged = first.withNewIndexKey(INDEX, clock);
const rotating = staged.withIndexKeyActive(INDEX, clock);
const finished = rotating.withIndexKeyDestroyed(INDEX, clock);

const reopened = (one: KeyRing): Promise<KeyRing> => KeyRing.open(one.print(), 'ring', [source]);
const statesOf = (one: KeyRing): string[] => one.indexKeys.map(({ state }) => state);

/** The bytes of all keys of the index that are usable, the current one's first. */
function bytesOf(one: KeyRing, index = INDEX): string[] {
  const { current, others } = one.indexSecrets(index);
  return [current, ...others].map(({ secret }) => secret.use((bytes) => bytes.toString('hex')));
}

describe('[B14] an index key', () => {
  test('is 32 random bytes of its own index, the first one current at once', async () => {
    const two = first.withNewIndexKey('customers.phone.index');
    const again = await reopened(two);
    expect(bytesOf(again)).toEqual(bytesOf(first));
    expect(bytesOf(again)[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(bytesOf(again)).not.toEqual(bytesOf(again, 'customers.phone.index'));
    expect(statesOf(again)).toEqual(['current', 'current']);
    expect(again.indexKeys[0]).toMatchObject({ index: INDEX, created: '2026-01-01T00:00:00.000Z', activated: '2026-01-01T00:00:00.000Z', replaced: null, destroyed: null });
  });

  test('is followed by a staged one, which is searched with and not written with; then it is the older one; then it is gone', async () => {
    expect(statesOf(staged)).toEqual(['current', 'staged']);
    expect(staged.indexSecrets(INDEX).current.id).toBe(first.indexSecrets(INDEX).current.id);
    expect(bytesOf(staged)).toHaveLength(2);
    expect(statesOf(rotating)).toEqual(['older', 'current']);
    expect(bytesOf(rotating)).toEqual(bytesOf(staged).toReversed());
    expect(statesOf(finished)).toEqual(['destroyed', 'current']);
    expect(bytesOf(await reopened(finished))).toEqual(bytesOf(rotating).slice(0, 1));
    expect(finished.indexKeys[0]).toMatchObject({ wrapped: '', replaced: '2026-01-01T00:00:00.000Z', destroyed: '2026-01-01T00:00:00.000Z' });
    expect(finished.print()).not.toContain(rotating.indexKeys[0]!.wrapped);
    // And once more.
    expect(statesOf(finished.withNewIndexKey(INDEX).withIndexKeyActive(INDEX))).toEqual(['destroyed', 'older', 'current']);
  });

  test('goes through every change of the ring and into the recovery backup, and no rotation of data keys touches it', async () => {
    const { ring: noted, backup } = await rotating.withBackup(passphraseSource('correct horse'));
    const grown = rotating.withNewKey();
    const rotated = grown.withActive(grown.keys.at(-1)!.id);
    const changes = [rotated, rotating.withDeparture(), rotating.reissued(70), rotating.withTenantSecrets(['acme']), await rotating.withSource(held('env:OTHER')), noted, await openBackup(backup, 'b', passphraseSource('correct horse'))];
    for (const changed of changes) expect(changed.indexKeys).toEqual(rotating.indexKeys);
    for (const changed of changes) expect(bytesOf(changed)).toEqual(bytesOf(rotating));
    const rewrapped = await finished.rewrappedFor([source]);
    expect(bytesOf(await reopened(rewrapped))).toEqual(bytesOf(finished));
    expect(rewrapped.indexKeys[1]!.wrapped).not.toBe(finished.indexKeys[1]!.wrapped);
    expect(rewrapped.indexKeys[0]).toEqual(finished.indexKeys[0]);
    expect(JSON.parse(backup)).toMatchObject({ format: 'lockfast-backup/4' });
  });

  test('is never made, moved or destroyed at a wrong time', () => {
    expect(refusalOf(() => ring.indexSecrets(INDEX))).toMatchObject({ code: 'missing-key' });
    expect(refusalOf(() => first.indexSecrets('customers.phone.index'))).toMatchObject({ code: 'missing-key' });
    expect(refusalOf(() => staged.withNewIndexKey(INDEX))).toMatchObject({ code: 'invalid-transition' });
    expect(refusalOf(() => rotating.withNewIndexKey(INDEX))).toMatchObject({ code: 'invalid-transition' });
    expect(refusalOf(() => first.withIndexKeyActive(INDEX))).toMatchObject({ code: 'no-such-key' });
    expect(refusalOf(() => staged.withIndexKeyDestroyed(INDEX))).toMatchObject({ code: 'no-such-key' });
    expect(refusalOf(() => finished.withIndexKeyDestroyed(INDEX))).toMatchObject({ code: 'no-such-key' });
    for (const name of ['', 'Customers', 'a b', '.a', 'a..b', 'a'.repeat(129)]) expect(refusalOf(() => ring.withNewIndexKey(name)).code).toBe('usage');
  });

  test('shows nothing of itself', () => {
    for (const secret of bytesOf(rotating)) expect(JSON.stringify([rotating, rotating.indexKeys]) + rotating.print()).not.toContain(secret);
  });
});

describe('the format', () => {
  test('[B14] a ring without index keys is as it was, byte for byte; with one a reader of /3 refuses it', async () => {
    expect(membersOf(ring).format).toBe('lockfast-keyring/2');
    expect(membersOf(ring.withTenantSecrets(['acme']))).toMatchObject({ format: 'lockfast-keyring/3' });
    expect(membersOf(ring.withTenantSecrets(['acme']))).not.toHaveProperty('indexes');
    expect(membersOf(first)).toMatchObject({ format: 'lockfast-keyring/4', tenants: [] });
    expect((await reopened(ring)).print()).toBe(ring.print());
  });

  test('a ring and a backup of format 4 from a second implementation open', async () => {
    const answer = known<{ rootKey: string; passphrase: string; digest: string; ring: string; backup: string; indexKeys: Record<string, string> }>(import.meta.url, 'ring-4.json');
    const bytes = Buffer.from(answer.rootKey.split('.')[1]!, 'base64url').subarray(0, 32);
    const opened = await KeyRing.open(answer.ring, 'ring', [held('env:ROOT', bytes)]);
    const backup = await KeyRing.open(answer.backup, 'backup', [passphraseSource(answer.passphrase)]);
    expect(opened.version.digest).toBe(answer.digest);
    for (const one of [opened, backup]) {
      expect(statesOf(one)).toEqual(['destroyed', 'older', 'current', 'current', 'staged']);
      const { inew22, iolder, iphone, icomes } = answer.indexKeys;
      expect(bytesOf(one)).toEqual([inew22, iolder]);
      expect(bytesOf(one, 'customers.phone.index')).toEqual([iphone, icomes]);
    }
    expect(JSON.parse(opened.print())).toEqual(JSON.parse(answer.ring));
    expect(JSON.parse(opened.withDeparture().print())).toMatchObject({ indexes: (JSON.parse(answer.ring) as RingMembers).indexes });
  });
});

describe('[D5] what is altered is refused', () => {
  const text = finished.print();

  test(`every byte of the index keys${DEEP ? ', every value' : ''}`, LONG, async () => {
    const bytes = Buffer.from(text);
    const [from, to] = [text.indexOf('"indexes"'), text.indexOf('"mac"')];
    for (let at = from; at < to; at++) {
      for (const by of DEEP ? Array.from({ length: 255 }, (_, i) => i + 1) : [1, 0x80]) {
        const changed = Buffer.from(bytes);
        changed[at]! ^= by;
        try {
          // White space may become other white space.
          expect(JSON.parse((await KeyRing.open(changed.toString('utf8'), 'ring', [source])).print())).toEqual(JSON.parse(text));
        } catch (error) {
          expect(error).toBeInstanceOf(LockfastError);
          expect(['ring-malformed', 'ring-tampered']).toContain((error as LockfastError).code);
        }
      }
    }
  });

  test.for<[string, (one: RingMembers) => void]>([
    ['no index keys in format 4', (one) => delete one.indexes],
    ['an empty list', (one) => (one.indexes = [])],
    ['index keys in format 3', (one) => (one.format = 'lockfast-keyring/3')],
    ['no list of tenants', (one) => delete one.tenants],
    ['one id twice', (one) => one.indexes!.push(one.indexes![0]!)],
    ['the id of a data key', (one) => (one.indexes![1]!.id = one.keys[0]!.id)],
    ['an id of another form', (one) => (one.indexes![1]!.id = 'X')],
    ['two current ones of one index', (one) => one.indexes!.push({ ...one.indexes![1]!, id: 'zzzzzz' })],
    ['an unknown state', (one) => (one.indexes![1]!.state = 'active')],
    ['a destroyed one with its key', (one) => (one.indexes![0]!.wrapped = one.indexes![1]!.wrapped)],
    ['a current one without', (one) => (one.indexes![1]!.wrapped = '')],
    ['another name of an index', (one) => (one.indexes![1]!.index = 'A b')],
    ['a time of another form', (one) => (one.indexes![1]!.created = '2026-01-01')],
    ['a member more', (one) => Object.assign(one.indexes![1]!, { more: 1 })],
  ])('%s, also when the MAC fits', async ([, change]) => {
    expect(await laterRefusalOf(KeyRing.open(await altered(text, source, change), 'ring', [source]))).toMatchObject({ code: 'ring-malformed' });
  });

  test.for<[string, string, (one: RingMembers) => void]>([
    ['a key under the name of another index', 'moved-or-altered', (one) => (one.indexes![1]!.index = 'customers.phone.index')],
    ['a key under another id', 'moved-or-altered', (one) => (one.indexes![1]!.id = 'zzzzzz')],
    ['another fingerprint', 'ring-tampered', (one) => (one.indexes![1]!.fingerprint = `sha256:${'0'.repeat(64)}`)],
    ['a data key in its place', 'wrong-key', (one) => (one.indexes![1]!.wrapped = one.keys[0]!.wrapped)],
  ])('%s is not opened', async ([, code, change]) => {
    const opened = await KeyRing.open(await altered(text, source, change), 'ring', [source]);
    expect(refusalOf(() => opened.indexSecrets(opened.indexKeys[1]!.index))).toMatchObject({ code });
  });
});
