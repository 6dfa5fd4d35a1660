/** Values that are about to be removed from a column, in a file: one JSON object a line, so that each can be put back by hand. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

import type { RowKey, StoredRow } from './database.ts';
import type { DeclaredColumn } from './declared-column.ts';
import type { Unreadable } from './standing.ts';

interface KeptLine {
  readonly column: string;
  readonly table: string;
  readonly in: string;
  readonly key: RowKey;
  readonly context: readonly (string | null)[];
  readonly label: string | null;
  readonly code: string;
  /** As it stood in the database; the bytes of a binary column in base64. */
  readonly value?: string;
  readonly base64?: string;
}

export function keptLine({ id, table, column }: DeclaredColumn, { key, context, label, value }: StoredRow, { code }: Unreadable): string {
  const line: KeptLine = { column: id, table, in: column, key, context, label, code, ...(typeof value === 'string' ? { value } : { base64: value!.toString('base64') }) };
  // Line and paragraph separators, which JSON lets stand, end a line for `readline`.
  return `${JSON.stringify(line).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')}\n`;
}

/** The rows of a file that {@link keptLine} wrote, in pages. */
export async function* keptRows(path: string, page: number): AsyncGenerator<readonly StoredRow[]> {
  let rows: StoredRow[] = [];
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    const { key, context, label, value, base64 } = JSON.parse(line) as KeptLine;
    rows.push({ key, context, label, value: value ?? Buffer.from(base64!, 'base64') });
    if (rows.length < page) continue;
    yield rows;
    rows = [];
  }
  if (rows.length > 0) yield rows;
}
