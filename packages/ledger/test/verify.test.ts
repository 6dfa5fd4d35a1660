/** What a walk over a whole ledger finds besides broken hashes: odd entries, open intents, restores, clocks. */
import { describe, expect, test } from 'vitest';

import { canonicalJson, type Json } from '@lockfast/core/formats';

import { type LedgerEntry, printEntry } from '../src/entry.ts';
import { originOf } from '../src/origin.ts';

import { heldBy, verifyLedger } from '../src/verify.ts';
import { chained, checkpointAt, cosigned, countsOf, entriesTo, entryAt, FIRST_KEY, LOG, rootAt, sourceOf, timeOf, TRUST, verdictOf } from './sample.ts';

const bytesOf = (entry: unknown): Buffer => Buffer.from(canonicalJson(entry as Json), 'utf8');

/** A ledger of `count` entries in which some stand for others, hashed as it is. */
function withOthers(count: number, others: Readonly<Record<number, Buffer | Partial<LedgerEntry>>>): ReturnType<typeof chained> {
  const entries = entriesTo(count).map((bytes, i) => {
    const other = others[i + 1];
    if (other === undefined) return bytes;
    return Buffer.isBuffer(other) ? other : printEntry({ ...entryAt(i + 1), ...other });
  });
  return chained(entries);
}

test('[B5] an empty ledger, and ledgers of every small size, in pages of every size', async () => {
  expect(await verdictOf([])).toMatchObject({ ok: true, entries: 0, witnessed: 0, signed: 0, unanchored: 0 });
  for (let size = 1; size <= 20; size++) {
    const whole = chained(entriesTo(size));
    for (const pages of [1, 2, 3, 7, 1000]) {
      const verdict = await verifyLedger(sourceOf(whole, [checkpointAt(whole, Math.ceil(size / 2))], pages), TRUST);
      expect(verdict).toMatchObject({ ok: true, entries: size, dangling: size % 2 === 0 ? [size] : [] });
      expect(countsOf(verdict)).toEqual([0, Math.ceil(size / 2), Math.floor(size / 2)]);
    }
  }
});

