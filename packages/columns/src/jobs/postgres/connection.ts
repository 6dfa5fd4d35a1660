/** One connection to PostgreSQL, made again after it was lost. */
import { Client, type ClientConfig } from 'pg';

import { Turns } from '@lockfast/core/turns';

import { databaseFailure, isConnectionOver } from './failure.ts';
import type { ServerAccess } from './server-access.ts';

export type SqlRow = readonly unknown[];

/**
 * Asks on one connection.
 *
 * @returns the rows, their columns in the order of the statement
 * @throws LockfastError `database-unavailable`, `database-refused`
 */
export type Ask = (text: string, values?: readonly unknown[]) => Promise<readonly SqlRow[]>;

/** What every new connection begins with. @param pooled whether something between here and the server shares out its connections */
export type Prepare = (ask: Ask, pooled: boolean) => Promise<void>;

interface Connected {
  readonly client: Client;
  readonly ask: Ask;
  /** The server's process. */
  readonly process: number;
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

  /** The server's process for this connection, while there is one. */
  get process(): number | undefined {
    return this.#connected?.process;
  }

  /** Several questions with no one else's between them: one user after the other. */
  async use<T>(work: (ask: Ask) => Promise<T>): Promise<T> {
    return await this.#turns.take(async () => {
      this.#connected ??= await this.#connect();
      return await work(this.#connected.ask);
    });
  }

  /** @param begin the statements that begin it */
  async transaction<T>(begin: string, work: (ask: Ask) => Promise<T>): Promise<T> {
    return await this.use(async (ask) => {
      try {
        await ask(begin);
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
    await this.abandon();
  }

  /** What is being asked gets none. */
  async abandon(): Promise<void> {
    const client = this.#connected?.client;
    this.#connected = undefined;
    await client?.end().catch(() => {});
  }

  async #connect(): Promise<Connected> {
    const client = await this.#open();
    const ask: Ask = async (text, values) => {
      try {
        return (await client.query<unknown[]>({ text, rowMode: 'array', ...(values === undefined ? {} : { values: [...values] }) })).rows;
      } catch (error) {
        if (isConnectionOver(error)) this.#drop(client);
        throw databaseFailure(error, this.#access.place);
      }
    };
    try {
      const process = Number((await ask('SELECT pg_backend_pid()'))[0]?.[0]);
      // What a pooler tells its clients is a number of its own.
      await this.#prepare(ask, process !== Reflect.get(client, 'processID'));
      return { client, ask, process };
    } catch (error) {
      this.#drop(client);
      throw error;
    }
  }

  async #open(): Promise<Client> {
    const { config, withoutTls, place } = this.#access;
    try {
      return await this.#openWith(config).catch(async (error: unknown) => {
        if (withoutTls === undefined || !(error instanceof Error) || !error.message.includes('does not support SSL')) throw error;
        return await this.#openWith(withoutTls);
      });
    } catch (error) {
      throw databaseFailure(error, place);
    }
  }

  async #openWith(config: ClientConfig): Promise<Client> {
    const client = new Client({ ...config, ...(this.#replyMs === undefined ? {} : { query_timeout: this.#replyMs }) });
    // Cut while nothing was asked: the next question makes another one.
    client.on('error', () => this.#drop(client));
    await client.connect();
    return client;
  }

  #drop(client: Client): void {
    if (this.#connected?.client === client) this.#connected = undefined;
    client.end().catch(() => {});
  }
}
