/** A ledger in one file: what comes out is what went in, and a file that is another is refused. */
import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

import { describe, expect, test } from 'vitest';

import { LockfastError } from '@lockfast/core/errors';

import { exportBundle, openBundle } from '../src/bundle.ts';
import type { LedgerSource } from '../src/ledger-source.ts';
import { publicKeyOf } from '../src/signed-note.ts';
import { createSqliteLedger } from '../src/stores/sqlite.ts';
import type { LedgerStore, StoredCheckpoint, StoredEntry } from '../src/stores/store.ts';
import { verifyLedger } from '../src/verify.ts';
import { chained, checkpointAt, cosigned, countsOf, entriesTo, LOG, SIGNER, TRUST, verdictOf, WITH_KEY, withByte } from './sample.ts';
import { refusalOf, scratchDirectory } from './scratch.ts';

const whole = chained(entriesTo(200));
const checkpoints = [cosigned(checkpointAt(whole, 100)), checkpointAt(whole, 150)];

/** What of a store an export reads. */
function storeOf(entries: readonly StoredEntry[], notes: readonly StoredCheckpoint[] = checkpoints, size = entries.length): LedgerStore {
  return {
    logId: LOG,
    checkpoints: async () => notes,
    signers: async () => [{ publicKey: publicKeyOf(SIGNER), wrapped: [] }],
    head: async () => ({ size, chain: entries.at(-1)?.chain ?? Buffer.alloc(32) }),
    read: async (from: number) => entries.filter(({ seq }) => seq >= from).slice(0, 64),
  } as unknown as LedgerStore;
}

async function exported(store: LedgerStore): Promise<string> {
  let text = '';
  for await (const line of exportBundle(store)) text += line;
  return text;
}

