import type { ColumnDatabase } from '@lockfast/columns/jobs';
import { shownLine } from '@lockfast/core/files';

import { quotedWord } from '../shell-word.ts';

/** A table in whose column values were just encrypted. */
export interface EncryptedTable {
  readonly table: string;
  readonly database: Pick<ColumnDatabase, 'kind' | 'place'>;
}

/** Where plaintext is left after it was encrypted, and what takes it away: each kind of database keeps it in its own way. */
export function plaintextLeft(encrypted: readonly EncryptedTable[]): string[] {
  const inServers = encrypted.filter(({ database }) => database.kind !== 'sqlite').map(({ table }) => shownLine(table));
  const files = encrypted.filter(({ database }) => database.kind === 'sqlite').map(({ database }) => database.place);
  return [...inPostgres([...new Set(inServers)]), ...inSqlite([...new Set(files)])];
}

function inPostgres(tables: readonly string[]): string[] {
  if (tables.length === 0) return [];
  return [
    'The plaintext of before is still in the files of the database: in dead rows until VACUUM, in pg_statistic until ANALYZE; and in WAL archives, replicas and backups until they expire. In psql:',
    ...tables.flatMap((table) => [`  VACUUM ${table};`, `  ANALYZE ${table};`]),
  ];
}

/** Zeros are written over what is deleted, but rows that were moved leave a copy behind. */
function inSqlite(places: readonly string[]): string[] {
  return places.flatMap((place) => [
    `The plaintext of before is still in the files of ${place}: in unused parts of pages, in the -wal file if it has one, and in backups until they expire. While nobody reads or writes it:`,
    `  sqlite3 ${quotedWord(place.slice('sqlite:'.length))} 'VACUUM; PRAGMA wal_checkpoint(TRUNCATE);'`,
  ]);
}
