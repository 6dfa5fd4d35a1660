/** Opens a database under test for a job, by its URL. */
import type { ColumnDatabase } from '../../src/jobs/index.ts';
import { openPostgresColumns } from '../../src/jobs/postgres/index.ts';

export async function openColumns(url: string): Promise<ColumnDatabase> {
  return await openPostgresColumns(url);
}
