import { LockfastError } from '@lockfast/core/errors';
import type { KeyRing } from '@lockfast/core/keyring';
import type { AuditEvent, AuditOutcome, AuditSink } from '@lockfast/core/ports';

import type { Arguments } from '../arguments.ts';
import { requireRole } from '../permission.ts';
import type { Session } from '../session.ts';
import type { Workspace } from '../workspace.ts';
import { chosenColumns } from './chosen.ts';
import { ColumnAccess } from './column-access.ts';
import type { ConfiguredColumn } from './declared.ts';
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
  facts: (found: T) => { readonly details: NonNullable<AuditOutcome['details']> },
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

/** What a look at columns has at hand. */
interface ColumnLook {
  readonly columns: readonly ConfiguredColumn[];
  readonly ring: KeyRing;
  readonly access: ColumnAccess;
  readonly signal: AbortSignal;
}

/**
 * An auditor's look at the columns that the command is about, as {@link lookOnRecord}.
 *
 * @throws LockfastError as `chosenColumns` and `requireRole`, too
 */
export async function lookAtColumns<T>(
  operation: string,
  workspace: Workspace,
  args: Arguments,
  session: Session,
  action: (look: ColumnLook) => Promise<T>,
  facts: (found: T) => { readonly details: NonNullable<AuditOutcome['details']> },
): Promise<Looked<T>> {
  const columns = chosenColumns(args, session, workspace.configuration);
  const event = { operation, object: columns.map(({ id }) => id).join(' '), environment: workspace.configuration.environment };
  await requireRole(workspace, session, 'auditor', event);
  const look = async (signal: AbortSignal): Promise<T> => {
    const ring = await workspace.ring();
    await using access = new ColumnAccess(workspace, ring, session);
    return await action({ columns, ring, access, signal });
  };
  return lookOnRecord(await workspace.audit(), event, session, look, facts);
}
