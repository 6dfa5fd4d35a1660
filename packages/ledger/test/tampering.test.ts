/** Whoever can write to the ledger: what they can not do unseen, and what they can. */
import { createSecretKey } from 'node:crypto';

import { describe, expect, test } from 'vitest';

import { leafHash } from '../src/chain.ts';
import { signCheckpoint } from '../src/checkpoint.ts';
import { EntryChain } from '../src/entry-chain.ts';
import { printEntry } from '../src/entry.ts';
import { originOf } from '../src/origin.ts';
import { privateKeyFrom } from '../src/signed-note.ts';
import type { StoredEntry } from '../src/stores/store.ts';
import { heldBy, type Trust } from '../src/verify.ts';
import { chained, checkpointAt, cosigned, countsOf, entriesTo, entryAt, FIRST_KEY, LOG, rootAt, SIGNER, TRUST, verdictOf, WITH_KEY, withByte } from './sample.ts';

const SIZE = 200;
const DEEP = process.env['LOCKFAST_DEEP'] === '1';
/** Tens of thousands of ledgers, on a busy machine of two cores. */
const SWEEP = { timeout: DEEP ? 3_600_000 : 600_000 };
/** The lowest bit turns a digit into a digit, 0x20 a letter into its other case, 0x80 leaves ASCII. */
const FLIPS = DEEP ? [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80] : [0x01];

const whole = chained(entriesTo(SIZE));
const checkpoints = [cosigned(checkpointAt(whole, 40)), cosigned(checkpointAt(whole, 80)), checkpointAt(whole, 120), cosigned(checkpointAt(whole, 150)), checkpointAt(whole, 180)];

test('[B5] an untouched ledger of 200 entries: witnessed, signed and unanchored are told apart', async () => {
  const verdict = await verdictOf(whole, checkpoints, WITH_KEY);
  expect(verdict).toEqual({
    ok: true, entries: 200, witnessed: 150, signed: 30, unanchored: 20, dangling: [200], restores: [], findings: [], signatures: 'checked', mac: { from: 1 },
  });
});

/** What `verifyLedger` asks of each entry, so that the entries before it are not read again for each byte; in the deep run with it all. */
async function sweep(length: (stored: StoredEntry) => number, changed: (stored: StoredEntry, at: number) => StoredEntry, trust: Trust): Promise<number> {
  const chain = new EntryChain(LOG, trust.epochKey);
  let changes = 0;
  for (const stored of whole) {
    const i = stored.seq - 1;
    for (let at = 0; at < length(stored); at++) {
      if (typeof chain.take(changed(stored, at)) !== 'string') throw new Error(`byte ${at} of entry ${stored.seq} is not found`);
      changes += 1;
    }
    for (let at = DEEP ? 0 : i % 7; at < length(stored); at += DEEP ? 1 : 50) {
      const { firstBad } = await verdictOf(whole.with(i, changed(stored, at)), [], trust);
      if (firstBad?.seq !== stored.seq) throw new Error(`byte ${at} of entry ${stored.seq}: found is ${String(firstBad?.seq)}`);
    }
    expect(chain.take(stored)).toEqual(entryAt(stored.seq));
  }
  return changes;
}

describe.each(FLIPS)('bits %i', (bits) => {
  test('[B5] every single-byte change of every entry is found, and the entry named, by the chain alone', SWEEP, async () => {
    const changes = await sweep(({ entry }) => entry.length, (stored, at) => ({ ...stored, entry: withByte(stored.entry, at, bits) }), TRUST);
    expect(changes).toBe(whole.reduce((sum, { entry }) => sum + entry.length, 0));
  });

  test('[B5] every single-byte change of every chain hash is found, and the entry named', SWEEP, async () => {
    expect(await sweep(({ chain }) => chain.length, (stored, at) => ({ ...stored, chain: withByte(stored.chain, at, bits) }), TRUST)).toBe(32 * SIZE);
  });

  test('[B5] every single-byte change of every MAC is found with the key of the backup, and the entry named', SWEEP, async () => {
    expect(await sweep(({ mac }) => mac!.length, (stored, at) => ({ ...stored, mac: withByte(stored.mac!, at, bits) }), WITH_KEY)).toBe(32 * SIZE);
  });

  test('[B5] every single-byte change of every checkpoint is found: as tampering, or where a cosignature is nobody\'s then, as not witnessed', SWEEP, async () => {
    let unwitnessed = 0;
    for (const [i, checkpoint] of checkpoints.entries()) {
      const note = Buffer.from(checkpoint.note, 'utf8');
      const cosignature = note.indexOf('\u2014 witness');
      for (let at = 0; at < note.length; at++) {
        const changed = withByte(note, at, bits).toString('utf8');
        const verdict = await verdictOf(whole, [{ ...checkpoint, note: changed }]);
        if (verdict.firstBad?.seq === checkpoint.size) continue;
        const isOthers = cosignature !== -1 && at >= cosignature && verdict.ok && verdict.witnessed === 0;
        if (!isOthers) throw new Error(`byte ${at} of checkpoint ${i}: ${JSON.stringify(verdict)}`);
        unwitnessed += 1;
      }
    }
    // The name and the id of the witness, in three notes.
    expect(unwitnessed).toBeGreaterThan(0);
    expect(unwitnessed).toBeLessThanOrEqual(3 * ('witness.example/1'.length + 6));
  });
});

