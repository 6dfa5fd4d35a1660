/** The ledger in PostgreSQL, for several machines. The application's role executes functions and reads; it can't change an entry. */
import { randomUUID } from 'node:crypto';
import { escapeIdentifier, type QueryResultRow } from 'pg';

import { LockfastError } from '@lockfast/core/errors';

import { FIRST_CHAIN, HASH_BYTES } from '../chain.ts';
import { rootFrom, type Subtree } from '../merkle-tree.ts';
import { isLogId, newLogId } from './log-id.ts';
import { isLost, PostgresConnection } from './postgres-connection.ts';
import { APPEND_LOCK, grants, SCHEMA, STEPS } from './postgres-schema.ts';
import type { EpochKey, Head, LedgerStore, StoredCheckpoint, StoredEntry, StoredSigner } from './store.ts';
import { placeOf, placesOf, subtreeIn, type TreePlace } from './tree-column.ts';

const PAGE_ENTRIES = 1000;

/**
 * Makes the ledger in the schema `lockfast_ledger` of that database, or brings it up to date, and grants the role what
 * it needs. The role that the URL names becomes the owner; the application must not be able to become it.
 *
 * @param applicationRole exists already, and is another one
 * @throws LockfastError `unsupported-format` when a newer Lockfast installed it; `config-invalid` for the URL; `ledger-unavailable`
 */
export async function installPostgresLedger(ownerUrl: string, { applicationRole }: { readonly applicationRole: string }): Promise<void> {
  const connection = new PostgresConnection(ownerUrl);
  try {
    await connection.transaction(async (query) => {
      await query(`SELECT pg_advisory_xact_lock(${APPEND_LOCK})`);
      await query(`CREATE SCHEMA IF NOT EXISTS ${SCHEMA}`);
      await query(`CREATE TABLE IF NOT EXISTS ${SCHEMA}.version (one boolean PRIMARY KEY DEFAULT true CHECK (one), number int NOT NULL)`);
      const [row] = await query(`SELECT number FROM ${SCHEMA}.version`);
      const version = Number(row?.['number'] ?? 0);
      refuseNewer(version, connection.place);
      for (const step of STEPS.slice(version)) await query(step);
      await query(`INSERT INTO ${SCHEMA}.version (number) VALUES ($1) ON CONFLICT (one) DO UPDATE SET number = excluded.number`, [STEPS.length]);
      await query(`INSERT INTO ${SCHEMA}.ledger (log_id) VALUES ($1) ON CONFLICT DO NOTHING`, [newLogId()]);
      await query(grants(escapeIdentifier(applicationRole)));
    });
  } finally {
    await connection.close();
  }
}

/**
 * @param url `postgres://USER@HOST/DATABASE`, of the application's role. No message shows its password.
 * @throws LockfastError `ledger-missing` where none is installed; `unsupported-format`; `config-invalid`; `ledger-unavailable`
 */
export async function openPostgresLedger(url: string): Promise<LedgerStore> {
  const connection = new PostgresConnection(url);
  try {
    const [row] = await connection.query(`SELECT number, log_id FROM ${SCHEMA}.version, ${SCHEMA}.ledger`);
    const version = Number(row?.['number']);
    refuseNewer(version, connection.place);
    if (version < STEPS.length) {
      throw new LockfastError('unsupported-format', `the ledger ${connection.place} has format ${version}, this Lockfast needs ${STEPS.length}`, 'install it again as its owner: that brings it up to date');
    }
    const logId: unknown = row?.['log_id'];
    if (!isLogId(logId)) throw damaged(connection.place, 'it does not say which ledger it is');
    return new PostgresLedger(connection, logId);
  } catch (error) {
    await connection.close();
    throw error;
  }
}

class PostgresLedger implements LedgerStore {
  readonly logId: string;
  readonly place: string;
  readonly #connection: PostgresConnection;

  constructor(connection: PostgresConnection, logId: string) {
    this.#connection = connection;
    this.logId = logId;
    this.place = connection.place;
  }

  async append(entries: readonly Buffer[]): Promise<number> {
    if (entries.length === 0) return (await this.head()).size + 1;
    const batch = [randomUUID(), entries];
    try {
      return await this.#append(batch);
    } catch (error) {
      if (!isLost(error)) throw error;
      // The function knows the batch by its id: what was recorded before the reply was lost is not recorded again.
      return await this.#append(batch);
    }
  }

