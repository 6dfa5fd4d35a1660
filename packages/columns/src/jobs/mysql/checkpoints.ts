/** How far jobs are, in a table of the database that the URL names: one row for each column. */
import type { Checkpoint } from '../database.ts';
import type { Ask } from './connection.ts';
import { isNotAllowed } from './failure.ts';
import { literal } from './sql-text.ts';

const TABLE = 'lockfast_column_jobs';

/** Whether this user may keep them: in the table that is there, or in one that it may make. Nothing is written to find out. */
export async function mayKeepCheckpoints(ask: Ask): Promise<boolean> {
  if (!(await isThere(ask))) {
    const may = (view: string, more: string): string => `EXISTS (SELECT 1 FROM information_schema.${view} WHERE privilege_type = 'CREATE'${more})`;
    const { rows } = await ask(`SELECT ${may('user_privileges', '')} OR ${may('schema_privileges', ' AND DATABASE() LIKE table_schema')} OR ${may('table_privileges', ` AND table_schema = DATABASE() AND table_name = '${TABLE}'`)}`);
    return Number(rows[0]?.[0]) === 1;
  }
  try {
    // The server refuses to explain what a user may not do.
    for (const statement of [`INSERT INTO ${TABLE} (column_id, key_columns, checkpoint) VALUES ('', '', '') ON DUPLICATE KEY UPDATE key_columns = ''`, `DELETE FROM ${TABLE} WHERE column_id = ''`, `SELECT checkpoint FROM ${TABLE}`]) {
      await ask(`EXPLAIN ${statement}`);
    }
    return true;
  } catch (error) {
    if (!isNotAllowed(error)) throw error;
    return false;
  }
}

/** A statement of its own: it ends any transaction. @returns whether the table is there now */
export async function makeCheckpoints(ask: Ask): Promise<boolean> {
  if (await isThere(ask)) return true;
  try {
    await ask(
      `CREATE TABLE IF NOT EXISTS ${TABLE} (column_id varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY, key_columns text CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
        checkpoint longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, written timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP) ENGINE = InnoDB`,
    );
    return true;
  } catch (error) {
    if (!isNotAllowed(error)) throw error;
    return false;
  }
}

export async function writeCheckpoint(ask: Ask, id: string, key: readonly string[], checkpoint: Checkpoint): Promise<void> {
  const [columns, value] = [literal(JSON.stringify(key)), literal(JSON.stringify(checkpoint))];
  await ask(`INSERT INTO ${TABLE} (column_id, key_columns, checkpoint) VALUES (${literal(id)}, ${columns}, ${value}) ON DUPLICATE KEY UPDATE key_columns = ${columns}, checkpoint = ${value}`);
}

/** Undefined as well where the rows were told apart by other columns then. */
export async function readCheckpoint(ask: Ask, id: string, key: readonly string[]): Promise<Checkpoint | undefined> {
  if (!(await isThere(ask))) return undefined;
  const { rows } = await ask(`SELECT checkpoint FROM ${TABLE} WHERE column_id = ${literal(id)} AND key_columns = ${literal(JSON.stringify(key))}`);
  return rows[0] === undefined ? undefined : (JSON.parse(String(rows[0][0])) as Checkpoint);
}

export async function removeCheckpoint(ask: Ask, id: string): Promise<void> {
  if (await isThere(ask)) await ask(`DELETE FROM ${TABLE} WHERE column_id = ${literal(id)}`);
}

async function isThere(ask: Ask): Promise<boolean> {
  const { rows } = await ask(`SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = '${TABLE}'`);
  return Number(rows[0]?.[0]) > 0;
}
