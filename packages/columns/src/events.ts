import { channel } from 'node:diagnostics_channel';

import type { ErrorCode } from '@lockfast/core/errors';

import type { FormatName } from './stored-format.ts';

/** What happened to values of one column. It never holds a value, a context or a key. */
export interface ColumnEvent {
  /** `read-plaintext`: a value that nobody encrypted yet was handed out, as the column's reading mode allows. */
  readonly event: 'encrypt' | 'decrypt' | 'read-plaintext' | 'failure';
  /** The column's id. */
  readonly column: string;
  /** How many values. */
  readonly count: number;
  readonly format?: FormatName;
  /** The id of the key, or the name of the Fernet key. */
  readonly key?: string;
  /** Of a failure: what was tried, and the code of the error. */
  readonly operation?: 'encrypt' | 'decrypt';
  readonly code?: ErrorCode;
}

/** The name of the channel of `node:diagnostics_channel` that each {@link ColumnEvent} is published on. */
export const COLUMN_CHANNEL = 'lockfast:column';

const published = channel(COLUMN_CHANNEL);

/** Whether anybody listens: then it is worth counting. */
export function isWatched(): boolean {
  return published.hasSubscribers;
}

export function publish(event: ColumnEvent): void {
  published.publish(event);
}
