/** Tenants' own secrets in the ring: made, carried through every change, destroyed, and strict to read. */
import { KeyRing, openBackup, type TenantRecord } from '@lockfast/core/keyring';
import { LockfastError } from '@lockfast/core/errors';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { laterRefusalOf, refusalOf } from '../files/refusal.ts';
import { cases, DEEP, LONG } from '../formats/scale.ts';
import { known } from '../formats/vectors.ts';
import { passphraseSource } from './passphrases.ts';
import { altered, held, membersOf, type RingMembers } from './rings.ts';

const source = held();
const other = held('env:OTHER');
const clock = { now: () => Date.UTC(2026, 0, 1) };
const ring = await KeyRing.create('production', [source]);
const withTwo = ring.withTenantSecrets(['acme', 'wip.example.com'], clock);

const bytesOf = (one: KeyRing, tenant: string): string => one.tenantSecret(tenant, one.tenantSecretId(tenant)!).use((bytes) => bytes.toString('hex'));
const reopened = (one: KeyRing): Promise<KeyRing> => KeyRing.open(one.print(), 'ring', [source]);

describe('a tenant\'s own secret', () => {
  test('[W10] is 32 bytes of its own for each tenant, the same after the ring was written and read', async () => {
    const again = await reopened(withTwo);
    for (const tenant of ['acme', 'wip.example.com']) {
      expect(again.tenantSecretId(tenant)).toBe(withTwo.tenantSecretId(tenant));
      expect(bytesOf(again, tenant)).toBe(bytesOf(withTwo, tenant));
      expect(bytesOf(again, tenant)).toMatch(/^[0-9a-f]{64}$/);
    }
    expect(bytesOf(again, 'acme')).not.toBe(bytesOf(again, 'wip.example.com'));
    expect(again.tenantSecretId('globex')).toBeUndefined();
    expect(again.tenantSecretId('')).toBeUndefined();
    expect(withTwo.version.generation).toBe(ring.version.generation + 1);
  });

  test('is made once: asked for again, the ring is the very same', () => {
    expect(withTwo.withTenantSecrets(['acme'])).toBe(withTwo);
    expect(withTwo.withTenantSecrets([])).toBe(withTwo);
    const three = withTwo.withTenantSecrets(['acme', 'globex', 'globex']);
    expect(three.tenants).toHaveLength(3);
    expect(bytesOf(three, 'acme')).toBe(bytesOf(withTwo, 'acme'));
  });

  test.for(['', '\ud800', 'ü'.repeat(128)])('none for the name %j', (name) => {
    expect(refusalOf(() => ring.withTenantSecrets([name])).code).toBe('usage');
  });

  test('any name comes back', async () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((text) => Buffer.byteLength(text) <= 255);
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(name, { minLength: 1, maxLength: 5 }), async (names) => {
        const some = ring.withTenantSecrets(names);
        const again = await reopened(some);
        expect(again.tenants.map(({ tenant }) => tenant).toSorted()).toEqual(names.toSorted());
        for (const one of names) expect(bytesOf(again, one)).toBe(bytesOf(some, one));
      }),
      { numRuns: cases(40) },
    );
  });

  test('[W10] goes through every change of the ring, and into the recovery backup', async () => {
    const { ring: noted, backup } = await withTwo.withBackup(passphraseSource('correct horse'));
    const changes = [withTwo.withNewKey(), withTwo.withDeparture(), withTwo.reissued(70), await withTwo.withSource(other), noted, await openBackup(backup, 'b', passphraseSource('correct horse'))];
    for (const changed of changes) expect(bytesOf(changed, 'acme')).toBe(bytesOf(withTwo, 'acme'));
    const rewrapped = await withTwo.rewrappedFor([source]);
    expect(bytesOf(await reopened(rewrapped), 'acme')).toBe(bytesOf(withTwo, 'acme'));
    expect(membersOf(rewrapped).tenants).not.toEqual(membersOf(withTwo).tenants);
    expect(JSON.parse(backup)).toMatchObject({ format: 'lockfast-backup/3', tenants: membersOf(withTwo).tenants });
  });

  test('shows nothing of itself', () => {
    const secret = bytesOf(withTwo, 'acme');
    expect(JSON.stringify([withTwo, withTwo.tenants]) + withTwo.print()).not.toContain(secret);
  });
});

