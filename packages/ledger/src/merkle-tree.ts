/**
 * The tree of RFC 6962 section 2.1 over the entries, from the hashes of its whole subtrees. Sizes and numbers are safe
 * integers, so they are taken apart by division: bit operators would cut them to 32 bits.
 */
import { hash } from 'node:crypto';

import { HASH_BYTES } from './chain.ts';

/** A whole subtree of 2^level leaves: of all of that level the one with `index`, from 0 on the left. */
export interface Subtree {
  readonly level: number;
  readonly index: number;
}

/** Gives the hash of a whole subtree. */
export type SubtreeReader = (subtree: Subtree) => Buffer | Promise<Buffer>;

/** SHA-256(0x01 | left | right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(1 + 2 * HASH_BYTES);
  bytes[0] = 0x01;
  bytes.set(left, 1);
  bytes.set(right, 1 + HASH_BYTES);
  return hash('sha256', bytes, 'buffer');
}

/** Root of the tree without leaves: SHA-256 of nothing. */
export function emptyRoot(): Buffer {
  return hash('sha256', '', 'buffer');
}

/**
 * The subtrees that are whole once the leaf with that number is there, and were not before: from the leaf itself upwards.
 * Stores keep these hashes and no others.
 *
 * @param seq from 1
 */
export function completedBy(seq: number): readonly Subtree[] {
  const subtrees: Subtree[] = [];
  for (let level = 0, rest = seq; ; level++, rest /= 2) {
    subtrees.push({ level, index: rest - 1 });
    if (rest % 2 !== 0) return subtrees;
  }
}

/** The whole subtrees that a tree of `size` leaves consists of, the largest first, which is from left to right. */
export function subtreesOf(size: number): readonly Subtree[] {
  const subtrees: Subtree[] = [];
  for (let level = 0, rest = size; rest > 0; level++, rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) subtrees.push({ level, index: rest - 1 });
  }
  return subtrees.toReversed();
}

/** The root, from the hashes of {@link subtreesOf}. */
export function rootFrom(hashes: readonly Uint8Array[]): Buffer {
  const last = hashes.at(-1);
  if (last === undefined) return emptyRoot();
  return Buffer.from(hashes.slice(0, -1).reduceRight((right, left) => nodeHash(left, right), last));
}

/** A tree that grows leaf by leaf and keeps no more than its {@link subtreesOf}. */
export class GrowingTree {
  /** From left to right. */
  readonly #hashes: Buffer[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(leaf: Buffer): void {
    this.#size += 1;
    let top = leaf;
    for (let rest = this.#size; rest % 2 === 0; rest /= 2) top = nodeHash(this.#hashes.pop()!, top);
    this.#hashes.push(top);
  }

  root(): Buffer {
    return rootFrom(this.#hashes);
  }
}

/** Reads subtrees of leaves that are all there. */
export function subtreesOver(leaves: readonly Buffer[]): SubtreeReader {
  const read = ({ level, index }: Subtree): Buffer =>
    level === 0 ? leaves[index]! : nodeHash(read({ level: level - 1, index: 2 * index }), read({ level: level - 1, index: 2 * index + 1 }));
  return read;
}

/** RFC 6962 section 2.1.1, PATH. @param index of the leaf, from 0, below `size` */
export async function inclusionProof(read: SubtreeReader, index: number, size: number): Promise<readonly Buffer[]> {
  const proof: Buffer[] = [];
  let [begin, end] = [0, size];
  while (end - begin > 1) {
    const middle = begin + splitOf(end - begin);
    if (index < middle) {
      proof.push(await rangeHash(read, middle, end));
      end = middle;
    } else {
      proof.push(await rangeHash(read, begin, middle));
      begin = middle;
    }
  }
  return proof.toReversed();
}

/** RFC 6962 section 2.1.2, PROOF: that a tree of `size` leaves begins with that of the first `old`. @param old from 1 to `size` */
export async function consistencyProof(read: SubtreeReader, old: number, size: number): Promise<readonly Buffer[]> {
  const proof: Buffer[] = [];
  let [begin, end] = [0, size];
  while (old < end) {
    const middle = begin + splitOf(end - begin);
    if (old <= middle) {
      proof.push(await rangeHash(read, middle, end));
      end = middle;
    } else {
      proof.push(await rangeHash(read, begin, middle));
      begin = middle;
    }
  }
  // From 0 on it is the old tree itself, whose root the verifier has.
  if (begin > 0) proof.push(await rangeHash(read, begin, end));
  return proof.toReversed();
}

/** Whether the leaf stands at `index` (from 0) of the tree. False for anything that is no proof of that. */
export function verifyInclusion(index: number, size: number, leaf: Uint8Array, root: Uint8Array, proof: readonly Uint8Array[]): boolean {
  if (!isCount(index) || !isCount(size) || index >= size || ![leaf, root, ...proof].every(isHash)) return false;
  let [at, last] = [index, size - 1];
  let hashed = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      hashed = nodeHash(sibling, hashed);
      // Levels where the node is a last one without a sibling.
      while (at % 2 === 0 && at !== 0) [at, last] = [half(at), half(last)];
    } else {
      hashed = nodeHash(hashed, sibling);
    }
    [at, last] = [half(at), half(last)];
  }
  return last === 0 && Buffer.compare(hashed, root) === 0;
}

/**
 * Whether the tree of `size` leaves begins with that of the first `old`, by RFC 9162 section 2.1.4.2. Every tree begins
 * with the empty one, and with itself, by an empty proof. False for anything that is no proof of that.
 */
export function verifyConsistency(old: number, size: number, oldRoot: Uint8Array, root: Uint8Array, proof: readonly Uint8Array[]): boolean {
  if (!isCount(old) || !isCount(size) || old > size || ![oldRoot, root, ...proof].every(isHash)) return false;
  if (old === size) return proof.length === 0 && Buffer.compare(oldRoot, root) === 0;
  if (old === 0) return proof.length === 0 && Buffer.compare(oldRoot, emptyRoot()) === 0;
  let [at, last] = [old - 1, size - 1];
  while (at % 2 === 1) [at, last] = [half(at), half(last)];
  // at is 0 where the old tree is one whole subtree: the path begins with its root, which is not sent.
  const [first, ...rest] = at === 0 ? [oldRoot, ...proof] : proof;
  if (first === undefined) return false;
  let [oldHash, newHash] = [first, first];
  for (const sibling of rest) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      oldHash = nodeHash(sibling, oldHash);
      newHash = nodeHash(sibling, newHash);
      while (at % 2 === 0 && at !== 0) [at, last] = [half(at), half(last)];
    } else {
      newHash = nodeHash(newHash, sibling);
    }
    [at, last] = [half(at), half(last)];
  }
  return last === 0 && Buffer.compare(oldHash, oldRoot) === 0 && Buffer.compare(newHash, root) === 0;
}

/** Root of the leaves from `begin` up to `end`, where `begin` is a border of the tree's subtrees. */
async function rangeHash(read: SubtreeReader, begin: number, end: number): Promise<Buffer> {
  const hashes: Buffer[] = [];
  for (const { level, index } of subtreesOf(end - begin)) hashes.push(await read({ level, index: index + begin / 2 ** level }));
  return rootFrom(hashes);
}

/** The largest power of two below `size`, which is at least 2. Math.log2 is not exact enough. */
function splitOf(size: number): number {
  let split = 1;
  while (2 * split < size) split *= 2;
  return split;
}

function half(value: number): number {
  return Math.floor(value / 2);
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isHash(value: unknown): boolean {
  return value instanceof Uint8Array && value.length === HASH_BYTES;
}
