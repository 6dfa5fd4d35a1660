import { randomBytes } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { hostname } from 'node:os';

import { LockfastError } from '@lockfast/core/errors';
import { readableId } from '@lockfast/core/formats';
import { currentRing, KEY_RING_CHANNEL, type KeyRing, type KeyRingMessage, type KeyState, type RingInUse } from '@lockfast/core/keyring';
import { Turns } from '@lockfast/core/turns';

import { HOST_NAME } from './reported-instance.ts';
import { type InstanceDatabase, type InstanceStatements, instanceStatements } from './statements.ts';
import { INSTANCES_TABLE } from './table-name.ts';

/** Where an application reports itself, with what it talks to its database with anyway. */
export interface InstancePlace {
  readonly database: InstanceDatabase;
  /** One statement, by itself: `(sql, values) => pool.query(sql, [...values])`, outside of any transaction. */
  readonly query: (sql: string, values: readonly (string | number | null)[]) => unknown;
  /** `lockfast_instances` without it; in lower case, with or without a schema. */
  readonly table?: string;
  /** What people know this instance by; the machine's name without it, which in Kubernetes is the pod's. */
  readonly host?: string;
}

const USUAL_EVERY_MS = 10_000;
const MOST_OFTEN_MS = 1000;
const LEAST_OFTEN_MS = 300_000;
/** So many reports may be missed. */
const MISSED = 6;
const SOONEST_GONE_SECONDS = 30;

const DECRYPTING: ReadonlySet<KeyState> = new Set(['staged', 'active', 'draining']);

/** One running application in the table of its database. */
export class InstanceReport {
  /** As the table names it. */
  readonly instance = readableId(randomBytes(16));
  readonly #ring: RingInUse;
  readonly #query: InstancePlace['query'];
  readonly #statements: InstanceStatements;
  readonly #host: string | null;
  readonly #goneAfterSeconds: number;
  readonly #timer: NodeJS.Timeout;
  readonly #onNews: (message: unknown) => void;
  readonly #turns = new Turns();
  #waiting = false;
  #closed = false;

  /** Use {@link reportInstance}. */
  constructor(ring: RingInUse, { database, query, table = INSTANCES_TABLE, host }: InstancePlace, onFailure: (error: unknown) => void, everyMs: number) {
    this.#ring = ring;
    this.#query = query;
    this.#statements = instanceStatements(database, table);
    this.#host = shownHost(host);
    this.#goneAfterSeconds = Math.max(SOONEST_GONE_SECONDS, Math.ceil((everyMs * MISSED) / 1000));
    const again = (): void => {
      // A database that does not answer must not make reports pile up.
      if (!this.#waiting) void this.report().catch(onFailure);
    };
    this.#timer = setInterval(again, everyMs).unref();
    // Whoever waits for this instance to hold a key need not wait for the next interval.
    this.#onNews = (message) => {
      if ((message as KeyRingMessage).event === 'replaced') void this.report().catch(onFailure);
    };
    subscribe(KEY_RING_CHANNEL, this.#onNews);
  }

  /** Reports which ring it uses now. @throws LockfastError `database-unavailable` */
  report(): Promise<void> {
    this.#waiting = true;
    // One after the other: the last row that is written must be the last one that was true.
    return this.#turns.take(() => this.#write().finally(() => (this.#waiting = false)));
  }

  /** Makes the table where the role may. Before the first report of many applications it needs nobody to have done so. */
  async start(): Promise<void> {
    try {
      await this.report();
    } catch {
      // Not there yet, perhaps. Where this role may not make it, or somebody else just did, the report itself says what is wrong.
      await this.#asked(this.#statements.create, []).catch(() => {});
      await this.report();
    }
    await this.#asked(this.#statements.forget, []).catch(() => {});
  }

  /** Takes its row away. Call it when the application encrypts no more, before its connections are closed. @throws LockfastError `database-unavailable`; then its row counts as gone a little later */
  async close(): Promise<void> {
    this.stop();
    await this.#turns.over();
    await this.#asked(this.#statements.remove, [this.instance]);
  }

  /** Reports no further. */
  stop(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    unsubscribe(KEY_RING_CHANNEL, this.#onNews);
  }

  async #write(): Promise<void> {
    if (this.#closed) return;
    const ring = currentRing(this.#ring);
    const { ring: id, generation } = ring.version;
    await this.#asked(this.#statements.report, [this.instance, this.#host, ring.environment, id, generation, ring.active().id, heldBy(ring), this.#goneAfterSeconds]);
  }

  async #asked(sql: string, values: readonly (string | number | null)[]): Promise<void> {
    try {
      await this.#query(sql, values);
    } catch (error) {
      throw new LockfastError('database-unavailable', 'this instance could not be reported', 'see the cause; the role needs SELECT, INSERT, UPDATE and DELETE on the table of instances, which may have to be made for it', error);
    }
  }
}

/**
 * Says in a table of the application's database that it runs, and which keys it holds, now, at an interval and when its ring
 * was replaced: `lockfast key activate` waits for a key to be everywhere, and `lockfast key retire` until none encrypts with it.
 *
 * @param onFailure is told of a later report that failed; the next one is tried all the same
 * @param everyMs ten seconds without it. It keeps no process alive. Six missed ones, and at least thirty seconds, count as gone
 * @throws LockfastError `database-unavailable` where the first one fails, with its cause; `usage`
 */
export async function reportInstance(ring: RingInUse, place: InstancePlace, onFailure: (error: unknown) => void, everyMs: number = USUAL_EVERY_MS): Promise<InstanceReport> {
  if (!(Number.isInteger(everyMs) && everyMs >= MOST_OFTEN_MS && everyMs <= LEAST_OFTEN_MS)) {
    throw new LockfastError('usage', 'the interval of reports is not usable', `give milliseconds from ${MOST_OFTEN_MS} to ${LEAST_OFTEN_MS}, or leave it out`);
  }
  const report = new InstanceReport(ring, place, onFailure, everyMs);
  try {
    await report.start();
  } catch (error) {
    report.stop();
    throw error;
  }
  return report;
}

/** The keys that it decrypts with, and those that it searches blind indexes with. */
function heldBy(ring: KeyRing): string {
  const searching = ring.indexKeys.filter(({ state }) => state !== 'destroyed');
  return [...ring.keys.filter(({ state }) => DECRYPTING.has(state)), ...searching].map(({ id }) => id).join(' ');
}

/** @throws LockfastError `usage` for a name that could not be shown */
function shownHost(given: string | undefined): string | null {
  if (given !== undefined && !HOST_NAME.test(given)) throw new LockfastError('usage', 'the name of the instance is not usable', 'use printable ASCII without spaces, at most 255 characters');
  const name = given ?? hostname();
  return HOST_NAME.test(name) ? name : null;
}
