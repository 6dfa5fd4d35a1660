import { LockfastError } from '@lockfast/core/errors';
import type { AuditEvent, AuditOutcome, AuditSink } from '@lockfast/core/ports';

import type { Session } from '../session.ts';
import { Interruption } from './interruption.ts';

/** What was found, or the exit status after ^C. */
type Looked<T> = { readonly found: T } | { readonly interrupted: number };

/**
 * Looks at columns, on record. It may take minutes, and whoever has seen enough ends it with ^C: that is on record, too,
 * and leaves no intent open for `ledger verify` to wonder at.
 *
 * @param facts what the result adds to the record
 * @throws LockfastError `ledger-unavailable`, and what `action` throws
 */
export async function lookOnRecord<T>(
  sink: AuditSink | undefined,
  event: AuditEvent,
  { terminal }: Session,
  action: (signal: AbortSignal) => Promise<T>,
  facts: (found: T) => { readonly details: Record<string, number> },
): Promise<Looked<T>> {
  using interruption = new Interruption(() => terminal.note('stops'));
  const intent = (await sink?.intend([event]))?.[0];
  const conclude = async (outcome: AuditOutcome): Promise<void> => {
    if (intent !== undefined) await sink!.conclude([{ intent, ...outcome }]);
  };
  let found: T;
  try {
    found = await action(interruption.signal);
  } catch (error) {
    if (interruption.status !== undefined) {
      await conclude({ outcome: 'interrupted' });
      return { interrupted: interruption.status };
    }
    // The failure itself is what to report.
    await conclude({ outcome: 'failure', code: error instanceof LockfastError ? error.code : 'internal' }).catch(() => {});
    throw error;
  }
  await conclude({ outcome: 'success', ...facts(found) });
  return { found };
}
