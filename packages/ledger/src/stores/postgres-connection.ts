/** One connection to PostgreSQL, made again after it was lost; and what its failures mean for a ledger. */
import { Client, type ClientConfig, type QueryResultRow } from 'pg';

import { type ErrorCode, LockfastError } from '@lockfast/core/errors';
import { Turns } from '@lockfast/core/turns';

const CONNECT_MS = 10_000;
const STATEMENT_MS = 10_000;
/** The server ends a statement by itself; only a server that is gone needs this. */
const REPLY_MS = STATEMENT_MS + 2_000;

interface Cause {
  readonly code?: ErrorCode;
  readonly what: string;
  readonly hint: string;
}

const NOT_INSTALLED: Cause = { code: 'ledger-missing', what: 'there is no ledger in it', hint: 'install it there as the owner of the database, or restore the database from its backup' };
const NOT_LET_IN: Cause = { what: 'the server did not let this user in', hint: 'check user and password in the URL, and pg_hba.conf' };

/** By SQLSTATE: https://www.postgresql.org/docs/15/errcodes-appendix.html. */
const STATES: ReadonlyMap<string, Cause> = new Map<string, Cause>([
  ['3F000', NOT_INSTALLED],
  ['42P01', NOT_INSTALLED],
  ['42883', NOT_INSTALLED],
  ['3D000', { code: 'ledger-missing', what: 'there is no such database', hint: 'check the URL' }],
  ['28P01', NOT_LET_IN],
  ['28000', NOT_LET_IN],
  ['42501', { what: 'this role may not do that', hint: 'use the role that the ledger was installed for' }],
  ['42704', { what: 'there is no such role', hint: 'create the role first' }],
  ['57014', { what: `the server was not done within ${STATEMENT_MS / 1000} s`, hint: 'see in pg_stat_activity who holds its lock, then run it again' }],
  ['53100', { what: "the server's disk is full", hint: 'free space there, then run it again' }],
  ['53300', { what: 'the server has too many connections', hint: 'run it again' }],
  ['25006', { what: 'the server is read-only, perhaps a replica', hint: 'name the primary in the URL' }],
  ['XX001', { code: 'ledger-tampered', what: 'entries are missing or cut short', hint: 'run `lockfast ledger verify`, and restore the newest backup' }],
]);

export class PostgresConnection {
  /** The URL without password and parameters, for messages. */
  readonly place: string;
  readonly #config: ClientConfig;
  readonly #turns = new Turns();
  #client: Promise<Client> | undefined;

  /** @throws LockfastError `config-invalid` */
  constructor(url: string) {
    this.place = shownUrl(url);
    this.#config = {
      connectionString: url,
      application_name: 'lockfast',
      connectionTimeoutMillis: CONNECT_MS,
      statement_timeout: STATEMENT_MS,
      query_timeout: REPLY_MS,
      keepAlive: true,
    };
  }

  /**
   * One after the other: a connection has one question at a time.
   *
   * @throws LockfastError `ledger-unavailable`, `ledger-missing`, `ledger-tampered`; {@link isLost} tells whether it may have been done all the same
   */
  async query(text: string, values: readonly unknown[] = []): Promise<readonly QueryResultRow[]> {
    return await this.#turns.take(async () => await this.#ask(text, values));
  }

  /** Several statements, all or none. */
  async transaction(work: (query: (text: string, values?: readonly unknown[]) => Promise<readonly QueryResultRow[]>) => Promise<void>): Promise<void> {
    await this.query('BEGIN');
    try {
      await work(async (text, values) => await this.query(text, values));
      await this.query('COMMIT');
    } catch (error) {
      // Another connection would begin outside the transaction.
      await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#turns.over();
    const client = this.#client;
    this.#client = undefined;
    await client
      ?.then(async (connected) => {
        keepsProcess(connected, true);
        await connected.end();
      })
      .catch(() => {});
  }

  async #ask(text: string, values: readonly unknown[]): Promise<readonly QueryResultRow[]> {
    const client = await this.#connected();
    keepsProcess(client, true);
    try {
      return (await client.query(text, [...values])).rows;
    } catch (error) {
      if (stateOf(error) === undefined || isOver(error)) this.#forget(client);
      throw this.#failure(error);
    } finally {
      keepsProcess(client, false);
    }
  }

  async #connected(): Promise<Client> {
    this.#client ??= this.#connect();
    try {
      return await this.#client;
    } catch (error) {
      this.#client = undefined;
      throw error;
    }
  }

  async #connect(): Promise<Client> {
    try {
      const client = new Client(this.#config);
      // Cut while nothing was asked: the next question makes another one.
      client.on('error', () => this.#forget(client));
      await client.connect();
      // Where it is switched off for speed, a crash of the server would take back what was reported as recorded.
      await client.query("SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local')");
      return client;
    } catch (error) {
      throw this.#failure(error);
    }
  }

  #forget(client: Client): void {
    this.#client = undefined;
    client.end().catch(() => {});
  }

  #failure(error: unknown): Error {
    if (error instanceof LockfastError) return error;
    if (!(error instanceof Error)) return new Error(String(error));
    const state = stateOf(error);
    const cause = state === undefined ? lost(error) : (STATES.get(state) ?? { what: `the server reported ${state}`, hint: "see the server's log" });
    return new LockfastError(cause.code ?? 'ledger-unavailable', `the ledger ${this.place} can not be used: ${cause.what}`, cause.hint, error);
  }
}

/**
 * Whether the process lives on for the connection: while something is asked or the connection is closed, and not while it
 * is idle. So a program that is done ends, also where nobody closed the ledger.
 */
function keepsProcess(client: Client, wanted: boolean): void {
  // Its types do not know them: https://node-postgres.com/apis/client
  const counted = client as Client & NodeJS.RefCounted;
  if (wanted) counted.ref();
  else counted.unref();
}

/** Whether the reply was lost: what was asked may have been done, or not. */
export function isLost(error: unknown): boolean {
  return error instanceof LockfastError && error.cause instanceof Error && (stateOf(error.cause) === undefined || isOver(error.cause));
}

/** The SQLSTATE; undefined when it was not the server that spoke. */
function stateOf(error: unknown): string | undefined {
  return error instanceof Error && 'severity' in error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Shut down, or ended by an administrator: the connection is over. */
function isOver(error: unknown): boolean {
  return /^(?:08|57P)/.test(stateOf(error) ?? '');
}

function lost(error: Error): Cause {
  const code = 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : '';
  return { what: `the server can not be reached, or was lost${code}`, hint: 'check that it runs and that the URL is right, then run it again' };
}

/** No cause: Node's error for a bad URL quotes it, with the password. */
function shownUrl(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null || !/^postgres(?:ql)?:$/.test(parsed.protocol)) {
    throw new LockfastError('config-invalid', 'the URL of the ledger is not one of PostgreSQL', 'write it as postgres://USER@HOST/DATABASE');
  }
  const host = parsed.host === '' ? (parsed.searchParams.get('host') ?? '') : parsed.host;
  return `postgres://${parsed.username === '' ? '' : `${parsed.username}@`}${host}${parsed.pathname}`;
}
