import { LockfastError } from '@lockfast/core/errors';

/** One thing that `lockfast doctor` looked at. */
export interface Check {
  readonly name: string;
  /** A warning costs comfort or a second line of defence; a failure is something that does not work or is not safe. */
  readonly state: 'good' | 'warning' | 'failed';
  readonly detail: string;
  /** What to do about it; empty when it is good. */
  readonly hint: string;
}

export function good(name: string, detail: string): Check {
  return { name, state: 'good', detail, hint: '' };
}

export function warning(name: string, detail: string, hint: string): Check {
  return { name, state: 'warning', detail, hint };
}

export function failure(name: string, detail: string, hint: string): Check {
  return { name, state: 'failed', detail, hint };
}

/** What a refusal of ours says. Anything else is a defect, and goes on up. */
export function refused(error: unknown): [detail: string, hint: string] {
  if (!(error instanceof LockfastError)) throw error;
  return [error.message, error.hint];
}
