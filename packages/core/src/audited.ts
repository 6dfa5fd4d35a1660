import { codeOf } from './errors.ts';
import type { AuditEvent, AuditOutcome, AuditSink } from './ports.ts';

/** What an audited action may add to the outcome that is recorded. */
type OutcomeFacts = Pick<AuditOutcome, 'details' | 'keyId'>;

/**
 * Does `action` on record: the intent is durable before it starts, its outcome follows. Without a sink it just does it.
 *
 * @param facts what the result adds to the record
 * @throws LockfastError `ledger-unavailable` before `action` starts, and then it does not start; or after it, with what
 *   it did standing and the intent left open; and what `action` throws
 */
export async function audited<T>(sink: AuditSink | undefined, event: AuditEvent, action: () => T | Promise<T>, facts?: (result: T) => OutcomeFacts): Promise<T> {
  if (sink === undefined) return await action();
  const [intent] = (await sink.intend([event])) as [number];
  let result: T;
  try {
    result = await action();
  } catch (error) {
    // The failure itself is what to report; an intent that stays open is found by `ledger verify`.
    await sink.conclude([{ intent, outcome: 'failure', code: codeOf(error) }]).catch(() => {});
    throw error;
  }
  await sink.conclude([{ intent, outcome: 'success', ...facts?.(result) }]);
  return result;
}
