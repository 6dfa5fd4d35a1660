/**
 * Finds many needles at once (Aho and Corasick, 1975): a trie, and from each state the one that a text which does not go on
 * here may still be in. Its states lie in the order in which a walk through the trie meets them, so that most need no more
 * than their label: the first child of a state is the one after it. That keeps a thousand secrets in tens of megabytes,
 * where a table of all transitions would take hundreds.
 */
import type { Needle } from './needle.ts';

/** States with more children than this have a row with all of them. */
const MOST_SIBLINGS = 4;

/** Bits of {@link Automaton.marks}. A state without any is passed by. */
export const WHOLE_6 = 1;
export const WHOLE_7 = 2;
/** Nothing follows: a text that is here is in the state of `fallback`. */
export const LEAF = 4;
export const FOUND = 8;

export class Automaton {
  readonly size: number;
  /** The class of each byte. Letters of either case share one; 0 is for bytes that are in no needle. */
  readonly classes = new Uint8Array(256);
  /** Class of the byte that leads to a state. */
  readonly label: Uint8Array;
  /** The next child of the same parent, or 0. */
  readonly sibling: Int32Array;
  readonly fallback: Int32Array;
  /** How many bytes lead to a state: so many are held back in it. */
  readonly depth: Int32Array;
  /** Of the needles that end in a state, the length of the longest. */
  readonly found: Int32Array;
  readonly marks: Uint8Array;
  readonly #rowOf: Int32Array;
  readonly #width: number;
  #rows = new Int32Array(0);

  constructor(needles: Iterable<Needle>) {
    const sorted = sortedNeedles(needles);
    this.#width = this.#classify(sorted);
    this.size = 1 + sorted.reduce((sum, { text }, i) => sum + text.length - shared(sorted[i - 1]?.text ?? '', text), 0);
    this.label = new Uint8Array(this.size);
    this.sibling = new Int32Array(this.size);
    this.fallback = new Int32Array(this.size);
    this.depth = new Int32Array(this.size);
    this.found = new Int32Array(this.size);
    this.marks = new Uint8Array(this.size);
    this.#rowOf = new Int32Array(this.size).fill(-1);
    const parents = this.#grow(sorted);
    this.#addRows(parents);
    this.#link(parents);
  }

  /** The state after `state` and a byte of `byteClass`, without falling back; 0 where there is none. */
  child(state: number, byteClass: number): number {
    const row = this.#rowOf[state]!;
    if (row !== -1) return this.#rows[row + byteClass]!;
    if ((this.marks[state]! & LEAF) !== 0) return 0;
    let at = state + 1;
    while (at !== 0 && this.label[at] !== byteClass) at = this.sibling[at]!;
    return at;
  }

