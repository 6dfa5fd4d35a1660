/** What must hold for every store at every moment, computed without its help: numbers, chain and root. */
import { createHash } from 'node:crypto';

import { expect } from 'vitest';

import { chainHash, FIRST_CHAIN, leafHash } from '../src/chain.ts';
import type { LedgerStore } from '../src/stores/store.ts';

/** RFC 6962 section 2.1, as it is written there. */
export function plainRoot(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return createHash('sha256').digest();
  if (leaves.length === 1) return leaves[0]!;
  let left = 1;
  while (2 * left < leaves.length) left *= 2;
  return createHash('sha256').update(Buffer.of(1)).update(plainRoot(leaves.slice(0, left))).update(plainRoot(leaves.slice(left))).digest();
}

export async function everyEntry(store: LedgerStore): Promise<string[]> {
  return (await everyStored(store)).map(({ entry }) => entry.toString());
}

async function everyStored(store: LedgerStore): Promise<Awaited<ReturnType<LedgerStore['read']>>[number][]> {
  const all = [];
  for (;;) {
    const page = await store.read(all.length + 1, Number.MAX_SAFE_INTEGER);
    if (page.length === 0) return all;
    all.push(...page);
  }
}

/** @returns how many entries there are */
export async function expectWhole(store: LedgerStore): Promise<number> {
  const all = await everyStored(store);
  let chain: Buffer = FIRST_CHAIN;
  for (const [i, stored] of all.entries()) {
    chain = chainHash(store.logId, i + 1, chain, leafHash(stored.entry));
    // One by one, an expect takes longer than all else.
    if (stored.seq !== i + 1 || !stored.chain.equals(chain)) throw new Error(`the chain breaks at entry ${i + 1}, which says ${stored.seq}`);
  }
  expect(await store.head()).toEqual({ size: all.length, chain });
  expect(await store.root(all.length)).toEqual(plainRoot(all.map(({ entry }) => leafHash(entry))));
  return all.length;
}
