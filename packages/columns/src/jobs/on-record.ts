import { codeOf } from '@lockfast/core/errors';
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
export async function onRecord<T>(job: RecordedJob<T>): Promise<T> {
  const { audit, event } = job;
  if (audit === undefined) return await job.action();
  const [intent] = (await audit.intend([event])) as [number];
  return await concluded(job, async (outcome) => await audit.conclude([{ intent, ...outcome }]));
}

/** A dry run changes nothing, so it needs no intent; but it decrypts, and that is on record. */
export async function recordedAfter<T>(job: RecordedJob<T>): Promise<T> {
  const { audit, event } = job;
  if (audit === undefined) return await job.action();
  return await concluded(job, async ({ details, ...outcome }) => await audit.record({ ...event, operation: `${event.operation}-dry-run`, ...outcome, details: { ...event.details, ...details } }));
}

async function concluded<T>({ action, counts, outcome }: RecordedJob<T>, conclude: (outcome: AuditOutcome) => Promise<void>): Promise<T> {
  const started = performance.now();
  const details = (): Details => ({ ...counts(), ms: Math.round(performance.now() - started) });
  let result: T;
  try {
    result = await action();
  } catch (error) {
    // The failure itself is what to report; an intent that stays open is found by `ledger verify`.
    await conclude({ outcome: 'failure', code: codeOf(error), details: details() }).catch(() => {});
    throw error;
  }
  await conclude({ outcome: outcome(result), details: details() });
  return result;
}
