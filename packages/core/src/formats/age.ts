import { LockfastError } from '../errors.ts';

/** Nobody's clock is exact: how far in the future a value may have been written when a maximum age is asked for. */
const CLOCK_SKEW_MS = 60_000;

/**
 * @param created milliseconds since the Unix epoch, as `now`; undefined: the value carries no time
 * @param maxAge milliseconds
 * @throws LockfastError `too-old`, also for a value without a time or from the future
 */
export function refuseTooOld(created: number | undefined, now: number, maxAge: number): void {
  // Asked so that NaN refuses.
  if (created !== undefined && now - created <= maxAge && created - now <= CLOCK_SKEW_MS) return;
  throw new LockfastError(
    'too-old',
    created === undefined ? 'the value carries no time, and a maximum age was asked for' : 'the value is older than the maximum age, or from the future',
    'have a new value issued; if it should be valid, check the clocks of both machines',
  );
}
