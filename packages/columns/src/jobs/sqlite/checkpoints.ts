/** How far jobs are, in a table of the database that they work on: one row for each column. It goes with the last of them. */
import type { Checkpoint } from '../database.ts';
import type { Ask } from './connection.ts';

/** Older versions of SQLite must read the schema, too: nothing newer than them stands in it. */
const TABLE = 'lockfast_column_jobs';

export function writeCheckpoint(ask: Ask, id: string, key: readonly string[], checkpoint: Checkpoint): void {
  ask.run(`CREATE TABLE IF NOT EXISTS main.${TABLE} (column_id TEXT PRIMARY KEY NOT NULL, key_columns TEXT NOT NULL, checkpoint TEXT NOT NULL, written TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)`);
  ask.run(
    `INSERT INTO main.${TABLE} (column_id, key_columns, checkpoint) VALUES (?, ?, ?)
     ON CONFLICT (column_id) DO UPDATE SET key_columns = excluded.key_columns, checkpoint = excluded.checkpoint, written = CURRENT_TIMESTAMP`,
    id,
    JSON.stringify(key),
    JSON.stringify(checkpoint),
  );
}

/** Undefined as well where the rows were told apart by other columns then. */
export function readCheckpoint(ask: Ask, id: string, key: readonly string[]): Checkpoint | undefined {
  if (!isThere(ask)) return undefined;
  const row = ask.first(`SELECT checkpoint FROM main.${TABLE} WHERE column_id = ? AND key_columns = ?`, id, JSON.stringify(key));
  return row === undefined ? undefined : (JSON.parse(String(row[0])) as Checkpoint);
}

/** A table that an application's migrations do not know would be in their way. */
export function removeCheckpoint(ask: Ask, id: string): void {
  if (!isThere(ask)) return;
  ask.run(`DELETE FROM main.${TABLE} WHERE column_id = ?`, id);
  if (ask.first(`SELECT 1 FROM main.${TABLE}`) === undefined) ask.run(`DROP TABLE main.${TABLE}`);
}

function isThere(ask: Ask): boolean {
  return ask.first("SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ?", TABLE) !== undefined;
}
