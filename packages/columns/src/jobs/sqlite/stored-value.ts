/** How the value of one column is told from what is stored, by the column's declared type. */
import { LockfastError } from '@lockfast/core/errors';

import type { ColumnTable } from '../database.ts';
import type { FoundColumn } from './table-columns.ts';
import type { FoundTable } from './table-name.ts';

export interface StoredValue {
  readonly storage: ColumnTable['storage'];
  /** The members that lead to it. */
  readonly path: readonly string[];
}

/**
 * The declared type must leave text as it is: under another one, '0012' becomes the number 12 as it is stored.
 *
 * @throws LockfastError `config-invalid`
 */
export function storedValue(table: FoundTable, column: FoundColumn, path: readonly string[]): StoredValue {
  const { type, affinity } = column;
  const refuse = (what: string, hint: string): LockfastError => new LockfastError('config-invalid', `${table.name}.${column.name} ${what}`, hint);
  if (column.generated) throw refuse('is computed by the database', 'encrypt the columns that it is computed from');
  // Both are words for text to those who use them, though to SQLite they mean a number: a JSON text that is no number stays as it is.
  const json = type === 'JSON' || type === 'JSONB';
  const isBinary = type.includes('BLOB');
  const holdsText = affinity === 'text' || (affinity === 'blob' && !isBinary);
  if (path.length > 0) {
    if (!json && !holdsText) throw refuse(`is of type ${type}, which has no path inside`, 'leave the path out of its declaration, or keep the documents as text');
    return { storage: 'json', path };
  }
  if (json) return { storage: 'json', path };
  if (isBinary) return { storage: 'binary', path };
  if (!holdsText) throw refuse(`is of type ${type}, in which SQLite makes numbers of texts that look like them`, 'encrypted values need TEXT, VARCHAR, BLOB or JSON');
  return { storage: 'text', path };
}
