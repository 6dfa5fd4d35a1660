/** The tree of RFC 6962 against its definition, and proofs against everything that is none. */
import { createHash } from 'node:crypto';

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { leafHash } from '../src/chain.ts';
import { completedBy, consistencyProof, emptyRoot, GrowingTree, inclusionProof, nodeHash, rootFrom, type Subtree, type SubtreeReader, subtreesOf, subtreesOver, verifyConsistency, verifyInclusion } from '../src/merkle-tree.ts';
import { withByte } from './sample.ts';
import { plainRoot } from './whole.ts';

const LONG = { timeout: 120_000 };
const RUNS = process.env['LOCKFAST_DEEP'] === '1' ? 20_000 : 200;

const leaves = Array.from({ length: 300 }, (_, i) => leafHash(Buffer.from(`leaf ${i}`)));

/** RFC 6962 section 2.1.2, as it is written there. */
function plainProof(old: number, all: readonly Buffer[], isOld = true): Buffer[] {
  if (old === all.length) return isOld ? [] : [plainRoot(all)];
  let left = 1;
  while (2 * left < all.length) left *= 2;
  return old <= left
    ? [...plainProof(old, all.slice(0, left), isOld), plainRoot(all.slice(left))]
    : [...plainProof(old - left, all.slice(left), false), plainRoot(all.slice(0, left))];
}

/** RFC 6962 section 2.1.1. */
function plainPath(index: number, all: readonly Buffer[]): Buffer[] {
  if (all.length === 1) return [];
  let left = 1;
  while (2 * left < all.length) left *= 2;
  return index < left ? [...plainPath(index, all.slice(0, left)), plainRoot(all.slice(left))] : [...plainPath(index - left, all.slice(left)), plainRoot(all.slice(0, left))];
}

/** A store as it would be: it keeps what each append completes, and nothing else. */
class Kept {
  readonly hashes = new Map<string, Buffer>();

  append(seq: number, leaf: Buffer): void {
    for (const { level, index } of completedBy(seq)) {
      this.hashes.set(`${level}/${index}`, level === 0 ? leaf : nodeHash(this.read({ level: level - 1, index: 2 * index }), this.read({ level: level - 1, index: 2 * index + 1 })));
    }
  }

  read({ level, index }: Subtree): Buffer {
    const hash = this.hashes.get(`${level}/${index}`);
    if (hash === undefined) throw new Error(`${level}/${index} is not kept`);
    return hash;
  }
}

test('the hash of a node is SHA-256(1 | left | right), of nothing the empty root', () => {
  expect(nodeHash(leaves[0]!, leaves[1]!)).toEqual(createHash('sha256').update(Buffer.of(1)).update(leaves[0]!).update(leaves[1]!).digest());
  expect(emptyRoot().toString('hex')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  expect(rootFrom([])).toEqual(emptyRoot());
});

test('at every size: stored subtrees, the growing tree and the definition give one root', () => {
  const kept = new Kept();
  const tree = new GrowingTree();
  for (let size = 0; size <= leaves.length; size++) {
    if (size > 0) {
      kept.append(size, leaves[size - 1]!);
      tree.add(leaves[size - 1]!);
    }
    const root = plainRoot(leaves.slice(0, size));
    expect(rootFrom(subtreesOf(size).map((subtree) => kept.read(subtree)))).toEqual(root);
    expect([tree.size, tree.root()]).toEqual([size, root]);
  }
});

test('an append completes one subtree for each time that 2 divides its number, and its leaf', () => {
  expect(completedBy(1)).toEqual([{ level: 0, index: 0 }]);
  expect(completedBy(12)).toEqual([{ level: 0, index: 11 }, { level: 1, index: 5 }, { level: 2, index: 2 }]);
  expect(completedBy(2 ** 52)).toHaveLength(53);
  expect(subtreesOf(0)).toEqual([]);
  expect(subtreesOf(11)).toEqual([{ level: 3, index: 0 }, { level: 1, index: 4 }, { level: 0, index: 10 }]);
});

test('the subtrees of a size cover its leaves once, in order, up to the largest size there is', () => {
  fc.assert(
    fc.property(fc.oneof(fc.nat(10_000), fc.maxSafeInteger().filter((size) => size >= 0), fc.constantFrom(2 ** 49 + 1, 2 ** 49 - 1, Number.MAX_SAFE_INTEGER)), (size) => {
      let next = 0;
      for (const { level, index } of subtreesOf(size)) {
        expect(index * 2 ** level).toBe(next);
        next += 2 ** level;
      }
      expect(next).toBe(size);
    }),
    { numRuns: RUNS },
  );
});

test('proofs are those of RFC 6962, made of nothing but what a store keeps, and verify', LONG, async () => {
  const kept = new Kept();
  for (const [i, leaf] of leaves.entries()) kept.append(i + 1, leaf);
  const read: SubtreeReader = (subtree) => kept.read(subtree);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 300 }), fc.nat(), async (size, chosen) => {
      const all = leaves.slice(0, size);
      const root = plainRoot(all);
      const index = chosen % size;
      const path = await inclusionProof(read, index, size);
      expect(path).toEqual(plainPath(index, all));
      expect(verifyInclusion(index, size, leaves[index]!, root, path)).toBe(true);
      const proof = await consistencyProof(read, index + 1, size);
      expect(proof).toEqual(plainProof(index + 1, all));
      expect(verifyConsistency(index + 1, size, plainRoot(leaves.slice(0, index + 1)), root, proof)).toBe(true);
      expect(await consistencyProof(subtreesOver(leaves), index + 1, size)).toEqual(proof);
    }),
    { numRuns: RUNS },
  );
});

