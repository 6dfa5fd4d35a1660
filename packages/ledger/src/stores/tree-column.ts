/**
 * How both stores keep the RFC 6962 tree: beside each entry stand the hashes of the subtrees that it completes, from the
 * leaf upwards, 32 bytes each. The entry with the number `n` completes one subtree for each time that 2 divides n, and
 * its leaf; so a subtree of 2^level leaves is found in the row of its last leaf, at 32 * level.
 */
import { HASH_BYTES } from '../chain.ts';
import { nodeHash, type Subtree, subtreesOf } from '../merkle-tree.ts';

/** The hash of the whole subtree of 2^level leaves that ends with the entry `seq`. */
type SubtreeReader = (seq: number, level: number) => Buffer;

/** The column of the entry `seq`. @param subtree is asked for what earlier entries completed */
export function treeColumn(seq: number, leaf: Buffer, subtree: SubtreeReader): Buffer {
  const hashes = [leaf];
  for (let level = 0, leaves = 1; seq % (2 * leaves) === 0; level++, leaves *= 2) {
    hashes.push(nodeHash(subtree(seq - leaves, level), hashes[level]!));
  }
  return Buffer.concat(hashes);
}

/** One subtree out of the column; undefined where the column is too short for it. */
export function subtreeIn(column: Buffer, level: number): Buffer | undefined {
  const hash = column.subarray(level * HASH_BYTES, (level + 1) * HASH_BYTES);
  return hash.length === HASH_BYTES ? hash : undefined;
}

/** Where a whole subtree lies. */
export interface TreePlace {
  readonly seq: number;
  readonly level: number;
}

export function placeOf({ level, index }: Subtree): TreePlace {
  return { seq: (index + 1) * 2 ** level, level };
}

/** Of the subtrees that a tree of `size` leaves consists of, in the order of `subtreesOf`. */
export function placesOf(size: number): readonly TreePlace[] {
  return subtreesOf(size).map(placeOf);
}