describe('[W10] one that was destroyed', () => {
  const id = withTwo.tenantSecretId('acme')!;
  const destroyed = withTwo.withTenantSecretDestroyed('acme', clock);

  test('is gone from the ring, which says when, and the others stay', async () => {
    const again = await reopened(destroyed);
    expect(again.tenants.find((record) => record.id === id)).toEqual({ id, tenant: 'acme', created: '2026-01-01T00:00:00.000Z', destroyed: '2026-01-01T00:00:00.000Z' } satisfies TenantRecord);
    expect(again.tenantSecretId('acme')).toBeUndefined();
    expect(refusalOf(() => again.tenantSecret('acme', id))).toEqual({
      code: 'missing-key',
      message: "the key of the tenant acme was destroyed on purpose at 2026-01-01T00:00:00.000Z: it can't be decrypted",
      hint: expect.stringContaining('from before') as unknown,
    });
    expect(bytesOf(again, 'wip.example.com')).toBe(bytesOf(withTwo, 'wip.example.com'));
    expect(again.version.generation).toBe(withTwo.version.generation + 1);
    expect(refusalOf(() => again.withTenantSecretDestroyed('acme')).code).toBe('no-such-key');
    const wrapped = membersOf(withTwo).tenants!.find((text) => text.startsWith(`id=${id}`))!.split('wrapped=')[1]!;
    expect(again.print()).not.toContain(wrapped);
  });

  test('is followed by another one, of another id and other bytes', async () => {
    const anew = await reopened(destroyed.withTenantSecrets(['acme']));
    expect(anew.tenants.filter(({ tenant }) => tenant === 'acme')).toHaveLength(2);
    expect(anew.tenantSecretId('acme')).not.toBe(id);
    expect(bytesOf(anew, 'acme')).not.toBe(bytesOf(withTwo, 'acme'));
    expect(refusalOf(() => anew.tenantSecret('acme', id)).message).toContain('destroyed on purpose');
    expect(refusalOf(() => anew.tenantSecret('wip.example.com', id))).toMatchObject({ code: 'missing-key', message: 'the key ring of production has no key of the tenant wip.example.com that fits' });
  });

  test('stays named in all later rings, a rewrapped one and a backup among them', async () => {
    for (const later of [await destroyed.rewrappedFor([source]), destroyed.withNewKey(), destroyed.withTenantSecretDestroyed('wip.example.com')]) {
      const again = await reopened(later);
      expect(membersOf(again).format).toBe('lockfast-keyring/3');
      expect(refusalOf(() => again.tenantSecret('acme', id)).message).toContain('destroyed on purpose');
    }
  });
});

describe('the format', () => {
  test('a ring without tenants\' secrets is as it was; with one a reader of /2 refuses it', () => {
    expect(membersOf(ring).format).toBe('lockfast-keyring/2');
    expect(membersOf(ring.withNewKey())).not.toHaveProperty('tenants');
    expect(membersOf(withTwo).format).toBe('lockfast-keyring/3');
  });

  test('a ring and a backup of format 3 from a second implementation open', async () => {
    const answer = known<{ rootKey: string; passphrase: string; digest: string; ring: string; backup: string; tenants: Record<string, string> }>(import.meta.url, 'ring-3.json');
    const bytes = Buffer.from(answer.rootKey.split('.')[1]!, 'base64url').subarray(0, 32);
    const opened = await KeyRing.open(answer.ring, 'ring', [held('env:ROOT', bytes)]);
    const backup = await KeyRing.open(answer.backup, 'backup', [passphraseSource(answer.passphrase)]);
    expect(opened.version.digest).toBe(answer.digest);
    for (const one of [opened, backup]) {
      expect(one.tenants.map(({ id, tenant }) => [id[0], tenant])).toEqual([['a', 'acme'], ['b', 'wip.example.com'], ['c', 'Müller & Söhne'], ['d', 'acme']]);
      for (const [id, hex] of Object.entries(answer.tenants)) {
        const { tenant } = one.tenants.find((record) => record.id === id)!;
        expect(one.tenantSecretId(tenant)).toBe(id);
        expect(bytesOf(one, tenant)).toBe(hex);
      }
    }
    expect(JSON.parse(opened.print())).toEqual(JSON.parse(answer.ring));
  });
});

