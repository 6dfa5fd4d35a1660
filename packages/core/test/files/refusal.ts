import { LockfastError } from '../../src/errors.ts';

/** What a person or a script sees of a failure. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** The refusal that an action throws. Throws when it succeeds, or fails in a way that nobody foresaw. */
export function refusalOf(action: () => unknown): Refusal {
  try {
    action();
  } catch (error) {
    return asRefusal(error);
  }
  throw new Error('it was not refused');
}

export async function laterRefusalOf(action: Promise<unknown>): Promise<Refusal> {
  try {
    await action;
  } catch (error) {
    return asRefusal(error);
  }
  throw new Error('it was not refused');
}

export function asRefusal(error: unknown): Refusal {
  if (!(error instanceof LockfastError)) throw error;
  return { code: error.code, message: error.message, hint: error.hint };
}
