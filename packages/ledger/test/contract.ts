/** What holds for every store. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

import { FIRST_CHAIN, leafHash } from '../src/chain.ts';
import { consistencyProof, subtreesOver, verifyConsistency } from '../src/merkle-tree.ts';
import type { LedgerStore } from '../src/stores/store.ts';
import { refusalOf } from './scratch.ts';
import { everyEntry, expectWhole, plainRoot } from './whole.ts';

export interface StoreUnderTest {
  /** A new ledger, and how other processes name it. */
  readonly make: () => Promise<{ readonly place: string; readonly store: LedgerStore; readonly reopen: () => Promise<LedgerStore> }>;
  readonly keepsMac: boolean;
}

const CHILD = fileURLToPath(new URL('child.ts', import.meta.url));

/** Appends `count` entries one by one from a process of its own. @returns the numbers that it was given before it ended or was killed */
export function startAppender(place: string, count: number, name: string, env: NodeJS.ProcessEnv = {}): { readonly kill: () => void; readonly firstLine: Promise<unknown>; readonly lines: Promise<string[]>; readonly seqs: Promise<number[]> } {
  const child = spawn(process.execPath, ['--conditions=lockfast-source', CHILD, place, String(count), name], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } });
  let out = '';
  child.stdout.on('data', (data: Buffer) => (out += data.toString()));
  const lines = once(child, 'close').then(() => out.split('\n').slice(0, -1));
  const seqs = lines.then((all) => all.map(Number));
  return { kill: () => void child.kill('SIGKILL'), firstLine: once(child.stdout, 'data'), lines, seqs };
}

const words = (count: number, name = 'entry'): Buffer[] => Array.from({ length: count }, (_, i) => Buffer.from(`${name} ${i}`));

