/** Opens a database under test for a job, by its URL. */
import type { ColumnDatabase } from '../../src/jobs/index.ts';
import { openMysqlColumns } from '../../src/jobs/mysql/index.ts';
import { openPostgresColumns } from '../../src/jobs/postgres/index.ts';
import { openSqliteColumns } from '../../src/jobs/sqlite/index.ts';

export async function openColumns(url: string): Promise<ColumnDatabase> {
  if (url.startsWith('sqlite:')) return await openSqliteColumns(url.slice('sqlite:'.length));
  return url.startsWith('postgres:') ? await openPostgresColumns(url) : await openMysqlColumns(url);
}
