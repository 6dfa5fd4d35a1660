import { LockfastError } from '@lockfast/core/errors';
import type { AuditEvent, AuditOutcome, AuditSink } from '@lockfast/core/ports';

type Details = NonNullable<AuditEvent['details']>;

/** A job for the ledger: with its counts however it ends, since what it has written by then stands. */
export interface RecordedJob<T> {
  readonly audit: AuditSink | undefined;
  readonly event: AuditEvent;
  readonly action: () => Promise<T>;
  /** What was done so far. */
  readonly counts: () => Details;
  readonly outcome: (result: T) => AuditOutcome['outcome'];
}

/**
 * Does a job on record: the intent is durable before its first write, the outcome follows, on failure, too.
 *
 * @throws LockfastError `ledger-unavailable`, before the job starts or after it; and what the job throws
 */
export async function onRecord<T>({ audit, event, action, counts, outcome }: RecordedJob<T>): Promise<T> {
  if (audit === undefined) return await action();
  const started = performance.now();
  const [intent] = (await audit.intend([event])) as [number];
  const details = (): Details => ({ ...counts(), ms: Math.round(performance.now() - started) });
  let result: T;
  try {
    result = await action();
  } catch (error) {
    // The failure itself is what to report; an intent that stays open is found by `ledger verify`.
    await audit.conclude([{ intent, outcome: 'failure', code: codeOf(error), details: details() }]).catch(() => {});
    throw error;
  }
  await audit.conclude([{ intent, outcome: outcome(result), details: details() }]);
  return result;
}

/** A dry run changes nothing, so it needs no intent; but it decrypts, and that is on record. */
export async function recordedAfter<T>({ audit, event, action, counts, outcome }: RecordedJob<T>): Promise<T> {
  if (audit === undefined) return await action();
  const started = performance.now();
  const operation = `${event.operation}-dry-run`;
  const details = (): Details => ({ ...event.details, ...counts(), ms: Math.round(performance.now() - started) });
  let result: T;
  try {
    result = await action();
  } catch (error) {
    await audit.record({ ...event, operation, outcome: 'failure', code: codeOf(error), details: details() }).catch(() => {});
    throw error;
  }
  await audit.record({ ...event, operation, outcome: outcome(result), details: details() });
  return result;
}

function codeOf(error: unknown): string {
  return error instanceof LockfastError ? error.code : 'internal';
}
