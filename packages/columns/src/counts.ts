import { subscribe, unsubscribe } from 'node:diagnostics_channel';

import type { ErrorCode } from '@lockfast/core/errors';
import { KEY_RING_CHANNEL, type KeyRingMessage } from '@lockfast/core/keyring';

import { COLUMN_CHANNEL, type ColumnEvent } from './events.ts';

export type ColumnOperation = 'encrypt' | 'decrypt' | 'read-plaintext';

/** How many values of one column one thing happened to: with a key it succeeded, with a code it failed. */
export interface ColumnCount {
  readonly column: string;
  readonly operation: ColumnOperation;
  readonly key?: string;
  readonly code?: ErrorCode;
  readonly count: number;
}

/** What happened in this process since counting began: numbers that only grow, for an exporter of metrics. */
export interface Counts {
  readonly columns: readonly ColumnCount[];
  /** Operations on columns that failed, by code: a batch is one. */
  readonly failedOperations: Readonly<Partial<Record<ErrorCode, number>>>;
  /** Key rings that were refused, at the start or in place of the one in use, by code: a key source out of reach, a wrong environment, no active key. */
  readonly keyRingErrors: Readonly<Partial<Record<ErrorCode, number>>>;
  /** How often the application could not start for want of a key ring. */
  readonly failedStarts: number;
}

/** Counts what columns and key rings publish, from its making until {@link stop}. Make it before the key ring is opened. */
export class ColumnCounts {
  readonly #columns = new Map<string, ColumnCount>();
  readonly #keyRingErrors = new Map<ErrorCode, number>();
  #failedStarts = 0;
  readonly #onColumn = (message: unknown): void => this.#count(message as ColumnEvent);
  readonly #onKeyRing = (message: unknown): void => this.#countKeyRing(message as KeyRingMessage);

  constructor() {
    subscribe(COLUMN_CHANNEL, this.#onColumn);
    subscribe(KEY_RING_CHANNEL, this.#onKeyRing);
  }

  counts(): Counts {
    const columns = [...this.#columns.values()];
    const failed = new Map<ErrorCode, number>();
    for (const { code, count } of columns) if (code !== undefined) add(failed, code, count);
    return {
      columns,
      failedOperations: Object.fromEntries(failed),
      keyRingErrors: Object.fromEntries(this.#keyRingErrors),
      failedStarts: this.#failedStarts,
    };
  }

  /** What was counted stays. */
  stop(): void {
    unsubscribe(COLUMN_CHANNEL, this.#onColumn);
    unsubscribe(KEY_RING_CHANNEL, this.#onKeyRing);
  }

  #count({ event, column, count, key, operation: tried, code }: ColumnEvent): void {
    const operation = event === 'failure' ? tried! : event;
    const one = { column, operation, ...(key === undefined ? {} : { key }), ...(code === undefined ? {} : { code }) };
    const before = this.#columns.get(countName(one))?.count ?? 0;
    this.#columns.set(countName(one), { ...one, count: before + count });
  }

  #countKeyRing(message: KeyRingMessage): void {
    if (message.event === 'refused') this.#failedStarts++;
    if (message.event === 'refused' || message.event === 'kept') add(this.#keyRingErrors, message.code, 1);
  }
}

/** What tells one count from the others. */
export function countName({ column, operation, key, code }: Omit<ColumnCount, 'count'>): string {
  return JSON.stringify([column, operation, key, code]);
}

function add(counts: Map<ErrorCode, number>, code: ErrorCode, count: number): void {
  counts.set(code, (counts.get(code) ?? 0) + count);
}
