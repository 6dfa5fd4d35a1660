import type { ColumnDatabase } from '@lockfast/columns/jobs';
import { shownLine } from '@lockfast/core/files';

import type { ConfiguredColumn } from './declared.ts';

interface Remains {
  readonly where: string;
  /** What takes it away, of one table; none where it is of the whole database. */
  readonly ofTable: (table: string) => readonly string[];
  readonly ofDatabase: readonly string[];
}

const REMAINS: Readonly<Record<ColumnDatabase['kind'], Remains>> = {
  postgres: {
    where: 'in dead rows until VACUUM, in pg_statistic until ANALYZE; and in WAL archives, replicas and backups until they expire. In psql:',
    ofTable: (table) => [`VACUUM ${table};`, `ANALYZE ${table};`],
    ofDatabase: [],
  },
  mysql: {
    where: 'in undo logs and free pages until the server purges them and the table is rebuilt; and in binary logs, replicas and backups until they expire. In mysql or mariadb:',
    ofTable: (table) => [`OPTIMIZE TABLE ${table};`, `ANALYZE TABLE ${table};`],
    ofDatabase: [],
  },
  sqlite: {
    where: 'in free pages until VACUUM, in its write-ahead log until a checkpoint; and in copies and backups until they expire. In sqlite3:',
    ofTable: () => [],
    ofDatabase: ['VACUUM;', 'PRAGMA wal_checkpoint(TRUNCATE);'],
  },
};

/** Where plaintext is left after it was encrypted in these databases, and what takes it away. */
export function plaintextLeft(columns: readonly { readonly column: ConfiguredColumn; readonly kind: ColumnDatabase['kind'] }[]): string[] {
  const kinds = new Map(columns.map(({ column, kind }) => [column.database, kind]));
  return [...kinds].flatMap(([database, kind]) => {
    const { where, ofTable, ofDatabase } = REMAINS[kind];
    const tables = [...new Set(columns.filter(({ column }) => column.database === database).map(({ column }) => shownLine(column.table)))];
    return [`The plaintext of before is still in the files of the database${kinds.size === 1 ? '' : ` ${shownLine(database)}`}: ${where}`, ...[...tables.flatMap(ofTable), ...ofDatabase].map((statement) => `  ${statement}`)];
  });
}
