import type { ErrorCode } from '@lockfast/core/errors';
import type { AuditEvent, AuditOutcome, AuditSink } from '@lockfast/core/ports';
import { Turns } from '@lockfast/core/turns';

import { type ColumnCount, ColumnCounts, countName, type Counts } from './counts.ts';

export interface ActivityCounts extends Counts {
  /** Values that were counted and are in no ledger yet. */
  readonly unrecorded: number;
}

/** What is new of one column and operation since its last entry. */
type Unrecorded = readonly ColumnCount[];

/**
 * Puts on record how often columns were read and written: now and then one entry for each column and operation, with
 * counts by key and by error code, since an entry for each read would be a ledger of nothing else. What happened since the
 * last time is lost when the process is killed; {@link close} it where the application ends.
 */
export class ColumnActivity {
  readonly #sink: AuditSink;
  readonly #counted = new ColumnCounts();
  readonly #timer: NodeJS.Timeout;
  /** How much of each count is on record. */
  readonly #recorded = new Map<string, number>();
  readonly #turns = new Turns();

  /**
   * @param everyMs a minute, say. It keeps no process alive
   * @param onFailure is told when the ledger takes nothing: the counts are kept, and tried again
   */
  constructor(sink: AuditSink, everyMs: number, onFailure: (error: unknown) => void) {
    this.#sink = sink;
    this.#timer = setInterval(() => void this.flush().catch(onFailure), everyMs).unref();
  }

  counts(): ActivityCounts {
    const unrecorded = sum(this.#unrecorded().flat());
    return { ...this.#counted.counts(), unrecorded };
  }

  /** Records what is new. @throws what the sink throws, `ledger-unavailable`; what it did not take is kept */
  flush(): Promise<void> {
    // One after the other: two at once would record the same twice.
    return this.#turns.take(() => this.#record());
  }

  /** Counts no further, and records the rest. Where that fails, it may be called again. @throws as {@link flush} */
  close(): Promise<void> {
    clearInterval(this.#timer);
    this.#counted.stop();
    return this.flush();
  }

  async #record(): Promise<void> {
    for (const counts of this.#unrecorded()) {
      await this.#sink.record(entryOf(counts));
      for (const one of counts) this.#recorded.set(countName(one), (this.#recorded.get(countName(one)) ?? 0) + one.count);
    }
  }

  #unrecorded(): Unrecorded[] {
    const fresh = this.#counted
      .counts()
      .columns.map((one) => ({ ...one, count: one.count - (this.#recorded.get(countName(one)) ?? 0) }))
      .filter(({ count }) => count > 0);
    return [...Map.groupBy(fresh, ({ column, operation }) => `${column} ${operation}`).values()];
  }
}

/** Never empty. Where some failed, the entry is a failure, by its most frequent code. */
function entryOf(counts: Unrecorded): AuditEvent & AuditOutcome {
  const { column, operation } = counts[0]!;
  const failed = counts.filter((one): one is ColumnCount & { readonly code: ErrorCode } => one.code !== undefined).toSorted((a, b) => b.count - a.count);
  const done = counts.filter(({ code }) => code === undefined);
  const keys = done.flatMap(({ key }) => key ?? []);
  return {
    operation,
    object: column,
    outcome: failed.length === 0 ? 'success' : 'failure',
    ...(failed.length === 0 ? {} : { code: failed[0]!.code }),
    ...(keys.length === 1 ? { keyId: keys[0]! } : {}),
    details: {
      values: sum(done),
      ...(failed.length === 0 ? {} : { failed: sum(failed) }),
      ...Object.fromEntries(keys.length < 2 ? [] : done.map(({ key, count }) => [`under ${key!}`, count])),
      ...Object.fromEntries(failed.length < 2 ? [] : failed.map(({ code, count }) => [`failed ${code}`, count])),
    },
  };
}

function sum(counts: readonly ColumnCount[]): number {
  return counts.reduce((total, { count }) => total + count, 0);
}
