/** One job a column: a named lock of the server that ends with the connection that writes. */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { LockfastError } from '@lockfast/core/errors';

import type { Ask } from './connection.ts';
import { literal } from './sql-text.ts';

/** How long the server may need to see that a connection of ours is gone. */
const RELEASE_MS = 10_000;
/** That of a job that was killed is gone as soon as the server looks: it may be in the middle of a batch. */
const KILLED_MS = 2_000;
const RETRY_MS = 100;

interface JobLock {
  /** The column, for messages. */
  readonly shown: string;
  readonly name: string;
}

/** Of the connection that writes. */
export class JobLocks {
  readonly #held: JobLock[] = [];
  #pooled = false;

  /** For each new connection: without its locks a job must not write. */
  async takeAgain(ask: Ask, pooled: boolean): Promise<void> {
    this.#pooled = pooled;
    for (const lock of this.#held) await this.#takeWithin(RELEASE_MS, ask, lock);
  }

  /** @param table its schema and its name @throws LockfastError `busy`, `config-invalid` */
  async take(ask: Ask, table: readonly [string, string], column: string): Promise<void> {
    const lock: JobLock = { shown: `${table.join('.')}.${column}`, name: lockName(table, column) };
    if (this.#held.some(({ name }) => name === lock.name)) return;
    await this.#takeWithin(KILLED_MS, ask, lock);
    this.#held.push(lock);
  }

  async #takeWithin(ms: number, ask: Ask, lock: JobLock): Promise<void> {
    if (this.#pooled) {
      throw new LockfastError('config-invalid', `the job on ${lock.shown} is connected through a pooler, whose connections outlive the job's lock`, 'name the server itself in the URL, not the pooler');
    }
    const deadline = performance.now() + ms;
    while (Number((await ask(`SELECT GET_LOCK(${literal(lock.name)}, 0)`)).rows[0]?.[0]) !== 1) {
      if (performance.now() > deadline) throw await busy(ask, lock);
      await sleep(RETRY_MS);
    }
  }
}

async function busy(ask: Ask, lock: JobLock): Promise<LockfastError> {
  const holder = (await ask(`SELECT IS_USED_LOCK(${literal(lock.name)})`)).rows[0]?.[0];
  const named = holder === null || holder === undefined ? '' : ` (connection ${holder.toString()} of the server)`;
  return new LockfastError('busy', `another job works on ${lock.shown}${named}`, 'wait until it ends, then run it again');
}

/** Names are the whole server's, have 64 characters at most, and fold case. */
function lockName(table: readonly [string, string], column: string): string {
  return `lockfast:${createHash('sha256').update(JSON.stringify(['lockfast/column-job', ...table, column])).digest('hex').slice(0, 48)}`;
}