test.each(checkpoints.map((checkpoint, i) => [checkpoint.size, i] as const))('[B5] the checkpoint of %i filed under another size or origin is found', async (size, i) => {
  const checkpoint = checkpoints[i]!;
  for (const filed of [{ size: size + 1 }, { size: 0 }, { size: -1 }, { size: 1.5 }, { size: Number.NaN }, { origin: originOf(LOG, 2) }, { origin: '' }]) {
    expect((await verdictOf(whole, checkpoints.with(i, { ...checkpoint, ...filed }))).firstBad?.seq).toBe(size);
  }
});

describe('[B5] entries removed, swapped, repeated, put in: the first that is not in its place is named', () => {
  const renumbered = (entries: readonly StoredEntry[]): StoredEntry[] => entries.map((stored, i) => ({ ...stored, seq: i + 1 }));
  const all = Array.from({ length: SIZE }, (_, i) => i);

  test('each one removed, with its number and without', async () => {
    // The last one is the tail: see below.
    for (const i of all.slice(0, -1)) {
      expect((await verdictOf(whole.toSpliced(i, 1))).firstBad?.seq).toBe(i + 1);
      expect((await verdictOf(renumbered(whole.toSpliced(i, 1)))).firstBad?.seq).toBe(i + 1);
    }
  });

  test('each two neighbours swapped, with their numbers, without, and their bytes alone', async () => {
    for (const i of all.slice(0, -1)) {
      const [a, b] = [whole[i]!, whole[i + 1]!];
      for (const swapped of [[b, a], [{ ...b, seq: a.seq }, { ...a, seq: b.seq }], [{ ...a, entry: b.entry }, { ...b, entry: a.entry }]]) {
        expect((await verdictOf(whole.toSpliced(i, 2, ...swapped))).firstBad?.seq).toBe(i + 1);
      }
    }
  });

  test('each one repeated behind itself, and at the end', async () => {
    for (const i of all) {
      const again = whole[i]!;
      expect((await verdictOf(whole.toSpliced(i + 1, 0, again))).firstBad?.seq).toBe(i + 2);
      expect((await verdictOf(renumbered(whole.toSpliced(i + 1, 0, again)))).firstBad?.seq).toBe(i + 2);
      expect((await verdictOf([...whole, { ...again, seq: SIZE + 1 }])).firstBad?.seq).toBe(SIZE + 1);
    }
  });

  test('one of another ledger put in the place of each', async () => {
    const other = chained(entriesTo(SIZE), FIRST_KEY, 'ponmlkjihgfedcba');
    for (const i of all) expect((await verdictOf(whole.with(i, other[i]!))).firstBad?.seq).toBe(i + 1);
  });
});

describe('[B5] a tail that is cut off', () => {
  const cuts = Array.from({ length: SIZE }, (_, size) => size);

  test('at every length below a checkpoint that is known, signed or witnessed: found, with the first missing entry', async () => {
    const known = { ...TRUST, held: [{ ...heldBy('the state directory', checkpoints[4]!.note, false) }] };
    const witnessed = { ...TRUST, held: [{ ...heldBy('the directory /mnt/w', checkpoints[4]!.note, true) }] };
    for (const size of cuts) {
      for (const [own, trust] of [[checkpoints, TRUST], [[], known], [[], witnessed]] as const) {
        const verdict = await verdictOf(whole.slice(0, size), own, trust);
        expect([verdict.ok, verdict.firstBad?.seq]).toEqual(size < 180 ? [false, size + 1] : [true, undefined]);
      }
    }
  });

  test('at every length without one: told by the count of those that nothing covers, and by nothing else', async () => {
    for (const size of cuts) {
      const verdict = await verdictOf(whole.slice(0, size), checkpoints.filter((checkpoint) => checkpoint.size <= size));
      const signed = [0, 40, 80, 120, 150, 180].findLast((each) => each <= size)!;
      const witnessed = [0, 40, 80, 150].findLast((each) => each <= size)!;
      expect(verdict.ok).toBe(true);
      expect(countsOf(verdict)).toEqual([witnessed, signed - witnessed, size - signed]);
    }
  });

  test('before the epoch of a backup: found by its key alone', async () => {
    const long = chained(entriesTo(600));
    const epoch = { epoch: 2, key: FIRST_KEY };
    for (const size of [0, 1, 255, 256, 511]) expect((await verdictOf(long.slice(0, size), [], { ...TRUST, epochKey: epoch })).firstBad?.seq).toBe(size + 1);
    expect((await verdictOf(long.slice(0, 512), [], { ...TRUST, epochKey: epoch })).ok).toBe(true);
  });
});

