/** One connection to MySQL or MariaDB, made again after it was lost. */
import type { ConnectionOptions } from 'mysql2';
import { type Connection, createConnection } from 'mysql2/promise';

import { Turns } from '@lockfast/core/turns';

import { databaseFailure, isConnectionOver } from './failure.ts';
import type { ServerAccess } from './server-access.ts';

/** Columns as the server sends them: the bytes of a text, in UTF-8, or of a binary column. */
export type SqlRow = readonly (Buffer | null)[];

interface Answer {
  /** Their columns in the order of the statement; none of a statement that changes something. */
  readonly rows: readonly SqlRow[];
  /** How many rows an update found. */
  readonly matched: number;
}

/**
 * Asks on one connection. Without parameters: values are part of the text, as {@link literal} writes them.
 *
 * @throws LockfastError `database-unavailable`, `database-refused`
 */
export type Ask = (text: string) => Promise<Answer>;

/** What every new connection begins with. @param pooled whether something between here and the server shares out its connections */
export type Prepare = (ask: Ask, pooled: boolean) => Promise<void>;

interface Connected {
  readonly client: Connection;
  readonly ask: Ask;
  /** The server's number of the connection. */
  readonly id: number;
}

export class JobConnection {
  readonly #access: ServerAccess;
  /** A reply that takes longer is lost; undefined: none is. */
  readonly #replyMs: number | undefined;
  readonly #prepare: Prepare;
  readonly #turns = new Turns();
  #connected: Connected | undefined;

  constructor(access: ServerAccess, replyMs: number | undefined, prepare: Prepare) {
    this.#access = access;
    this.#replyMs = replyMs;
    this.#prepare = prepare;
  }

  /** The server's number of this connection, while there is one. */
  get id(): number | undefined {
    return this.#connected?.id;
  }

  /** Several questions with no one else's between them: one user after the other. */
  async use<T>(work: (ask: Ask) => Promise<T>): Promise<T> {
    return await this.#turns.take(async () => {
      this.#connected ??= await this.#connect();
      return await work(this.#connected.ask);
    });
  }

  /** @param begin the statements that begin it */
  async transaction<T>(begin: readonly string[], work: (ask: Ask) => Promise<T>): Promise<T> {
    return await this.use(async (ask) => {
      try {
        for (const statement of begin) await ask(statement);
        const result = await work(ask);
        await ask('COMMIT');
        return result;
      } catch (error) {
        // Where the connection is over, so is the transaction.
        await ask('ROLLBACK').catch(() => {});
        throw error;
      }
    });
  }

  /** What is being asked gets its answer first. */
  async close(): Promise<void> {
    await this.#turns.over();
    const client = this.#connected?.client;
    this.#connected = undefined;
    await client?.end().catch(() => {});
  }

  /** What is being asked gets none. */
  abandon(): void {
    this.#connected?.client.destroy();
    this.#connected = undefined;
  }

  async #connect(): Promise<Connected> {
    const client = await this.#open();
    const ask: Ask = async (text) => {
      try {
        const [result] = await client.query({ sql: text, ...(this.#replyMs === undefined ? {} : { timeout: this.#replyMs }) });
        return Array.isArray(result) ? { rows: result as unknown as SqlRow[], matched: 0 } : { rows: [], matched: result.affectedRows };
      } catch (error) {
        if (isConnectionOver(error)) this.#drop(client);
        throw databaseFailure(error, this.#access.place);
      }
    };
    try {
      const id = Number((await ask('SELECT CONNECTION_ID()')).rows[0]?.[0]);
      // What a pooler tells its clients is a number of its own.
      await this.#prepare(ask, id !== client.threadId);
      return { client, ask, id };
    } catch (error) {
      this.#drop(client);
      throw error;
    }
  }

  async #open(): Promise<Connection> {
    const { config, withoutTls, place } = this.#access;
    try {
      return await this.#openWith(config).catch(async (error: unknown) => {
        if (withoutTls === undefined || !(error instanceof Error) || Reflect.get(error, 'code') !== 'HANDSHAKE_NO_SSL_SUPPORT') throw error;
        return await this.#openWith(withoutTls);
      });
    } catch (error) {
      throw databaseFailure(error, place);
    }
  }

  async #openWith(config: ConnectionOptions): Promise<Connection> {
    const client = await createConnection(config);
    // Cut while nothing was asked: the next question makes another one.
    client.on('error', () => this.#drop(client));
    return client;
  }

  #drop(client: Connection): void {
    if (this.#connected?.client === client) this.#connected = undefined;
    client.destroy();
  }
}
