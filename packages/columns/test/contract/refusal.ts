import { inspect } from 'node:util';

import { LockfastError } from '@lockfast/core/errors';

export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  /** All that a logger would print of what was thrown, causes and own properties included. */
  readonly printed: string;
}

/** The refusal that an action ends with, also where an ORM wrapped it. Throws when it succeeds, or fails otherwise. */
export async function refusalOf(action: () => Promise<unknown>): Promise<Refusal> {
  try {
    await action();
  } catch (error) {
    for (let cause = error; cause instanceof Error; cause = cause.cause) {
      if (!(cause instanceof LockfastError)) continue;
      return { code: cause.code, message: cause.message, hint: cause.hint, printed: printed(error) };
    }
    throw error;
  }
  throw new Error('it was not refused');
}

export function printed(error: unknown): string {
  const own = error instanceof Error ? JSON.stringify(error, Object.getOwnPropertyNames(error)) : '';
  return `${inspect(error, { depth: 12, showHidden: true, maxStringLength: null })}\n${String(error)}\n${own}`;
}