describe('[B5] a forger who writes all hashes anew', () => {
  /** From entry 100 on, under another key for the MACs: theirs is gone. */
  const forged = (at: number, key = FIRST_KEY): StoredEntry[] => chained(entriesTo(SIZE).with(at - 1, printEntry({ ...entryAt(at), object: 'another' })), key);
  const stranger = privateKeyFrom(Buffer.alloc(32, 9));

  test('is not found in what no checkpoint covers, and that is what the count says', async () => {
    const verdict = await verdictOf(forged(181), checkpoints);
    expect([verdict.ok, verdict.unanchored]).toEqual([true, 20]);
  });

  test('is found through the signed checkpoint: the range is named, from behind the last one that fits', async () => {
    for (const [at, first, fits] of [[1, 1, 40], [2, 1, 40], [40, 1, 40], [41, 41, 80], [100, 81, 120], [180, 151, 180]] as const) {
      const { firstBad, entries } = await verdictOf(forged(at), checkpoints);
      // A first entry that is another one is none of this ledger.
      expect(firstBad?.seq).toBe(first);
      expect(entries).toBe(first - 1);
      if (at > 1) expect(firstBad?.reason).toContain(`up to entry ${fits}`);
    }
  });

  test('is found when they sign anew with a key of their own, and when they name theirs in the ledger', async () => {
    const entries = forged(100);
    const theirs = [40, 80, 120, 200].map((size) => checkpointAt(entries, size, 1, stranger));
    expect((await verdictOf(entries, theirs)).firstBad).toEqual({ seq: 40, reason: expect.stringContaining('not signed by a key of its ledger') as string });
    // A signature under the right name, by the wrong key.
    const wrong = checkpoints.with(2, { ...theirs[2]!, note: theirs[2]!.note.replace(/\u2014 (\S+) .*/u, /\u2014 .*/u.exec(checkpoints[2]!.note)![0]) });
    expect((await verdictOf(entries, wrong)).firstBad?.seq).toBe(120);
  });

  test('is found through a witness when they have the signing key, and drop or replace every checkpoint', async () => {
    const entries = forged(100);
    const theirs = [40, 80, 120, 180, 200].map((size) => checkpointAt(entries, size));
    expect((await verdictOf(entries, theirs)).ok).toBe(true);
    const held = [heldBy('the witness', checkpoints[3]!.note, true)];
    for (const own of [theirs, []]) {
      const { firstBad } = await verdictOf(entries, own, { ...TRUST, held });
      expect(firstBad?.seq).toBe(own.length === 0 ? 1 : 121);
      expect(firstBad?.reason).toContain('what the witness holds');
    }
  });

  test('is found through the MAC, at the very entry, when the backup has the key of its epoch or of one before', async () => {
    for (const at of [2, 100, 200]) {
      for (const key of [1, 200].map((byte) => createSecretKey(Buffer.alloc(32, byte)))) {
        const entries = chained(entriesTo(SIZE).with(at - 1, printEntry({ ...entryAt(at), object: 'another' })), key).map((stored) => (stored.seq < at ? whole[stored.seq - 1]! : stored));
        expect((await verdictOf(entries, [], WITH_KEY)).firstBad?.seq).toBe(at);
      }
    }
  });

  test('is found in the epochs before the one that they took the key of', async () => {
    const long = chained(entriesTo(600));
    // They have the key of epoch 2, from entry 513 on, and nothing before.
    const forgery = chained(entriesTo(600).with(299, printEntry({ ...entryAt(300), object: 'another' })));
    const mixed = forgery.map((stored) => ({ ...stored, mac: stored.seq >= 513 ? stored.mac! : long[stored.seq - 1]!.mac! }));
    expect((await verdictOf(mixed, [], WITH_KEY)).firstBad?.seq).toBe(300);
    // Without the key nobody can tell: so it is said.
    expect(await verdictOf(mixed, [], TRUST)).toMatchObject({ ok: true, mac: 'unchecked', unanchored: 600 });
  });
});

