/** How far jobs are, in a table of the database that they work on: one row for each column. */
import type { Checkpoint } from '../database.ts';
import type { Ask } from './connection.ts';

const TABLE = 'lockfast.column_jobs';
/** So that two first jobs do not make it at once: "lock", "cols" in ASCII. */
const CREATION_LOCK = '1819239275, 1668246643';

/** Whether this role may keep them: in the table that is there, or in one that it may make. */
export async function mayKeepCheckpoints(ask: Ask): Promise<boolean> {
  // Asking for a table in a schema that one may not use is an error of its own.
  const [schema] = await ask(`SELECT has_schema_privilege(oid, 'USAGE'), has_schema_privilege(oid, 'CREATE') FROM pg_catalog.pg_namespace WHERE nspname = 'lockfast'`);
  if (schema === undefined) return (await ask(`SELECT has_database_privilege(current_database(), 'CREATE')`))[0]?.[0] === true;
  const [mayUse, mayMake] = schema;
  if (mayUse !== true) return false;
  if (!(await isThere(ask))) return mayMake === true;
  const [row] = await ask(`SELECT bool_and(has_table_privilege('${TABLE}', wanted)) FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) wanted`);
  return row?.[0] === true;
}

/** In a transaction of its own. */
export async function makeCheckpoints(ask: Ask): Promise<void> {
  if (await isThere(ask)) return;
  await ask(`SELECT pg_advisory_xact_lock(${CREATION_LOCK})`);
  await ask('CREATE SCHEMA IF NOT EXISTS lockfast');
  await ask(`CREATE TABLE IF NOT EXISTS ${TABLE} (column_id text PRIMARY KEY, key_columns text[] NOT NULL, checkpoint jsonb NOT NULL, written timestamptz NOT NULL DEFAULT now())`);
}

export async function writeCheckpoint(ask: Ask, id: string, key: readonly string[], checkpoint: Checkpoint): Promise<void> {
  await ask(
    `INSERT INTO ${TABLE} (column_id, key_columns, checkpoint) VALUES ($1, $2, $3)
     ON CONFLICT (column_id) DO UPDATE SET key_columns = excluded.key_columns, checkpoint = excluded.checkpoint, written = now()`,
    [id, key, JSON.stringify(checkpoint)],
  );
}

/** Undefined as well where the rows were told apart by other columns then. */
export async function readCheckpoint(ask: Ask, id: string, key: readonly string[]): Promise<Checkpoint | undefined> {
  if (!(await isThere(ask))) return undefined;
  const [row] = await ask(`SELECT checkpoint::text FROM ${TABLE} WHERE column_id = $1 AND key_columns = $2::text[]`, [id, key]);
  return row === undefined ? undefined : (JSON.parse(String(row[0])) as Checkpoint);
}

export async function removeCheckpoint(ask: Ask, id: string): Promise<void> {
  if (await isThere(ask)) await ask(`DELETE FROM ${TABLE} WHERE column_id = $1`, [id]);
}

async function isThere(ask: Ask): Promise<boolean> {
  const [row] = await ask(`SELECT to_regclass('${TABLE}') IS NOT NULL`);
  return row?.[0] === true;
}
