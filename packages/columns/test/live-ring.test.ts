/** Columns on a ring that is replaced while they are used. */
import { randomBytes } from 'node:crypto';
import { channel } from 'node:diagnostics_channel';

import { LockfastError } from '@lockfast/core/errors';
import { KEY_RING_CHANNEL, type KeyRing, type KeyRingMessage, type LiveRing, ringFernetKeys, Secret } from '@lockfast/core/keyring';
import { expect, test } from 'vitest';

import { column, ColumnCounts, type ColumnDefinition, logColumnEvents } from '../src/index.ts';
import { heldRing, rotatedRing } from './held-ring.ts';

const LFV1: ColumnDefinition = { id: 'users.token', context: ['org'] };
const FERNET: ColumnDefinition = { id: 'users.token', format: 'fernet' };
const ORG = { org: 'acme' };

/** Replaced by hand; what lies ready is what a look finds. */
class Replaced implements LiveRing {
  ring: KeyRing;
  ready: KeyRing | undefined;
  looks = 0;

  constructor(ring: KeyRing) {
    this.ring = ring;
  }

  current(): KeyRing {
    return this.ring;
  }

  lookAgain(): boolean {
    this.looks++;
    if (this.ready === undefined) return false;
    this.ring = this.ready;
    this.ready = undefined;
    return true;
  }
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof LockfastError) return error.code;
    throw error;
  }
  throw new Error('it was not refused');
}

test('[T4] [D7] the next encryption is under the newly active key, and a retired key opens nothing any more', async () => {
  const old = await heldRing();
  const staged = old.withNewKey();
  const [first, second] = [old.active().id, staged.keys.at(-1)!.id];
  const live = new Replaced(old);
  const values = column(live, LFV1);
  const before = values.encrypt('a', ORG);
  live.ring = staged;
  expect(values.keyIdOf(values.encrypt('b', ORG), ORG)).toBe(first);
  live.ring = staged.withActive(second);
  const after = values.encrypt('c', ORG);
  expect(values.keyIdOf(after, ORG)).toBe(second);
  expect(values.decryptBatch([before, after], [ORG, ORG])).toEqual(['a', 'c']);
  live.ring = live.ring.withRetired(first);
  expect(codeOf(() => values.decrypt(before, ORG))).toBe('key-not-usable');
  expect(codeOf(() => values.decryptBatch([after, before], [ORG, ORG]))).toBe('key-not-usable');
  expect(values.decrypt(after, ORG)).toBe('c');
  // Only what may be under a key of a newer ring is worth a look.
  expect(live.looks).toBe(0);
});

test('[T4] a value under a key that another process has already: one look, and it opens, alone and in a batch', async () => {
  const old = await heldRing();
  const newer = rotatedRing(old);
  const elsewhere = column(newer, LFV1);
  for (const open of [
    (values: typeof elsewhere, stored: string) => values.decrypt(stored, ORG),
    (values: typeof elsewhere, stored: string) => values.decryptBatch([values.encrypt('a', ORG), stored, null], [ORG, ORG, undefined])[1],
    (values: typeof elsewhere, stored: string) => (values.keyIdOf(stored, ORG) === newer.active().id ? 'new' : undefined),
    (values: typeof elsewhere, stored: string) => (values.ageOf(stored, ORG)! < 60_000 ? 'new' : undefined),
  ]) {
    const live = new Replaced(old);
    live.ready = newer;
    const values = column(live, LFV1);
    expect(open(values, elsewhere.encrypt('new', ORG) as string)).toBe('new');
    expect(live.looks).toBe(1);
    expect(values.keyIdOf(values.encrypt('x', ORG), ORG)).toBe(newer.active().id);
  }
  const live = new Replaced(old);
  expect(codeOf(() => column(live, LFV1).decrypt(elsewhere.encrypt('new', ORG), ORG))).toBe('missing-key');
  // A value that is damaged, or in the wrong row, is no reason to look.
  const values = column(live, LFV1);
  const own = values.encrypt('a', ORG) as string;
  expect(codeOf(() => values.decrypt(own, { org: 'other' }))).toBe('moved-or-altered');
  expect(codeOf(() => values.decrypt(own.slice(0, 40), ORG))).toBe('malformed');
  expect(live.looks).toBe(1);
});

