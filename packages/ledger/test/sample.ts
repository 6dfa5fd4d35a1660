/** A ledger in memory: small entries, fixed keys, and whatever checkpoints a test wants of it. */
import { createSecretKey, type KeyObject } from 'node:crypto';

import { chainHash, chainMac, epochOf, FIRST_CHAIN, leafHash, nextEpochKey } from '../src/chain.ts';
import { signCheckpoint } from '../src/checkpoint.ts';
import { type LedgerEntry, printEntry } from '../src/entry.ts';
import type { LedgerSource } from '../src/ledger-source.ts';
import { GrowingTree } from '../src/merkle-tree.ts';
import { originOf } from '../src/origin.ts';
import { cosign, privateKeyFrom, publicKeyOf, verifierKey } from '../src/signed-note.ts';
import type { StoredCheckpoint, StoredEntry } from '../src/stores/store.ts';
import { type LedgerVerdict, type Trust, verifyLedger } from '../src/verify.ts';

export const LOG = 'abcdefghijklmnop';
export const SIGNER = privateKeyFrom(Buffer.alloc(32, 1));
const WITNESS = privateKeyFrom(Buffer.alloc(32, 2));
const WITNESS_KEY = verifierKey('cosignature', 'witness.example/1', publicKeyOf(WITNESS));
export const FIRST_KEY = createSecretKey(Buffer.alloc(32, 3));

export const TRUST: Trust = { logId: LOG, publicKeys: [publicKeyOf(SIGNER)], witnesses: [WITNESS_KEY], held: [], epochKey: undefined };
export const WITH_KEY: Trust = { ...TRUST, epochKey: { epoch: 0, key: FIRST_KEY } };

const ACTOR = { user: 'u', uid: 0, host: 'h', pid: 1, program: 'p' };
const START = Date.parse('2026-01-02T03:04:05.678Z');

export function timeOf(seq: number): string {
  return new Date(START + seq * 1000).toISOString();
}

/** Entry 1 makes the ledger; then each even one is an intent that the next one ends. */
export function entryAt(seq: number): LedgerEntry {
  const common = { v: 1, time: timeOf(seq), actor: ACTOR, operation: 'decrypt', object: 'o' } as const;
  if (seq === 1) return { ...common, kind: 'event', operation: 'ledger-created', object: LOG, outcome: 'success' };
  return seq % 2 === 0 ? { ...common, kind: 'intent' } : { ...common, kind: 'outcome', intent: seq - 1, outcome: 'success' };
}

export function entriesTo(count: number): Buffer[] {
  return Array.from({ length: count }, (_, i) => printEntry(entryAt(i + 1)));
}

/** What a store makes of entries, and what somebody does who forges one. @param key undefined: a store without MACs */
export function chained(entries: readonly Buffer[], key: KeyObject | undefined = FIRST_KEY, logId = LOG): StoredEntry[] {
  let chain: Buffer = FIRST_CHAIN;
  let epochKey = key;
  return entries.map((entry, i) => {
    const seq = i + 1;
    chain = chainHash(logId, seq, chain, leafHash(entry));
    if (epochKey === undefined) return { seq, entry, chain };
    const mac = chainMac(epochKey, chain);
    if (epochOf(seq + 1) !== epochOf(seq)) epochKey = nextEpochKey(epochKey);
    return { seq, entry, chain, mac };
  });
}

export function rootAt(entries: readonly { readonly entry: Buffer }[], size: number): Buffer {
  const tree = new GrowingTree();
  for (const { entry } of entries.slice(0, size)) tree.add(leafHash(entry));
  return tree.root();
}

export function checkpointAt(entries: readonly StoredEntry[], size: number, number = 1, signer: KeyObject = SIGNER): StoredCheckpoint {
  const origin = originOf(LOG, number);
  return { size, origin, note: signCheckpoint({ origin, size, root: rootAt(entries, size) }, signer) };
}

export function cosigned(checkpoint: StoredCheckpoint, key: KeyObject = WITNESS): StoredCheckpoint {
  return { ...checkpoint, note: checkpoint.note + cosign(checkpoint.note, WITNESS_KEY.name, key, 1_767_323_045) };
}

export function sourceOf(entries: readonly StoredEntry[], checkpoints: readonly StoredCheckpoint[] = [], pageEntries = 1000): LedgerSource {
  return { logId: LOG, publicKeys: [publicKeyOf(SIGNER)], checkpoints, pages: pagesOf(entries, pageEntries) };
}

async function* pagesOf(entries: readonly StoredEntry[], pageEntries: number): AsyncGenerator<readonly StoredEntry[]> {
  for (let at = 0; at < entries.length; at += pageEntries) yield entries.slice(at, at + pageEntries);
}

export async function verdictOf(entries: readonly StoredEntry[], checkpoints: readonly StoredCheckpoint[] = [], trust: Trust = TRUST): Promise<LedgerVerdict> {
  return await verifyLedger(sourceOf(entries, checkpoints), trust);
}

/** The three counts. */
export function countsOf({ entries, witnessed, signed, unanchored }: LedgerVerdict): readonly [number, number, number] {
  if (witnessed + signed + unanchored !== entries) throw new Error('the counts do not add up');
  return [witnessed, signed, unanchored];
}

export function withByte(bytes: Buffer, at: number, bits = 1): Buffer {
  const changed = Buffer.from(bytes);
  changed[at]! ^= bits;
  return changed;
}