  /** @returns how many classes there are */
  #classify(needles: readonly FoldedNeedle[]): number {
    const used = new Uint8Array(256);
    for (const { text } of needles) for (let i = 0; i < text.length; i++) used[text.charCodeAt(i)] = 1;
    let classes = 1;
    for (let byte = 0; byte < 256; byte++) if (used[byte] === 1) this.classes[byte] = classes++;
    for (let byte = 65; byte <= 90; byte++) this.classes[byte] = this.classes[byte + 32]!;
    return classes;
  }

  #grow(needles: readonly FoldedNeedle[]): Int32Array {
    const parents = new Int32Array(this.size);
    const path: number[] = [0];
    let size = 1;
    let before = '';
    for (const { text, whole, beginning } of needles) {
      let at = shared(before, text);
      const neighbour = path[at + 1];
      if (at < before.length && neighbour !== undefined) this.sibling[neighbour] = size;
      for (path.length = at + 1; at < text.length; at++, size++) {
        this.label[size] = this.classes[text.charCodeAt(at)]!;
        this.depth[size] = at + 1;
        parents[size] = path[at]!;
        path.push(size);
      }
      if (whole) this.marks[path[at]!]! |= text.length === 6 ? WHOLE_6 : WHOLE_7;
      else this.found[path[at]!] = text.length;
      if (beginning > 0) for (let depth = beginning; depth < text.length; depth++) this.found[path[depth]!] = depth;
      before = text;
    }
    for (let state = 0; state < size; state++) if (state + 1 === size || this.depth[state + 1] !== this.depth[state]! + 1) this.marks[state]! |= LEAF;
    // Without needles the root is one, and there is nothing to fall back to.
    this.marks[0] = size === 1 ? LEAF : 0;
    return parents;
  }

  #addRows(parents: Int32Array): void {
    const children = new Int32Array(this.size);
    for (let state = 1; state < this.size; state++) children[parents[state]!]! += 1;
    let rows = 0;
    for (let state = 0; state < this.size; state++) {
      // Every text begins in the root.
      if (state === 0 || children[state]! > MOST_SIBLINGS) this.#rowOf[state] = rows++ * this.#width;
    }
    this.#rows = new Int32Array(rows * this.#width);
    for (let state = 1; state < this.size; state++) {
      const row = this.#rowOf[parents[state]!]!;
      if (row !== -1) this.#rows[row + this.label[state]!] = state;
    }
  }

  /**
   * Falling back goes to a state that is nearer to the root, and its own fallback is needed first. So the states are linked in
   * their order, which is that of memory, and those that one waits for before it.
   */
  #link(parents: Int32Array): void {
    const { fallback } = this;
    // Not linked yet: -1, or how far it came, as -2 less the state.
    fallback.fill(-1, 1);
    const waiting: number[] = [];
    for (let first = 1; first < this.size; first++) {
      if (fallback[first]! >= 0) continue;
      waiting.push(first);
      for (let state = waiting.at(-1); state !== undefined; state = waiting.at(-1)) {
        const needed = this.#linkOne(state, parents[state]!);
        if (needed === undefined) waiting.pop();
        else waiting.push(needed);
      }
    }
  }

  /** @returns a state that must be linked first */
  #linkOne(state: number, parent: number): number | undefined {
    const { fallback, found, marks } = this;
    const label = this.label[state]!;
    let target = 0;
    if (parent !== 0) {
      if (fallback[parent]! < 0) return parent;
      let at = fallback[state] === -1 ? fallback[parent]! : -2 - fallback[state]!;
      target = this.child(at, label);
      while (target === 0 && at !== 0) {
        if (fallback[at]! < 0) {
          fallback[state] = -2 - at;
          return at;
        }
        at = fallback[at]!;
        target = this.child(at, label);
      }
      if (fallback[target]! < 0) {
        fallback[state] = -2 - at;
        return target;
      }
    }
    fallback[state] = target;
    if (found[state] === 0) found[state] = found[target]!;
    marks[state]! |= marks[target]! & (WHOLE_6 | WHOLE_7);
    if (found[state] !== 0) marks[state]! |= FOUND;
    return undefined;
  }
}

/** In lower case. */
interface FoldedNeedle {
  readonly text: string;
  readonly whole: boolean;
  readonly beginning: number;
}

/** Each text once, as the least demanding of its needles asks for. */
function sortedNeedles(needles: Iterable<Needle>): FoldedNeedle[] {
  const byText = new Map<string, FoldedNeedle>();
  for (const { text: spelt, whole, beginning } of needles) {
    const text = folded(spelt);
    const known = byText.get(text);
    const least = known === undefined || known.beginning === 0 ? beginning : beginning === 0 ? known.beginning : Math.min(known.beginning, beginning);
    byText.set(text, { text, whole: whole && (known?.whole ?? true), beginning: least });
  }
  byText.delete('');
  return [...byText.values()].toSorted((a, b) => (a.text < b.text ? -1 : 1));
}

/** ASCII alone: other letters are of several bytes. */
function folded(text: string): string {
  return /[\u0080-\u00ff]/.test(text) ? text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase()) : text.toLowerCase();
}

function shared(a: string, b: string): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a.charCodeAt(length) === b.charCodeAt(length)) length++;
  return length;
}