describe('bug class 6: relabelled to what needs no key', () => {
  test('[B5] entries without a MAC behind entries with one, at every place', async () => {
    for (let i = 1; i < SIZE; i++) {
      const bare = whole.map((stored) => (stored.seq > i ? without(stored) : stored));
      expect((await verdictOf(bare)).firstBad?.seq).toBe(i + 1);
      expect((await verdictOf(whole.with(i, without(whole[i]!)))).firstBad?.seq).toBe(i + 1);
    }
  });

  test('[B5] no MACs at all, where the backup has a key for them', async () => {
    const bare = whole.map(without);
    expect(await verdictOf(bare)).toMatchObject({ ok: true, mac: 'unchecked' });
    expect((await verdictOf(bare, [], WITH_KEY)).firstBad).toEqual({ seq: 1, reason: 'it has no MAC, and the backup has a key for it' });
  });

  test('[B5] a MAC that is empty, short or long, key or no key', async () => {
    for (const mac of [Buffer.alloc(0), whole[9]!.mac!.subarray(0, 31), Buffer.concat([whole[9]!.mac!, Buffer.of(0)])]) {
      for (const trust of [TRUST, WITH_KEY]) expect((await verdictOf(whole.with(9, { ...whole[9]!, mac }), [], trust)).firstBad?.seq).toBe(10);
    }
  });

  test('[B5] the key of one epoch is not taken for that of another, and an empty epoch can not be slipped in', async () => {
    const long = chained(entriesTo(600));
    expect(await verdictOf(long, [], WITH_KEY)).toMatchObject({ ok: true, mac: { from: 1 } });
    for (const epoch of [1, 2]) expect((await verdictOf(long, [], { ...TRUST, epochKey: { epoch, key: FIRST_KEY } })).firstBad?.seq).toBe(256 * epoch + 1);
  });
});

describe('bug class 14: the log does not choose who it is', () => {
  const other = 'ponmlkjihgfedcba';
  const origin = originOf(other, 1);

  test('[B5] another ledger with another id, whole and signed, is refused at its first entry', async () => {
    expect((await verdictOf(whole, checkpoints, { ...TRUST, logId: other })).firstBad).toEqual({ seq: 1, reason: 'it is another ledger' });
  });

  test('[B5] a checkpoint of another ledger under the same key, in the store or held elsewhere', async () => {
    const note = signCheckpoint({ origin, size: 120, root: rootAt(whole, 120) }, SIGNER);
    expect((await verdictOf(whole, [{ size: 120, origin, note }])).firstBad).toEqual({ seq: 120, reason: 'its checkpoint is of another ledger' });
    expect((await verdictOf(whole, [], { ...TRUST, held: [heldBy('the witness', note, true)] })).firstBad?.reason).toBe('the witness holds a checkpoint of another ledger');
  });

  test('[B5] the keys that a ledger brings along prove nothing', async () => {
    const { publicKeys: _, ...rest } = TRUST;
    const verdict = await verdictOf(whole, [checkpointAt(whole, 120)], { ...rest, publicKeys: undefined });
    expect(verdict).toMatchObject({ ok: true, signatures: 'unchecked', signed: 0, unanchored: 200 });
    // They do not excuse a checkpoint that they did not sign either.
    const stranger = checkpointAt(whole, 120, 1, privateKeyFrom(Buffer.alloc(32, 9)));
    expect((await verdictOf(whole, [stranger], { ...rest, publicKeys: undefined })).firstBad?.seq).toBe(120);
  });

  test('[B5] two checkpoints of one size that contradict each other can not both stand', async () => {
    const forgery = chained(entriesTo(SIZE).with(99, printEntry({ ...entryAt(100), object: 'another' })));
    for (const both of [[checkpointAt(whole, 120), checkpointAt(forgery, 120)], [checkpointAt(forgery, 120), checkpointAt(whole, 120)]]) {
      for (const entries of [whole, forgery]) expect((await verdictOf(entries, both)).firstBad?.seq).toBeLessThanOrEqual(120);
    }
  });

  test('[B5] a leaf can not pass for a node, nor an entry for a chain hash', () => {
    // Their first bytes differ: 0 for a leaf, 1 for a node, 2 for the chain.
    const [a, b] = [leafHash(whole[0]!.entry), leafHash(whole[1]!.entry)];
    expect(leafHash(Buffer.concat([a, b])).equals(rootAt(whole, 2))).toBe(false);
  });
});

function without({ seq, entry, chain }: StoredEntry): StoredEntry {
  return { seq, entry, chain };
}
