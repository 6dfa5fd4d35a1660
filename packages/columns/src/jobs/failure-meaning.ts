import type { ErrorCode } from '@lockfast/core/errors';

/** What a failure of a database means for whoever runs a job. */
export interface Meaning {
  readonly code?: ErrorCode;
  readonly what: string;
  readonly hint: string;
}

export const AGAIN = 'run it again: it goes on where it stopped';
