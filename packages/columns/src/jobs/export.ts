import { asText, contextText } from '@lockfast/core/formats';
import { type ErrorCode, LockfastError } from '@lockfast/core/errors';

import { type JsonValue, VALUE_TYPES, type ValueTypeName } from '../value-type.ts';
import type { ColumnDatabase, RowKey, StoredRow } from './database.ts';
import type { DeclaredColumn } from './declared-column.ts';
import { plaintextIn } from './stored-form.ts';
import type { OpenedRow, StoredValues } from './stored-values.ts';
import { walkColumn } from './walk.ts';

/** One context column, and the text that it has in the rows that are meant. */
export interface ContextFilter {
  readonly name: string;
  readonly value: string;
}

/** One row in plain. */
export interface ExportedRow {
  readonly key: RowKey;
  readonly label: string | null;
  /** The values of the context columns, in the order of the declaration. */
  readonly context: readonly (string | null)[];
  /** Text, JSON, or bytes; null where there is no value, or none that opens. */
  readonly value: JsonValue | Buffer;
  /** Whether it was stored encrypted. */
  readonly encrypted: boolean;
  /** When it was encrypted, in milliseconds since the Unix epoch; undefined where that is not known. */
  readonly created?: number;
  /** Why it could not be read. */
  readonly code?: ErrorCode;
  /** When the key of its tenant was destroyed, ISO 8601: nobody can read it. */
  readonly shredded?: string;
}

/**
 * The values of one subject, decrypted, in the order of the keys. It streams, and changes nothing. The whole table is
 * looked at, and only the rows that are meant are decrypted.
 *
 * @param filters all of them must hold; each names a context column
 * @throws LockfastError as `ColumnDatabase.table`; what the signal was aborted with
 */
export async function* exportColumn(database: ColumnDatabase, declared: DeclaredColumn, values: StoredValues, filters: readonly ContextFilter[], signal?: AbortSignal): AsyncGenerator<ExportedRow> {
  const table = await database.table(declared);
  for await (const rows of walkColumn(database, declared, table, signal)) {
    const meant = rows.filter((row) => isMeant(row, declared, filters));
    if (meant.length === 0) continue;
    const opened = values.open(meant, table.storage);
    for (const [index, row] of meant.entries()) yield exported(row, opened[index]!, declared, table.storage);
  }
}

/** Whether a row is one of those that all filters name. */
export function isMeant({ context }: Pick<StoredRow, 'context'>, { context: names }: Pick<DeclaredColumn, 'context'>, filters: readonly ContextFilter[]): boolean {
  return filters.every(({ name, value }) => {
    const held = context[names.indexOf(name)];
    // A UUID is one in either case, as where values are bound to it.
    return typeof held === 'string' && contextText(held) === contextText(value);
  });
}

function exported(row: StoredRow, { standing, opened }: OpenedRow, { as }: DeclaredColumn, storage: Parameters<typeof plaintextIn>[1]): ExportedRow {
  const { key, label, context } = row;
  const about = { key, label, context };
  if (standing.kind === 'null') return { ...about, value: null, encrypted: false };
  if (standing.kind === 'unreadable') return { ...about, value: null, encrypted: true, code: standing.code, ...(standing.shredded === undefined ? {} : { shredded: standing.shredded }) };
  const bytes = opened?.value ?? plaintextIn(row.value!, storage, as);
  const value = bytes === undefined ? undefined : decoded(bytes, as);
  opened?.value.fill(0);
  const created = standing.kind === 'encrypted' ? standing.created : undefined;
  const known = { ...about, encrypted: standing.kind === 'encrypted', ...(created === undefined ? {} : { created }) };
  return value === undefined ? { ...known, value: null, code: 'invalid-text' } : { ...known, value };
}

/** A copy; undefined for bytes that no value of this type gives. */
function decoded(bytes: Buffer, as: ValueTypeName): JsonValue | Buffer | undefined {
  if (as === 'bytes') return Buffer.from(bytes);
  try {
    return as === 'json' ? VALUE_TYPES.json.decode(bytes) : asText(bytes);
  } catch (error) {
    if (error instanceof LockfastError) return undefined;
    throw error;
  }
}