describe('[B5] entries that nothing but the hashes of a forger holds together', () => {
  const fine = entryAt(5) as unknown as Record<string, Json>;
  const actor = fine['actor'] as Record<string, Json>;
  const bad: [string, Buffer][] = [
    ['no bytes', Buffer.alloc(0)], ['no JSON', Buffer.from('entry')], ['a list', Buffer.from('[]')], ['null', Buffer.from('null')], ['a number', Buffer.from('1')],
    ['white space', Buffer.from(JSON.stringify(fine, null, 1))], ['members out of order', Buffer.from(JSON.stringify({ v: 1, ...fine }))],
    ['a member named twice', Buffer.from(bytesOf(fine).toString().replace('{"actor"', '{"actor":1,"actor"'))], ['an escape that is not needed', Buffer.from(bytesOf(fine).toString().replace('"o"', '"\\u006f"'))],
    ['a byte order mark', Buffer.concat([Buffer.from('\ufeff'), bytesOf(fine)])], ['invalid UTF-8', Buffer.concat([bytesOf({ ...fine, object: 'x' }).subarray(0, -2), Buffer.from([0xff])])],
    ['half a surrogate pair', bytesOf({ ...fine, object: '\ud800' })], ['a fraction', Buffer.from(bytesOf(fine).toString().replace('"pid":1', '"pid":1.5'))], ['nested beyond the stack', Buffer.from('['.repeat(50_000) + ']'.repeat(50_000))],
    ['a newline behind it', Buffer.concat([bytesOf(fine), Buffer.from('\n')])],
    ...Object.keys(fine).map((name): [string, Buffer] => [`without ${name}`, bytesOf(Object.fromEntries(Object.entries(fine).filter(([each]) => each !== name)))]),
    ...['user', 'uid', 'host', 'pid', 'program'].map((name): [string, Buffer] => [`an actor without ${name}`, bytesOf({ ...fine, actor: Object.fromEntries(Object.entries(actor).filter(([each]) => each !== name)) })]),
    ...([
      ['more', 1], ['v', 2], ['v', '1'], ['kind', 'note'], ['time', '2026-01-02T03:04:05Z'], ['time', '2026-02-30T03:04:05.678Z'], ['time', '2026-01-02T24:00:00.000Z'], ['time', '2026-01-02 03:04:05.678Z'], ['time', 0],
      ['actor', null], ['actor', 'u'], ['actor', { ...actor, more: 1 }], ['actor', { ...actor, uid: '0' }], ['actor', { ...actor, uid: -2 }], ['actor', { ...actor, pid: 0 }], ['actor', { ...actor, sudo: 7 }],
      ['operation', 'De Crypt'], ['operation', ''], ['operation', 'a--b'], ['object', 7], ['object', null], ['tenant', null], ['environment', 1], ['keyId', []], ['reason', true],
      ['details', []], ['details', { a: null }], ['details', { a: { b: 1 } }], ['details', { a: [1] }], ['outcome', 'ok'], ['code', ''], ['code', 'Wrong Key'], ['intent', 0], ['intent', -1], ['intent', '4'], ['kind', 'intent'], ['kind', 'event'],
    ] as [string, Json][]).map(([name, value]): [string, Buffer] => [`${name}: ${JSON.stringify(value)}`, bytesOf({ ...fine, [name]: value })]),
    ['an intent with an outcome', bytesOf({ ...entryAt(4), outcome: 'success' })], ['an intent with a code', bytesOf({ ...entryAt(4), code: 'internal' })],
    ['an event without an outcome', bytesOf({ ...entryAt(4), kind: 'event' })], ['a member called __proto__', Buffer.from(bytesOf(fine).toString().replace('{"actor"', '{"__proto__":{"outcome":"success"},"actor"'))],
  ];

  test.each(bad)('%s', async (_, bytes) => {
    expect((await verdictOf(withOthers(9, { 5: bytes }))).firstBad?.seq).toBe(5);
  });

  test('everything that may stand in one', async () => {
    const full = {
      ...entryAt(5), tenant: 'acme', environment: 'production', keyId: 'kq2d5x', reason: 'why \ud83d\udd11', code: 'wrong-key', outcome: 'failure', actor: { ...entryAt(5).actor, sudo: 'alice', uid: -1 },
      details: { a: 'x', b: -3, c: false, '10': 1, '9': 2 },
    } as const;
    expect((await verdictOf(withOthers(9, { 5: full }))).ok).toBe(true);
    expect((await verdictOf(withOthers(9, { 5: { ...full, details: {} } }))).ok).toBe(true);
  });

  test('a text of the system that is no Unicode is recorded so that it verifies', async () => {
    expect((await verdictOf(withOthers(9, { 5: { object: 'a\ud800b', details: { '\udfff': '\udfff' } } }))).ok).toBe(true);
  });

  test('a first entry that made another ledger, or none', async () => {
    for (const other of [{ object: 'ponmlkjihgfedcba' }, { operation: 'decrypt' }]) expect((await verdictOf(withOthers(9, { 1: other }))).firstBad).toEqual({ seq: 1, reason: 'it is not the first entry of this ledger' });
  });

  test('numbers that are none', async () => {
    const whole = withOthers(9, {});
    for (const seq of [0, -1, 4, 6, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) expect((await verdictOf(whole.with(4, { ...whole[4]!, seq }))).firstBad?.seq).toBe(5);
  });
});

describe('intents', () => {
  test('without an outcome are named; each entry that ends one that is not open is a finding', async () => {
    const verdict = await verdictOf(withOthers(12, { 5: { intent: 2 }, 7: { intent: 7 }, 9: { intent: 1 }, 11: { intent: 400 } }));
    expect(verdict).toMatchObject({ ok: true, dangling: [4, 6, 8, 10, 12] });
    expect(verdict.findings).toEqual([{ kind: 'no-open-intent', seq: 5, count: 4, text: 'it ends entry 2, which is no intent or was ended before' }]);
  });

  test('of a killed process are closed by another entry, later', async () => {
    expect((await verdictOf(withOthers(13, { 5: { kind: 'intent', outcome: undefined, intent: undefined } as unknown as Partial<LedgerEntry>, 13: { intent: 4, outcome: 'interrupted' } }))).dangling).toEqual([5, 12]);
  });
});

describe('clocks', () => {
  test('that go back by more than a minute are a finding, once for each time; a minute is none', async () => {
    const { findings } = await verdictOf(withOthers(12, { 6: { time: timeOf(5 - 60) }, 9: { time: timeOf(8 - 61) } }));
    expect(findings).toEqual([{ kind: 'clock-went-back', seq: 9, count: 1, text: 'the clock went back by 61 s' }]);
    const { findings: many } = await verdictOf(withOthers(12, { 6: { time: timeOf(-1000) }, 9: { time: timeOf(-1000) } }));
    expect(many).toMatchObject([{ seq: 6, count: 2 }]);
  });
});

describe('restores', () => {
  const before = chained(entriesTo(150));
  const origin = originOf(LOG, 2);
  const restored = (more: object = {}): Partial<LedgerEntry> => ({ kind: 'event', operation: 'ledger-restored', object: LOG, outcome: 'success', intent: undefined, details: { size: 100, origin }, ...more }) as unknown as Partial<LedgerEntry>;
  /** Entries from 101 on were lost; 101 records that; other ones follow. */
  const after = withOthers(140, { 101: restored(), 110: { object: 'another' } });
  const lost = heldBy('the directory /mnt/w', cosigned(checkpointAt(before, 130)).note, true);

  test('[B5] a witness that knows more than the restored ledger is a finding that names the restore, not tampering', async () => {
    const own = [checkpointAt(after, 90), cosigned(checkpointAt(after, 120, 2))];
    const verdict = await verdictOf(after, own, { ...TRUST, held: [lost] });
    expect(verdict).toMatchObject({ ok: true, restores: [101], entries: 140 });
    expect(countsOf(verdict)).toEqual([120, 0, 20]);
    expect(verdict.findings).toEqual([{ kind: 'lost-in-restore', seq: 101, count: 1, text: expect.stringContaining('what the directory /mnt/w holds') as string }]);
    // Also where the ledger is shorter than what the witness has.
    expect(await verdictOf(after.slice(0, 125), own, { ...TRUST, held: [lost] })).toMatchObject({ ok: true, findings: [{ kind: 'lost-in-restore', seq: 101 }] });
    expect(await verdictOf(after.slice(0, 125), own, { ...TRUST, epochKey: { epoch: 1, key: FIRST_KEY } })).toMatchObject({ ok: true, findings: [{ kind: 'lost-in-restore', seq: 101 }] });
  });

  test('[B5] without the record of it, it is tampering', async () => {
    const silent = withOthers(140, { 110: { object: 'another' } });
    expect((await verdictOf(silent, [], { ...TRUST, held: [lost] })).firstBad?.seq).toBe(1);
    expect((await verdictOf(silent.slice(0, 109), [checkpointAt(silent, 90)], { ...TRUST, held: [lost] })).firstBad?.seq).toBe(110);
  });

  test('[B5] a record of it does not excuse what was signed after it, nor the checkpoints of the ledger itself', async () => {
    const newer = heldBy('the directory /mnt/w', checkpointAt(after, 130, 2).note, true);
    expect((await verdictOf(after.slice(0, 125), [], { ...TRUST, held: [newer] })).firstBad?.seq).toBe(126);
    expect((await verdictOf(after, [checkpointAt(before, 130)])).firstBad?.seq).toBe(1);
    // The record of another ledger's restore, or one that says no new origin.
    for (const record of [restored({ object: 'ponmlkjihgfedcba' }), restored({ details: {} }), restored({ details: { origin: originOf('ponmlkjihgfedcba', 2) } })]) {
      expect((await verdictOf(withOthers(140, { 101: record, 110: { object: 'another' } }), [], { ...TRUST, held: [lost] })).ok).toBe(false);
    }
  });

  test('[B5] an origin that no restore on record began', async () => {
    expect((await verdictOf(before, [checkpointAt(before, 120, 2)])).firstBad).toEqual({ seq: 120, reason: `its checkpoint is of the origin ${origin}, and no restore is on record that began it` });
    expect((await verdictOf(after, [checkpointAt(after, 100, 2)])).firstBad?.seq).toBe(100);
    expect((await verdictOf(after, [checkpointAt(after, 101, 2)])).ok).toBe(true);
    expect((await verdictOf(after, [checkpointAt(after, 120, 3)])).ok).toBe(false);
  });
});

test('[B5] a checkpoint held on this machine is compared, and counts for nothing', async () => {
  const whole = chained(entriesTo(50));
  const root = rootAt(whole, 30);
  const held = { origin: originOf(LOG, 1), size: 30, root, holder: 'the state directory', outOfReach: false };
  expect(await verdictOf(whole, [], { ...TRUST, held: [held] })).toMatchObject({ ok: true, unanchored: 50 });
  expect(await verdictOf(whole, [], { ...TRUST, held: [{ ...held, outOfReach: true }] })).toMatchObject({ ok: true, witnessed: 30, unanchored: 20 });
  expect((await verdictOf(whole, [], { ...TRUST, held: [{ ...held, root: rootAt(whole, 29) }] })).firstBad?.seq).toBe(1);
});

test('a ledger that can not be read is not one that was tampered with: the error goes through', async () => {
  const failing = { ...sourceOf([]), pages: failingPages() };
  await expect(verifyLedger(failing, TRUST)).rejects.toThrow('the disk is gone');
});

async function* failingPages(): AsyncGenerator<never> {
  yield await Promise.reject(new Error('the disk is gone'));
}
