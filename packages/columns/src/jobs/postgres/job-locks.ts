/** One job a column: a lock of the server that ends with the connection that writes. */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { LockfastError } from '@lockfast/core/errors';

import type { Ask, Prepare } from './connection.ts';
import { watchClient } from './transaction-start.ts';

/** How long the server may need to see that a connection of ours is gone. */
const RELEASE_MS = 10_000;
/** That of a job that was killed is gone as soon as the server looks: it may be in the middle of a batch. */
const KILLED_MS = 2_000;
const RETRY_MS = 100;
const BE_MISSED = 'SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3';

interface JobLock {
  /** The column, for messages. */
  readonly shown: string;
  readonly halves: readonly [number, number];
}

/** Of the connection that writes. */
export class JobLocks {
  readonly #held: JobLock[] = [];
  #pooled = false;

  /** For each new connection: without its locks a job must not write. */
  readonly prepare: Prepare = async (ask, pooled) => {
    this.#pooled = pooled;
    if (this.#held.length > 0) await lookAfterClient(ask);
    for (const lock of this.#held) await this.#takeWithin(RELEASE_MS, ask, lock);
  };

  /** @throws LockfastError `busy`, `config-invalid` */
  async take(ask: Ask, table: string, column: string): Promise<void> {
    const lock: JobLock = { shown: `${table}.${column}`, halves: halves(table, column) };
    if (this.#held.some(({ shown }) => shown === lock.shown)) return;
    this.#refusePooler(lock);
    await lookAfterClient(ask);
    await this.#takeWithin(KILLED_MS, ask, lock);
    this.#held.push(lock);
  }

  async #takeWithin(ms: number, ask: Ask, lock: JobLock): Promise<void> {
    this.#refusePooler(lock);
    const deadline = performance.now() + ms;
    while (!(await tryLock(ask, lock))) {
      if (performance.now() > deadline) throw await busy(ask, lock);
      await sleep(RETRY_MS);
    }
  }

  #refusePooler(lock: JobLock): void {
    if (!this.#pooled) return;
    throw new LockfastError('config-invalid', `the job on ${lock.shown} is connected through a pooler, whose connections outlive the job's lock`, 'name the server itself in the URL, not the pooler');
  }
}

/** A server that lost sight of us gives the lock back within a minute, not within hours; one whose client was killed, before its batch is done. */
async function lookAfterClient(ask: Ask): Promise<void> {
  await ask(BE_MISSED);
  await ask(watchClient('500ms', false));
}

async function tryLock(ask: Ask, lock: JobLock): Promise<boolean> {
  const [row] = await ask('SELECT pg_try_advisory_lock($1, $2)', lock.halves);
  return row?.[0] === true;
}

async function busy(ask: Ask, lock: JobLock): Promise<LockfastError> {
  const [row] = await ask(
    `SELECT pid FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
      AND classid = ($1::int8 & 4294967295)::oid AND objid = ($2::int8 & 4294967295)::oid`,
    lock.halves,
  );
  const holder = row === undefined ? '' : ` (process ${String(row[0])} of the server)`;
  return new LockfastError('busy', `another job works on ${lock.shown}${holder}`, 'wait until it ends, then run it again');
}

/** The server's locks have two numbers of 32 bits and know databases apart. */
function halves(table: string, column: string): readonly [number, number] {
  const digest = createHash('sha256').update(JSON.stringify(['lockfast/column-job', table, column])).digest();
  return [digest.readInt32BE(0), digest.readInt32BE(4)];
}
