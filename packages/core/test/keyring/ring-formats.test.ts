/** A ring of format 1 is read by its own rules and becomes format 2 with its first change. */
import { type KeyRecord, KeyRing, parseRootKey } from '@lockfast/core/keyring';
import { describe, expect, test } from 'vitest';

import { laterRefusalOf } from '../files/refusal.ts';
import { known } from '../formats/vectors.ts';
import { passphraseSource } from './passphrases.ts';
import { altered, held, membersOf, type RingMembers } from './rings.ts';

interface Answer {
  readonly rootKey: string;
  readonly passphrase: string;
  readonly digest: string;
  readonly ring: string;
}

const first = known<Answer>(import.meta.url, 'ring.json');
const second = known<Answer & { readonly backup: string; readonly ledgerKey: string }>(import.meta.url, 'ring-2.json');
const source = held('env:ROOT', parseRootKey(first.rootKey).use((bytes) => Buffer.from(bytes)));
const LATER = { drained: null, retired: null, destroyed: null, compromised: null };

describe('a ring of format 1', () => {
  test('opens, and says nothing of what its format does not know', async () => {
    const ring = await KeyRing.open(first.ring, 'ring', [source]);
    expect(ring.departure).toBeNull();
    expect(ring.keys).toEqual(membersOf(first.ring).keys.map((key) => ({ ...key, ...LATER })));
    expect(ring.version.digest).toBe(first.digest);
    expect(ring.ledgerKey()).toBeUndefined();
  });

  test('becomes format 2 with its first change, whatever that is, and keeps all it had', async () => {
    const ring = await KeyRing.open(first.ring, 'ring', [source]);
    const changes = [ring.withNewKey(), ring.withActive('coming'), ring.withRetired('older2'), ring.withDestroyed('retire'), ring.withCompromised('kq2d5x'), ring.withDeparture(), ring.reissued(9)];
    for (const changed of changes) {
      expect(membersOf(changed)).toMatchObject({ format: 'lockfast-keyring/2', ring: ring.version.ring });
      const again = await KeyRing.open(changed.print(), 'ring', [source]);
      expect(again.keys.map(({ id, fingerprint, created }) => [id, fingerprint, created]).slice(0, 5)).toEqual(ring.keys.map(({ id, fingerprint, created }) => [id, fingerprint, created]));
    }
    for (const [id, change] of [['older2', ring.withActive('coming')], ['kq2d5x', ring.withActive('coming')]] as const) {
      expect(change.decrypting(id).secret.use((key) => key.toString('hex'))).toBe(ring.decrypting(id).secret.use((key) => key.toString('hex')));
    }
  });

  test('[D5] called format 2, or format 2 called format 1, it is refused', async () => {
    const relabelled = { ...membersOf(first.ring), format: 'lockfast-keyring/2' };
    expect((await laterRefusalOf(KeyRing.open(JSON.stringify(relabelled), 'ring', [source]))).code).toBe('ring-malformed');
    const filled = { ...relabelled, departure: null, keys: relabelled.keys.map((key) => ({ ...key, ...LATER })) };
    expect((await laterRefusalOf(KeyRing.open(JSON.stringify(filled), 'ring', [source]))).code).toBe('ring-tampered');
    const ring = (await KeyRing.open(first.ring, 'ring', [source])).withDeparture();
    const { departure: _, ...older } = membersOf(ring);
    const keys = older.keys.map(({ id, state, created, activated, fingerprint, wrapped }) => ({ id, state, created, activated, fingerprint, wrapped }));
    expect((await laterRefusalOf(KeyRing.open(JSON.stringify({ ...older, format: 'lockfast-keyring/1', keys }), 'ring', [source]))).code).toBe('ring-tampered');
  });

  test.for<[string, (members: RingMembers) => void]>([
    ['a departure', (one) => (one.departure = null)],
    ['a mark', (one) => (one.keys[3]!.compromised = '2026-01-01T00:00:00.000Z')],
    ['a ledger', (one) => (one.ledger = null)],
  ])('with %s it is none, also when it is authentic', async ([, change]) => {
    expect((await laterRefusalOf(KeyRing.open(await altered(first.ring, source, change), 'ring', [source]))).code).toBe('ring-malformed');
  });
});

describe('a ring and a backup of format 2 from a second implementation', () => {
  test('open with root key and passphrase, every member as it is specified', async () => {
    const ring = await KeyRing.open(second.ring, 'ring', [source]);
    expect(ring.version).toEqual({ ring: 'abcdefghij234567', generation: 8, digest: second.digest });
    expect(ring.departure).toBe('2026-06-02T00:00:00.000Z');
    expect(ring.keys).toEqual(membersOf(second.ring).keys as unknown as readonly KeyRecord[]);
    expect(ring.keys.map(({ id, state, compromised }) => `${id} ${state} ${compromised !== null}`)).toEqual([
      'gone22 destroyed true',
      'retire retired false',
      'older2 draining true',
      'kq2d5x active false',
      'coming staged false',
    ]);
    expect(JSON.parse(ring.print())).toEqual(JSON.parse(second.ring));
  });

  test('its backup holds the ledger\'s key', async () => {
    const backup = await KeyRing.open(second.backup, 'backup', [passphraseSource(second.passphrase)]);
    const { log, epoch, key } = backup.ledgerKey()!;
    expect([log, epoch, key.use((bytes) => bytes.toString('hex'))]).toEqual(['examplelog', 3, second.ledgerKey]);
    expect(JSON.parse(backup.print())).toEqual(JSON.parse(second.backup));
  });
});