async function* inPieces(text: string | Buffer, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function opened(text: string | Buffer, size = 65_536): Promise<LedgerSource> {
  return await openBundle(inPieces(text, size), 'audit.bundle');
}

async function entriesOf({ pages }: LedgerSource): Promise<StoredEntry[]> {
  const all: StoredEntry[] = [];
  for await (const page of pages) all.push(...page);
  return all;
}

const bundle = await exported(storeOf(whole));
const lines = bundle.split(/(?<=\n)/);

test('[B5] a bundle gives back what was exported, however it is cut into pieces, and verifies like the ledger itself', async () => {
  for (const size of [1, 7, 100, 4096, 1 << 20]) {
    const source = await opened(bundle, size);
    expect(source).toMatchObject({ logId: LOG, publicKeys: [publicKeyOf(SIGNER)], checkpoints });
    expect(await entriesOf(source)).toEqual(whole);
  }
  const verdict = await verifyLedger(await opened(bundle), WITH_KEY);
  expect(verdict).toEqual(await verdictOf(whole, checkpoints, WITH_KEY));
  expect(countsOf(verdict)).toEqual([100, 50, 50]);
});

test('a ledger without MACs, one without checkpoints, an empty one', async () => {
  const bare = chained(entriesTo(30), undefined);
  const plain = bare.map(({ seq, entry, chain }) => ({ seq, entry, chain }));
  expect(await entriesOf(await opened(await exported(storeOf(plain, []))))).toEqual(plain);
  expect(await entriesOf(await opened(await exported(storeOf([], []))))).toEqual([]);
});

test('[B5] entries that were tampered with go out and come in as they are, and are named', async () => {
  for (const changed of [withByte(whole[76]!.entry, 3, 0xff), Buffer.alloc(0), Buffer.from([0xff, 0xfe, 0x0a])]) {
    const source = await opened(await exported(storeOf(whole.with(76, { ...whole[76]!, entry: changed }))));
    expect((await verifyLedger(source, TRUST)).firstBad?.seq).toBe(77);
  }
  const gap = await opened(await exported(storeOf(whole.toSpliced(76, 1), checkpoints, 200)));
  expect((await verifyLedger(gap, TRUST)).firstBad?.seq).toBe(77);
  const short = await opened(await exported(storeOf(whole.with(76, { ...whole[76]!, chain: Buffer.alloc(3), mac: Buffer.alloc(0) }))));
  expect((await verifyLedger(short, TRUST)).firstBad?.seq).toBe(77);
});

test('what is appended during the export stays out', async () => {
  const grown = storeOf(chained(entriesTo(220)), checkpoints, 200);
  expect(await exported(grown)).toBe(bundle);
});

test('[B5] every single-byte change of a bundle is found: tampering, a refusal, or counts that say less', { timeout: 300_000 }, async () => {
  const small = await exported(storeOf(whole.slice(0, 8), [cosigned(checkpointAt(whole, 5))]));
  const bytes = Buffer.from(small);
  const truth = await verifyLedger(await opened(bytes), WITH_KEY);
  expect(truth).toMatchObject({ ok: true, witnessed: 5 });
  for (let at = 0; at < bytes.length; at++) {
    for (const bits of [0x01, 0x80]) {
      try {
        const verdict = await verifyLedger(await opened(withByte(bytes, at, bits)), WITH_KEY);
        // A cosignature with another name or id is nobody's. The keys in the file are not looked at where others are pinned.
        const told = !verdict.ok || verdict.witnessed < truth.witnessed || at < small.indexOf('\n');
        if (!told) throw new Error(`byte ${at}: ${JSON.stringify(verdict)}`);
      } catch (error) {
        if (!(error instanceof LockfastError)) throw error;
        expect(['ledger-tampered', 'malformed', 'unsupported-format']).toContain(error.code);
      }
    }
  }
});

describe('refused', () => {
  const header = JSON.parse(lines[0]!) as Record<string, unknown>;
  const withHeader = (change: object): string => [`${JSON.stringify(Object.fromEntries(Object.entries({ ...header, ...change }).toSorted(([a], [b]) => (a < b ? -1 : 1))))}\n`, ...lines.slice(1)].join('');

  test.each([
    ['nothing', '', 'malformed'], ['an empty line', '\n', 'malformed'], ['an env file', 'A=1\n', 'malformed'], ['an array', '[]\n', 'malformed'], ['another format', withHeader({ format: 'another/1' }), 'malformed'], ['no text', Buffer.from([0xff, 0x0a]), 'ledger-tampered'],
    ['a later version', withHeader({ format: 'lockfast-ledger-bundle/2' }), 'unsupported-format'], ['a member more', withHeader({ more: 1 }), 'ledger-tampered'], ['no log id', withHeader({ log: '' }), 'ledger-tampered'],
    ['a log id in upper case', withHeader({ log: LOG.toUpperCase() }), 'ledger-tampered'], ['a short key', withHeader({ keys: ['AAAA'] }), 'ledger-tampered'], ['keys that are none', withHeader({ keys: [1] }), 'ledger-tampered'], ['no list of keys', withHeader({ keys: {} }), 'ledger-tampered'],
    ['a count that is negative', withHeader({ entries: -1 }), 'ledger-tampered'], ['a count that is a text', withHeader({ checkpoints: '2' }), 'ledger-tampered'], ['a count beyond all', withHeader({ checkpoints: 1e15 }), 'ledger-tampered'],
    ['white space', bundle.replace('{', '{ '), 'malformed'], ['a member twice', bundle.replace('{', '{"checkpoints":2,'), 'malformed'], ['one checkpoint more than there is', withHeader({ checkpoints: 3 }), 'ledger-tampered'],
    ['no entries where some are said to be', lines.slice(0, 3).join(''), 'ledger-tampered'], ['one entry more than said', bundle + lines.at(-1)!, 'ledger-tampered'], ['a tail that is cut', lines.slice(0, -1).join(''), 'ledger-tampered'],
    ['a last line that is cut', bundle.slice(0, -1), 'ledger-tampered'], ['carriage returns', bundle.replaceAll('\n', '\r\n'), 'malformed'], ['an empty line inside', bundle.replace('\n', '\n\n'), 'ledger-tampered'],
    ['an entry with surplus bits', bundle.replace(/("entry":"[^"]*)"/, '$1="'), 'ledger-tampered'], ['a number with a zero before it', bundle.replace('"seq":1}', '"seq":01}'), 'ledger-tampered'], ['a number beyond all', bundle.replace('"seq":1}', '"seq":9999999999999999}'), 'ledger-tampered'],
    ['an entry with another member', bundle.replace(',"seq":1}', ',"more":1,"seq":1}'), 'ledger-tampered'], ['a checkpoint without its note', bundle.replace(/,"origin/, ',"more":1,"origin'), 'ledger-tampered'],
  ])('%s', async (_, text, code) => {
    const refusal = await refusalOf(opened(text).then(entriesOf));
    expect(refusal.code).toBe(code);
    expect(refusal.message).toContain('audit.bundle');
  });

  test('a line without an end is not taken into memory whole', async () => {
    let given = 0;
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      for (;;) {
        given += 65_536;
        yield Buffer.alloc(65_536, 0x41);
      }
    };
    expect((await refusalOf(openBundle(endless(), 'audit.bundle'))).message).toBe('audit.bundle, line 1: it has more than 4194304 bytes');
    expect(given).toBeLessThan(5_000_000);
  });

  test('the line is named', async () => {
    const source = await opened(lines.with(50, 'x\n').join(''));
    expect((await refusalOf(entriesOf(source))).message).toBe('audit.bundle, line 51: this is no entry');
  });
});

test('[B5] a bundle of a real ledger, through a file', async () => {
  const directory = scratchDirectory();
  const store = await createSqliteLedger(join(directory, 'ledger.db'));
  try {
    const made = entriesTo(1500).map((entry) => Buffer.from(entry.toString().replace(LOG, store.logId)));
    await store.append(made);
    const file = join(directory, 'audit.bundle');
    await pipeline(exportBundle(store), createWriteStream(file));
    const { key } = (await store.epochKey())!;
    const trust = { ...TRUST, logId: store.logId, epochKey: { epoch: 5, key } };
    expect(await verifyLedger(await openBundle(createReadStream(file), file), trust)).toMatchObject({ ok: true, entries: 1500, unanchored: 1500, mac: { from: 1281 } });
  } finally {
    await store.close();
  }
});