export function storeContract({ make, keepsMac }: StoreUnderTest): void {
  test('an empty ledger has a head of zeros and the root of nothing', async () => {
    const { store } = await make();
    expect(store.logId).toMatch(/^[a-z2-7]{16}$/);
    expect(await store.head()).toEqual({ size: 0, chain: FIRST_CHAIN });
    expect(await store.root(0)).toEqual(plainRoot([]));
    expect(await store.read(1, 10)).toEqual([]);
    expect(await store.append([])).toBe(1);
    expect(await store.checkpoints()).toEqual([]);
    expect(await store.newestCheckpoint()).toBeUndefined();
    expect(await store.signer()).toBeUndefined();
  });

  test('appends are numbered from 1 without a gap, alone and together, and are there after the ledger is opened again', async () => {
    const { store, reopen } = await make();
    expect(await store.append(words(1))).toBe(1);
    expect(await store.append(words(3))).toBe(2);
    expect(await store.append(words(2))).toBe(5);
    const again = await reopen();
    expect(again.logId).toBe(store.logId);
    expect(await expectWhole(again)).toBe(6);
    expect(await everyEntry(again)).toEqual(['entry 0', 'entry 0', 'entry 1', 'entry 2', 'entry 0', 'entry 1']);
    expect(await store.append([])).toBe(7);
  });

  test('bytes come back as they were, whatever they are', async () => {
    const { store } = await make();
    const odd = [Buffer.alloc(0), Buffer.from([0, 255, 0]), Buffer.from("'; DROP TABLE entries; --"), Buffer.alloc(70_000, 'x')];
    await store.append(odd);
    expect((await store.read(1, 4)).map(({ entry }) => entry)).toEqual(odd);
    await expectWhole(store);
  });

  test('[B5] the root of every earlier size is that of RFC 6962', async () => {
    const { store } = await make();
    const entries = words(70);
    await store.append(entries.slice(0, 33));
    for (const entry of entries.slice(33)) await store.append([entry]);
    const leaves = entries.map(leafHash);
    for (let size = 0; size <= 70; size++) expect(await store.root(size)).toEqual(plainRoot(leaves.slice(0, size)));
  });

  test('[B5] whole subtrees are given, and make the proof from every size to every other', async () => {
    const { store } = await make();
    const entries = words(21);
    await store.append(entries);
    const read = subtreesOver(entries.map(leafHash));
    for (let level = 0; 2 ** level <= entries.length; level++) {
      for (let index = 0; (index + 1) * 2 ** level <= entries.length; index++) expect(await store.subtree({ level, index })).toEqual(read({ level, index }));
    }
    for (let size = 1; size <= entries.length; size++) {
      for (let old = 1; old <= size; old++) {
        const proof = await consistencyProof(async (subtree) => await store.subtree(subtree), old, size);
        expect(verifyConsistency(old, size, await store.root(old), await store.root(size), proof)).toBe(true);
      }
    }
    expect(await refusalOf(store.subtree({ level: 0, index: entries.length }))).toMatchObject({ code: 'ledger-tampered' });
  });

  test('a page is read from any place, in order', async () => {
    const { store } = await make();
    await store.append(words(20));
    const page = await store.read(7, 9);
    expect(page.map(({ seq, entry }) => `${seq} ${entry.toString()}`)).toEqual(['7 entry 6', '8 entry 7', '9 entry 8']);
    expect(page.every(({ mac }) => (mac?.length === 32) === keepsMac)).toBe(true);
    expect(await store.read(21, 30)).toEqual([]);
    expect((await store.read(19, 30)).length).toBe(2);
  });

  test('callers of one process exclude each other', async () => {
    const { store, reopen } = await make();
    const other = await reopen();
    const firsts = await Promise.all(Array.from({ length: 40 }, async (_, i) => await (i % 2 === 0 ? store : other).append(words(3, String(i)))));
    expect(firsts.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => 1 + 3 * i));
    expect(await expectWhole(store)).toBe(120);
  });

  test('checkpoints come back in the order in which they were added', async () => {
    const { store, reopen } = await make();
    const some = [3, 5, 5, 4].map((size, i) => ({ size, origin: `o/${i}`, note: `n\n${i}\n\n— ü\n` }));
    for (const each of some) await store.addCheckpoint(each);
    const again = await reopen();
    expect(await again.checkpoints()).toEqual(some);
    expect(await again.newestCheckpoint()).toEqual(some[3]);
  });

  test('a signer gets more wrappings, and another signer takes its place without removing it', async () => {
    const { store } = await make();
    const [a, b] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    await store.setSigner({ publicKey: a, wrapped: ['w1'] });
    await store.setSigner({ publicKey: a, wrapped: ['w2', 'w1'] });
    expect(await store.signer()).toEqual({ publicKey: a, wrapped: ['w1', 'w2'] });
    await store.setSigner({ publicKey: b, wrapped: ['w3'] });
    expect(await store.signer()).toEqual({ publicKey: b, wrapped: ['w3'] });
    expect(await store.signers()).toEqual([
      { publicKey: a, wrapped: ['w1', 'w2'] },
      { publicKey: b, wrapped: ['w3'] },
    ]);
  });

  test('[B5] four processes append 10,000 entries together with no break in the chain', { timeout: 300_000 }, async () => {
    const { place, store } = await make();
    const appenders = [1, 2, 3, 4].map((name) => startAppender(place, 2500, `process ${name}`));
    const seqs = (await Promise.all(appenders.map(async (each) => await each.seqs))).flat();
    expect(new Set(seqs).size).toBe(10_000);
    expect(await expectWhole(store)).toBe(10_000);
    // Each process finds its own entries in its own order.
    const entries = await everyEntry(store);
    for (const name of [1, 2, 3, 4]) {
      expect(entries.filter((text) => text.startsWith(`process ${name} `))).toEqual(Array.from({ length: 2500 }, (_, i) => `process ${name} ${i}`));
    }
  });

  test('a process killed in the middle of appending leaves a whole chain, with all that it was told', { timeout: 60_000 }, async () => {
    const { place, store } = await make();
    let told = 0;
    for (let round = 0; round < 5; round++) {
      const appender = startAppender(place, 100_000, `round ${round}`);
      await appender.firstLine;
      await new Promise((wake) => setTimeout(wake, 20 + 15 * round));
      appender.kill();
      told = Math.max(told, ...(await appender.seqs));
      expect(await expectWhole(store)).toBeGreaterThanOrEqual(told);
    }
    expect(told).toBeGreaterThan(0);
    await store.append(words(1));
    await expectWhole(store);
  });
}
