import { type ErrorCode, LockfastError } from '@lockfast/core/errors';
import type { KeyId } from '@lockfast/core/formats';
import { asText } from '@lockfast/core/formats';

import type { BlindIndex } from '../blind-index.ts';
import { indexKeyIdOf } from '../index-value.ts';
import type { StoredRow } from './database.ts';
import { type DeclaredIndex, indexTarget } from './declared-index.ts';
import { isShredded } from './standing.ts';
import { plaintextIn } from './stored-form.ts';
import type { OpenedRow, StoredValues } from './stored-values.ts';

/** How the index of a row stands to its value, found out by decrypting it. */
type IndexStanding =
  /** Neither value nor index. */
  | { readonly kind: 'null' }
  /** The right one, under the key that is written with now, or under another one that is searched with, too. */
  | { readonly kind: 'current' | 'older'; readonly key: KeyId }
  /** A value without an index: no search finds it. */
  | { readonly kind: 'missing' }
  /** Not the index of the value: somebody wrote the one and not the other, or the definition was another one. */
  | { readonly kind: 'stale' }
  /** The value does not open, or has no index: what its index should be nobody can tell. */
  | { readonly kind: 'unreadable'; readonly code: ErrorCode };

/** A row of the table, and what its index should be; undefined where nobody can tell. */
export interface IndexedRow {
  readonly row: StoredRow;
  readonly standing: IndexStanding;
  readonly wanted: string | null | undefined;
}

/** Reads rows of an {@link indexTarget}: opens their values, and computes their indexes anew. */
export class IndexedRows {
  readonly #index: BlindIndex;
  readonly #values: StoredValues;
  readonly #names: readonly string[];
  readonly #contextAt: readonly number[];
  readonly #indexAt: readonly number[];

  /** @param values of the column that the index is over */
  constructor(declared: DeclaredIndex, index: BlindIndex, values: StoredValues) {
    const { context } = indexTarget(declared);
    this.#index = index;
    this.#values = values;
    this.#names = index.definition.context ?? [];
    this.#contextAt = declared.source.context.map((name) => context.indexOf(name));
    this.#indexAt = this.#names.map((name) => context.indexOf(name));
  }

  read(rows: readonly StoredRow[]): IndexedRow[] {
    const sources = rows.map((row): StoredRow => ({ ...row, value: row.context[0]!, context: this.#contextAt.map((at) => row.context[at]!) }));
    return this.#values.open(sources, 'text').map((opened, at) => this.#standing(rows[at]!, sources[at]!, opened));
  }

  #standing(row: StoredRow, source: StoredRow, opened: OpenedRow): IndexedRow {
    const unreadable = (code: ErrorCode): IndexedRow => ({ row, standing: { kind: 'unreadable', code }, wanted: undefined });
    const stored = row.value as string | null;
    const text = textOf(source, opened);
    if (text instanceof LockfastError) return unreadable(text.code);
    if (text === null) return { row, standing: { kind: stored === null ? 'null' : 'stale' }, wanted: null };
    let right: readonly string[];
    try {
      right = this.#index.candidates(text, Object.fromEntries(this.#names.map((name, at) => [name, row.context[this.#indexAt[at]!]!])));
    } catch (error) {
      if (!(error instanceof LockfastError)) throw error;
      return unreadable(error.code);
    }
    const wanted = right[0]!;
    if (stored === null) return { row, standing: { kind: 'missing' }, wanted };
    const at = right.indexOf(stored);
    if (at === -1) return { row, standing: { kind: 'stale' }, wanted };
    return { row, standing: { kind: at === 0 ? 'current' : 'older', key: indexKeyIdOf(stored)! }, wanted };
  }
}

/** The texts of rows of the source column itself, of those that open. */
export function textsOf(sources: readonly StoredRow[], values: StoredValues): string[] {
  return values.open(sources, 'text').flatMap((opened, at) => {
    const text = textOf(sources[at]!, opened);
    return typeof text === 'string' ? [text] : [];
  });
}

/** What the application sees; null for no value. What it could not have written is an error. */
function textOf(source: StoredRow, { standing, opened }: OpenedRow): string | null | LockfastError {
  // Of a value that was made unreadable on purpose, an index would still tell equals and let guesses be tested: it goes, too.
  if (standing.kind === 'null' || isShredded(standing)) return null;
  if (standing.kind === 'unreadable') return new LockfastError(standing.code, 'a value does not open', 'see `lockfast column triage`');
  const bytes = standing.kind === 'plaintext' ? plaintextIn(source.value!, 'text', 'text') : opened!.value;
  if (bytes === undefined) return new LockfastError('invalid-text', 'a value is no text', 'see `lockfast column triage`');
  try {
    return asText(bytes);
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    return error;
  } finally {
    bytes.fill(0);
  }
}
