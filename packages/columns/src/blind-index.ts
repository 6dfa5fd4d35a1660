import { createHmac } from 'node:crypto';

import { LockfastError } from '@lockfast/core/errors';
import { contextText, type KeyId, lengthPrefixed } from '@lockfast/core/formats';
import { currentRing, type IndexKey, type IndexKeys, type KeyRing, type RingInUse } from '@lockfast/core/keyring';

import { type BlindIndexDefinition, checkIndexDefinition } from './blind-index-definition.ts';
import { caseAndWidth } from './case-and-width.ts';
import { type ColumnContext, contextOf } from './column-context.ts';
import { indexValue, MOST_INDEX_BITS } from './index-value.ts';

const PURPOSE = 'lockfast/blind-index';

/**
 * The blind index of one encrypted column of texts: what to store beside a value so that it is found again by equality,
 * and by nothing else. Make it once at the start: it holds keys.
 *
 * Whoever reads the database sees which rows are equal, and how often each value is there: see docs/guides/blind-index.md
 * before you index a column.
 */
export class BlindIndex {
  readonly id: string;
  readonly definition: BlindIndexDefinition;
  readonly #ring: RingInUse;
  #opened: { readonly ring: KeyRing; readonly keys: IndexKeys };
  readonly #scope: readonly string[];
  readonly #names: readonly string[];
  readonly #bits: number;
  readonly #normalise: (value: string) => string;

  /** Use {@link blindIndex}. @throws LockfastError `usage`, `missing-key` */
  constructor(ring: RingInUse, definition: BlindIndexDefinition) {
    checkIndexDefinition(definition);
    const { id, column, normalise = 'none', bits = MOST_INDEX_BITS, context = [] } = definition;
    this.id = id;
    // A copy: whoever changes his object later changes nothing here.
    this.definition = Object.freeze({ ...definition, ...(definition.context === undefined ? {} : { context: Object.freeze([...context]) }) });
    this.#ring = ring;
    // Without a key, the application should not start.
    this.#opened = opened(currentRing(ring), id);
    this.#scope = [PURPOSE, currentRing(ring).environment, id, column];
    this.#names = this.definition.context ?? [];
    this.#bits = bits;
    this.#normalise = typeof normalise === 'function' ? normalise : normalise === 'case-and-width' ? caseAndWidth : (value) => value;
  }

  /** The key that {@link of} writes under. */
  get currentKey(): KeyId {
    return this.#keys.current.id;
  }

  /** Those of the ring in use: a newer one may have others. */
  get #keys(): IndexKeys {
    const ring = currentRing(this.#ring);
    if (ring !== this.#opened.ring) this.#opened = opened(ring, this.id);
    return this.#opened.keys;
  }

  /**
   * What to store in the index column of a row, beside the encrypted value and in the same statement. `null` stays `null`.
   *
   * @param context the values of the definition's context columns, of that row
   * @throws LockfastError `invalid-text`, `invalid-context`
   */
  of(value: string, context?: ColumnContext): string;
  of(value: string | null, context?: ColumnContext): string | null;
  of(value: string | null, context?: ColumnContext): string | null {
    return value === null ? null : this.#under(this.#keys.current, this.#message(value, context));
  }

  /**
   * What rows with this value may have in the index column, for `IN (...)`: one value, and while the index is rotated two, that
   * of the current key first. None for `null`, which equals nothing.
   *
   * With fewer than 256 bits other rows have it, too: decrypt what is found, and compare.
   *
   * @throws as {@link of}
   */
  candidates(value: string | null, context?: ColumnContext): string[] {
    if (value === null) return [];
    const message = this.#message(value, context);
    const { current, others } = this.#keys;
    return [current, ...others].map((key) => this.#under(key, message));
  }

  /** Whether a stored value of the index column is one of this value: of the current key or another one that is still searched with. @throws as {@link of} */
  matches(stored: string | null, value: string | null, context?: ColumnContext): boolean {
    if (stored === null || value === null) return stored === value;
    return this.candidates(value, context).includes(stored);
  }

  #message(value: string, context: ColumnContext | undefined): Buffer {
    if (typeof value !== 'string') throw this.#invalid('the value is not text', 'a blind index is for columns of texts');
    const { place } = contextOf(this.id, this.#names, context);
    const text = this.#normalise(value);
    if (typeof text !== 'string') throw this.#invalid('the normalisation gives no text', 'return a string from it');
    // As UTF-8 all of them would be one: two texts that differ would be found as equal.
    if (!text.isWellFormed()) throw this.#invalid('the value is not well-formed Unicode', 'refuse it where it comes from: a lone surrogate is no character');
    // The first part of the place is the index's id, which the scope has.
    const contexts = place.slice(1).map((one) => this.#told(() => contextText(one)));
    return lengthPrefixed([...this.#scope, ...contexts, text]);
  }

  #under({ id, secret }: IndexKey, message: Buffer): string {
    const digest = secret.use((bytes) => createHmac('sha256', bytes).update(message).digest());
    return indexValue(id, digest, this.#bits);
  }

  #told<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof LockfastError)) throw error;
      throw new LockfastError(error.code, `${this.id}: ${error.message}`, error.hint, error);
    }
  }

  #invalid(what: string, hint: string): LockfastError {
    return new LockfastError('invalid-text', `${this.id}: ${what}`, hint);
  }
}

/**
 * The blind index of a column, on a key ring, or on one that a running application replaces by its newer versions.
 *
 * @throws LockfastError `usage` for a definition that can't be; `missing-key` where the ring has no key of it: `lockfast column index build` makes the first
 */
export function blindIndex(ring: RingInUse, definition: BlindIndexDefinition): BlindIndex {
  return new BlindIndex(ring, definition);
}

function opened(ring: KeyRing, id: string): { readonly ring: KeyRing; readonly keys: IndexKeys } {
  return { ring, keys: ring.indexSecrets(id) };
}