describe('[D5] what is altered is refused', () => {
  const text = withTwo.withTenantSecretDestroyed('acme', clock).print();

  test(`every byte of the tenants${DEEP ? ', every value' : ''}`, LONG, async () => {
    const bytes = Buffer.from(text);
    const [from, to] = [text.indexOf('"tenants"'), text.indexOf('"mac"')];
    for (let at = from; at < to; at++) {
      for (const by of DEEP ? Array.from({ length: 255 }, (_, i) => i + 1) : [1, 0x20, 0x80]) {
        const changed = Buffer.from(bytes);
        changed[at]! ^= by;
        try {
          const opened = await KeyRing.open(changed.toString('utf8'), 'ring', [source]);
          // White space may become other white space.
          expect(JSON.parse(opened.print())).toEqual(JSON.parse(text));
        } catch (error) {
          expect(error).toBeInstanceOf(LockfastError);
          expect(['ring-malformed', 'ring-tampered']).toContain((error as LockfastError).code);
        }
      }
    }
  });

  const members = membersOf(text);
  const [first, second] = members.tenants as [string, string];
  const live = first.includes('wrapped') ? first : second;
  const third = live.replace(/^id=.{16}/, 'id=zzzzzzzzzzzzzzzz');
  test.for<[string, (one: RingMembers) => void]>([
    ['no tenants in format 3', (one) => delete one.tenants],
    ['an empty list', (one) => (one.tenants = [])],
    ['tenants in format 2', (one) => (one.format = 'lockfast-keyring/2')],
    ['a record that is no text', (one) => (one.tenants = [first, 7 as unknown as string])],
    ['out of order', (one) => (one.tenants = [second, first])],
    ['one twice', (one) => (one.tenants = [first, first, second])],
    ['two that are not destroyed for one tenant', (one) => one.tenants!.push(third)],
    ['an id of another form', (one) => (one.tenants = [live.replace(/^id=.{16}/, 'id=AAAAAAAAAAAAAAAA')])],
    ['a short id', (one) => (one.tenants = [live.replace(/^id=./, 'id=')])],
    ['no name', (one) => (one.tenants = [live.replace(/tenant=\S+/, 'tenant=')])],
    ['a name with a space', (one) => (one.tenants = [live.replace(/tenant=\S+/, 'tenant=a b')])],
    ['a name that is encoded without need', (one) => (one.tenants = [live.replace(/tenant=./, 'tenant=%77')])],
    ['a name in lower-case hex', (one) => (one.tenants = [live.replace(/tenant=\S+/, 'tenant=%c3%bc')])],
    ['a name that is no UTF-8', (one) => (one.tenants = [live.replace(/tenant=\S+/, 'tenant=%FF')])],
    ['a long name', (one) => (one.tenants = [live.replace(/tenant=\S+/, `tenant=${'a'.repeat(256)}`)])],
    ['a time of another form', (one) => (one.tenants = [live.replace(/created=\S+/, 'created=2026-01-01')])],
    ['a wrapped secret that is cut short', (one) => (one.tenants = [live.slice(0, -1)])],
    ['something behind it', (one) => (one.tenants = [`${live} `])],
    ['neither secret nor date', (one) => (one.tenants = [live.replace(/wrapped=.*/, '')])],
    ['a date of destruction that is none', (one) => (one.tenants = [live.replace(/wrapped=.*/, 'destroyed=yes')])],
    ['a newline at the end', (one) => (one.tenants = [`${live}\n`])],
  ])('%s, also when the MAC fits', async ([, change]) => {
    expect(await laterRefusalOf(KeyRing.open(await altered(text, source, change), 'ring', [source]))).toMatchObject({ code: 'ring-malformed' });
  });

  test.for<[string, (one: RingMembers) => void]>([
    ['one removed', (one) => one.tenants!.pop()],
    ['another tenant', (one) => (one.tenants = one.tenants!.map((record) => record.replace('tenant=wip', 'tenant=wap')))],
    ['another date', (one) => (one.tenants = one.tenants!.map((record) => record.replace('created=2026', 'created=2025')))],
    ['one of an earlier version, that was destroyed since', (one) => (one.tenants = membersOf(withTwo).tenants!)],
    ['all taken away, as format 2', (one) => Object.assign(one, { format: 'lockfast-keyring/2', tenants: undefined })],
  ])('%s', async ([, change]) => {
    const one = membersOf(text);
    change(one);
    expect((await laterRefusalOf(KeyRing.open(JSON.stringify(one), 'ring', [source]))).code).toBe('ring-tampered');
  });

  test('a secret moved to another tenant or id, or its digits altered, does not unwrap, also when the MAC fits', async () => {
    const open = async (change: (record: string) => string): Promise<string> => {
      const moved = await KeyRing.open(await altered(withTwo, source, (one) => (one.tenants = one.tenants!.map(change).toSorted())), 'ring', [source]);
      const { tenant, id } = moved.tenants.find((record) => record.tenant !== 'wip.example.com')!;
      return refusalOf(() => moved.tenantSecret(tenant, id)).code;
    };
    expect(await open((record) => record.replace('tenant=acme', 'tenant=globex'))).toBe('moved-or-altered');
    expect(await open((record) => record.replace(/^id=.{16}(?= tenant=acme)/, 'id=zzzzzzzzzzzzzzzz'))).toBe('moved-or-altered');
    expect(await open((record) => record.replace(/.$/, '*'))).toBe('malformed');
    expect(await open((record) => record.replace(/(wrapped=.{20}).{4}/, '$1AAAA'))).toBe('wrong-key');
  });
});

test('a ring with 1 000 tenants is made, opened and looked into without noticeable time', LONG, async () => {
  const names = Array.from({ length: 1_000 }, (_, i) => `tenant-${i}.example.com`);
  const many = ring.withTenantSecrets(names);
  await reopened(many);
  const start = process.cpuUsage();
  const opened = await reopened(many);
  bytesOf(opened, names[777]!);
  expect(opened.version.digest).toBe(many.version.digest);
  const { user, system } = process.cpuUsage(start);
  expect((user + system) / 1000).toBeLessThan(250);
});

test('a name that would rewrite the terminal is in no message as it is', () => {
  const name = '\u001b[2J\u202eacme';
  const { message } = refusalOf(() => ring.withTenantSecrets([name]).tenantSecret(name, 'aaaaaaaaaaaaaaaa'));
  expect(message).toBe('the key ring of production has no key of the tenant %1B%5B2J%E2%80%AEacme that fits');
});