test('every pair of sizes up to 40, and every leaf of them', LONG, async () => {
  const read = subtreesOver(leaves);
  const roots = Array.from({ length: 41 }, (_, size) => plainRoot(leaves.slice(0, size)));
  for (let size = 1; size <= 40; size++) {
    for (let old = 1; old <= size; old++) {
      const proof = await consistencyProof(read, old, size);
      expect(verifyConsistency(old, size, roots[old]!, roots[size]!, proof)).toBe(true);
      expect(verifyInclusion(old - 1, size, leaves[old - 1]!, roots[size]!, await inclusionProof(read, old - 1, size))).toBe(true);
      if (old < size) expect(verifyConsistency(old, size, roots[old - 1]!, roots[size]!, proof)).toBe(false);
    }
  }
});

describe('bug class 14: the verifier of proofs has no gap', () => {
  test('[B5] a changed byte, hash, size, index or root: no proof survives it', LONG, async () => {
    const read = subtreesOver(leaves);
    for (const [old, size] of [[1, 2], [1, 8], [3, 8], [4, 8], [6, 7], [7, 13], [8, 13], [12, 13], [64, 65], [37, 100], [96, 100], [255, 300]] as const) {
      const [oldRoot, root] = [plainRoot(leaves.slice(0, old)), plainRoot(leaves.slice(0, size))];
      const proof = await consistencyProof(read, old, size);
      const path = await inclusionProof(read, old, size);
      const leaf = leaves[old]!;
      expect([verifyConsistency(old, size, oldRoot, root, proof), verifyInclusion(old, size, leaf, root, path)]).toEqual([true, true]);
      for (const bad of mutated(proof)) expect(verifyConsistency(old, size, oldRoot, root, bad)).toBe(false);
      for (const bad of mutated(path)) expect(verifyInclusion(old, size, leaf, root, bad)).toBe(false);
      for (let at = 0; at < 32; at++) {
        expect(verifyConsistency(old, size, withByte(oldRoot, at), root, proof)).toBe(false);
        expect(verifyConsistency(old, size, oldRoot, withByte(root, at), proof)).toBe(false);
        expect(verifyInclusion(old, size, withByte(leaf, at), root, path)).toBe(false);
        expect(verifyInclusion(old, size, leaf, withByte(root, at), path)).toBe(false);
      }
      for (let index = 0; index <= size + 1; index++) if (index !== old) expect(verifyInclusion(index, size, leaf, root, path)).toBe(false);
      expect(verifyConsistency(size, old, root, oldRoot, proof)).toBe(false);
      expect(verifyConsistency(old, size, root, oldRoot, proof)).toBe(false);
    }
  });

  const [a, b] = [leaves[0]!, leaves[1]!];
  test.each([
    ['negative', -1], ['minus zero leaves', -0], ['a fraction', 1.5], ['NaN', Number.NaN], ['infinity', Number.POSITIVE_INFINITY], ['above the safe integers', 2 ** 53],
    ['a bigint', 3n as unknown as number], ['a text', '3' as unknown as number], ['null', null as unknown as number], ['undefined', undefined as unknown as number],
  ])('[B5] sizes that are none: %s', (_, size) => {
    expect(verifyConsistency(size, 8, a, b, [a])).toBe(false);
    expect(verifyConsistency(1, size, a, b, [a])).toBe(false);
    expect(verifyInclusion(size, 8, a, b, [a, a, b])).toBe(false);
    expect(verifyInclusion(0, size, a, b, [a])).toBe(false);
  });

  test('[B5] hashes that are none', () => {
    for (const bad of [Buffer.alloc(0), Buffer.alloc(31), Buffer.alloc(33), 'x'.repeat(32), undefined, null, 7, {}, [1]] as unknown as Buffer[]) {
      expect(verifyConsistency(1, 2, a, nodeHash(a, b), [bad])).toBe(false);
      expect(verifyConsistency(1, 2, bad, nodeHash(a, b), [b])).toBe(false);
      expect(verifyConsistency(1, 2, a, bad, [b])).toBe(false);
      expect(verifyInclusion(0, 2, bad, nodeHash(a, b), [b])).toBe(false);
      expect(verifyInclusion(0, 2, a, bad, [b])).toBe(false);
      expect(verifyInclusion(0, 2, a, nodeHash(a, b), [bad])).toBe(false);
    }
  });

  test('[B5] the empty tree, equal sizes, and proofs that are too long end at once', () => {
    expect(verifyConsistency(0, 5, emptyRoot(), a, [])).toBe(true);
    expect(verifyConsistency(0, 5, a, b, [])).toBe(false);
    expect(verifyConsistency(0, 5, emptyRoot(), a, [b])).toBe(false);
    expect(verifyConsistency(5, 5, a, a, [])).toBe(true);
    expect(verifyConsistency(5, 5, a, b, [])).toBe(false);
    expect(verifyConsistency(5, 5, a, a, [b])).toBe(false);
    expect(verifyInclusion(0, 0, a, emptyRoot(), [])).toBe(false);
    expect(verifyInclusion(0, 1, a, a, [])).toBe(true);
    const endless = Array.from({ length: 100_000 }, () => a);
    for (const size of [2, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER]) {
      expect(verifyConsistency(1, size, a, b, endless)).toBe(false);
      expect(verifyInclusion(0, size, a, b, endless)).toBe(false);
    }
  });

  test('[B5] sizes above 32 bits are not cut', async () => {
    // All leaves are one, so that a tree of 2^40 of them can be had.
    const level = [a];
    for (let i = 1; i <= 52; i++) level.push(nodeHash(level[i - 1]!, level[i - 1]!));
    const read: SubtreeReader = ({ level: at }) => level[at]!;
    const rootOf = (size: number): Buffer => rootFrom(subtreesOf(size).map(({ level: at }) => level[at]!));
    const [old, size] = [2 ** 33 + 5, 2 ** 40 + 3];
    const proof = await consistencyProof(read, old, size);
    expect(verifyConsistency(old, size, rootOf(old), rootOf(size), proof)).toBe(true);
    expect(verifyConsistency(5, 3, rootOf(old), rootOf(size), proof)).toBe(false);
    expect(verifyConsistency(old - 2 ** 32, size, rootOf(old), rootOf(size), proof)).toBe(false);
    expect(verifyInclusion(2 ** 35 + 1, size, a, rootOf(size), await inclusionProof(read, 2 ** 35 + 1, size))).toBe(true);
  });

  test('[B5] random sizes and hashes: an answer each time, and it is no', LONG, () => {
    const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(fc.oneof(fc.nat(100), fc.maxSafeNat()), fc.oneof(fc.nat(100), fc.maxSafeNat()), hash, hash, fc.array(hash, { maxLength: 70 }), (x, y, p, q, proof) => {
        fc.pre(!(x === y && Buffer.compare(p, q) === 0));
        expect(verifyConsistency(x, y, p, q, proof)).toBe(false);
        expect(verifyInclusion(x, y, p, q, proof)).toBe(false);
      }),
      { numRuns: 10 * RUNS },
    );
  });
});

/** As transparency-dev's testdata does it: bits flipped in each hash, hashes dropped, added in front, behind, in the middle, swapped. */
function mutated(proof: readonly Buffer[]): Buffer[][] {
  const [garbage, empty] = [Buffer.alloc(32, 0x5a), Buffer.alloc(0)];
  return [
    ...proof.flatMap((hash, i) => Array.from({ length: 32 }, (_, at) => proof.with(i, withByte(hash, at)))),
    ...proof.map((_, i) => proof.toSpliced(i, 1)),
    ...[...proof, garbage].flatMap((_, i) => [garbage, empty, proof[0] ?? garbage].map((added) => proof.toSpliced(i, 0, added))),
    ...proof.slice(1).map((hash, i) => proof.with(i, hash).with(i + 1, proof[i]!)),
    [...proof, ...proof, garbage],
    ...(proof.length > 1 ? [proof.toReversed()] : []),
  ];
}