  async head(): Promise<Head> {
    const [row] = await this.#connection.query(`SELECT seq, chain FROM ${SCHEMA}.entries ORDER BY seq DESC LIMIT 1`);
    return row === undefined ? { size: 0, chain: FIRST_CHAIN } : { size: Number(row['seq']), chain: hashOf(row, 'chain', this.place) };
  }

  async root(size: number): Promise<Buffer> {
    return rootFrom(await this.#subtrees(placesOf(size)));
  }

  async subtree(subtree: Subtree): Promise<Buffer> {
    return (await this.#subtrees([placeOf(subtree)]))[0]!;
  }

  async read(from: number, to: number): Promise<readonly StoredEntry[]> {
    const rows = await this.#connection.query(`SELECT seq, entry, chain FROM ${SCHEMA}.entries WHERE seq BETWEEN $1 AND $2 ORDER BY seq LIMIT ${PAGE_ENTRIES}`, [from, to]);
    return rows.map((row) => ({ seq: Number(row['seq']), entry: row['entry'] as Buffer, chain: row['chain'] as Buffer }));
  }

  async addCheckpoint({ size, origin, note }: StoredCheckpoint): Promise<void> {
    await this.#connection.query(`SELECT ${SCHEMA}.add_checkpoint($1, $2, $3)`, [size, origin, note]);
  }

  async checkpoints(): Promise<readonly StoredCheckpoint[]> {
    return (await this.#connection.query(`SELECT size, origin, note FROM ${SCHEMA}.checkpoints ORDER BY id`)).map(checkpointOf);
  }

  async newestCheckpoint(): Promise<StoredCheckpoint | undefined> {
    return (await this.#connection.query(`SELECT size, origin, note FROM ${SCHEMA}.checkpoints ORDER BY id DESC LIMIT 1`)).map(checkpointOf)[0];
  }

  async signer(): Promise<StoredSigner | undefined> {
    return (await this.signers()).at(-1);
  }

  async signers(): Promise<readonly StoredSigner[]> {
    const rows = await this.#connection.query(
      `SELECT s.public_key, coalesce(array_agg(w.wrapped ORDER BY w.id) FILTER (WHERE w.id IS NOT NULL), '{}') AS wrapped
       FROM ${SCHEMA}.signers s LEFT JOIN ${SCHEMA}.wrappings w ON w.signer = s.id GROUP BY s.id ORDER BY s.id`,
    );
    return rows.map((row) => ({ publicKey: row['public_key'] as Buffer, wrapped: row['wrapped'] as string[] }));
  }

  async setSigner({ publicKey, wrapped }: StoredSigner): Promise<void> {
    await this.#connection.query(`SELECT ${SCHEMA}.set_signer($1, $2)`, [publicKey, wrapped]);
  }

  /** None: who can execute the append function could read it as well. */
  async epochKey(): Promise<EpochKey | undefined> {
    return undefined;
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  async #subtrees(places: readonly TreePlace[]): Promise<Buffer[]> {
    const rows = await this.#connection.query(`SELECT seq, tree FROM ${SCHEMA}.entries WHERE seq = ANY ($1::bigint[])`, [places.map(({ seq }) => seq)]);
    const columns = new Map(rows.map((row) => [Number(row['seq']), row['tree'] as Buffer]));
    return places.map(({ seq, level }) => {
      const subtree = subtreeIn(columns.get(seq) ?? Buffer.alloc(0), level);
      if (subtree === undefined) throw damaged(this.place, `entry ${seq} is missing or cut short`);
      return subtree;
    });
  }

  async #append(batch: readonly unknown[]): Promise<number> {
    const [row] = await this.#connection.query(`SELECT ${SCHEMA}.append($1, $2) AS seq`, batch);
    return Number(row!['seq']);
  }
}

function refuseNewer(version: number, place: string): void {
  if (version <= STEPS.length) return;
  throw new LockfastError('unsupported-format', `the ledger ${place} has format ${version}, this Lockfast knows up to ${STEPS.length}`, 'install the newest Lockfast');
}

function hashOf(row: QueryResultRow, column: string, place: string): Buffer {
  const hash = row[column] as Buffer;
  if (hash.length !== HASH_BYTES) throw damaged(place, `a hash has ${hash.length} bytes`);
  return hash;
}

function damaged(place: string, what: string): LockfastError {
  return new LockfastError('ledger-tampered', `the ledger ${place}: ${what}`, 'run `lockfast ledger verify`, and restore the newest backup');
}

function checkpointOf(row: QueryResultRow): StoredCheckpoint {
  return { size: Number(row['size']), origin: String(row['origin']), note: String(row['note']) };
}
