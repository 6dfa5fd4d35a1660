import { shownLine } from '@lockfast/core/files';

import type { ConfiguredColumn } from './declared.ts';

/** Where plaintext is left after it was encrypted in PostgreSQL, and what takes it away. */
export function plaintextLeft(columns: readonly ConfiguredColumn[]): string[] {
  const tables = [...new Set(columns.map(({ table }) => shownLine(table)))];
  if (tables.length === 0) return [];
  return [
    'The plaintext of before is still in the files of the database: in dead rows until VACUUM, in pg_statistic until ANALYZE; and in WAL archives, replicas and backups until they expire. In psql:',
    ...tables.flatMap((table) => [`  VACUUM ${table};`, `  ANALYZE ${table};`]),
  ];
}
