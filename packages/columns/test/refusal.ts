import { LockfastError } from '@lockfast/core/errors';

/** The refusal that an action throws. Throws when it succeeds, or fails in a way that nobody foresaw. */
export function refusalOf(action: () => unknown): LockfastError {
  try {
    action();
  } catch (error) {
    if (error instanceof LockfastError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}