test('[T4] plaintext that is read beside such a value is counted once', async () => {
  const old = await heldRing();
  const newer = rotatedRing(old);
  const live = new Replaced(old);
  live.ready = newer;
  const values = column(live, { ...LFV1, reading: 'allow-plaintext', onPlaintext: () => {} });
  const stored = column(newer, LFV1).encrypt('new', ORG);
  expect(values.decryptBatch(['plain', stored], [ORG, ORG])).toEqual(['plain', 'new']);
  expect(values.plaintextReads).toBe(1);
});

test('[T4] Fernet tokens under the keys of the ring: a look for one that nothing opens, and the ring\'s keys of now among those of the definition', async () => {
  const old = await heldRing();
  const newer = rotatedRing(old);
  const foreign = { name: 'env:OLD', key: new Secret(randomBytes(32)) };
  const token = column(newer, FERNET).encrypt('new');
  const live = new Replaced(old);
  live.ready = newer;
  expect(column(live, FERNET).decrypt(token)).toBe('new');
  expect(live.looks).toBe(1);

  for (const fernetKeys of [[...ringFernetKeys(old), foreign], [foreign, ...ringFernetKeys(old)]]) {
    const replaced = new Replaced(old);
    const values = column(replaced, { ...FERNET, fernetKeys });
    const under = column(old, { ...FERNET, fernetKeys: [foreign] }).encrypt('foreign');
    replaced.ring = newer;
    expect(values.decrypt(token)).toBe('new');
    expect(values.decrypt(under)).toBe('foreign');
    expect(values.keyIdOf(values.encrypt('x'))).toBe(fernetKeys[0] === foreign ? 'env:OLD' : `ring:${newer.active().id}`);
    replaced.ring = newer.withRetired(old.active().id);
    expect(codeOf(() => values.decrypt(column(old, FERNET).encrypt('a')))).toBe('invalid-token');
  }
  // On a ring for good they are what was given.
  expect(codeOf(() => column(newer, { ...FERNET, fernetKeys: ringFernetKeys(old) }).decrypt(token))).toBe('invalid-token');
});

test('[T5] a ring that is kept is an error to count and to log, and no failed start; one that is replaced is none', () => {
  const counts = new ColumnCounts();
  const lines: unknown[] = [];
  const log = (level: string) => (facts: object) => void lines.push([level, facts]);
  const stop = logColumnEvents({ debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') });
  const facts = { environment: 'production', activeKey: 'kq2d5x', generation: 4 };
  const ring = channel(KEY_RING_CHANNEL);
  ring.publish({ event: 'kept', code: 'ring-older', ...facts } satisfies KeyRingMessage);
  ring.publish({ event: 'replaced', ...facts } satisfies KeyRingMessage);
  ring.publish({ event: 'refused', code: 'ring-missing' } satisfies KeyRingMessage);
  stop();
  counts.stop();
  expect(counts.counts()).toMatchObject({ keyRingErrors: { 'ring-older': 1, 'ring-missing': 1 }, failedStarts: 1 });
  expect(lines).toEqual([
    ['error', { event: 'key-ring-kept', code: 'ring-older', ...facts }],
    ['info', { event: 'key-ring-replaced', ...facts }],
    ['error', { event: 'key-ring-refused', code: 'ring-missing', environment: undefined, activeKey: undefined }],
  ]);
});

test('a ring without an active key is refused at the start', async () => {
  const ring = await heldRing();
  expect(column(new Replaced(ring), LFV1).id).toBe('users.token');
  const failing: LiveRing = { current: () => ({ active: () => { throw new LockfastError('missing-key', 'none', 'make one'); } }) as unknown as KeyRing, lookAgain: () => false };
  expect(codeOf(() => column(failing, LFV1))).toBe('missing-key');
});
