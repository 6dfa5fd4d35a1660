/** Carrying a rotation out, from its journal: a new one, one that a killed run left, or one on its way back. */
import { audited } from '@lockfast/core/audited';
import { LockfastError } from '@lockfast/core/errors';
import type { AuditEvent } from '@lockfast/core/ports';
import { type CredentialPlace, type CredentialRotation, Journal, rotateCredential, type RotationStep } from '@lockfast/fleet/credential-rotation';

import type { Arguments } from '../arguments.ts';
import type { Session } from '../session.ts';
import { allTenants, managerOf } from '../tenant/fleet-of.ts';
import { Progress } from '../progress.ts';
import { shownMinute } from '../terminal.ts';
import type { Workspace } from '../workspace.ts';
import { closeInterrupted, credentialPlace, credentialRecords } from './credential-place.ts';
import { logRotation, prepareRotationLog } from './rotation-log.ts';
import { showResult, shownRecord } from './shown-rotation.ts';

/**
 * Finishes the rotation that a killed run left, forward or back, whichever way it was going; and does only that.
 *
 * @throws LockfastError `tampered`, `missing-key`; and as {@link carryOut}
 */
export async function finishRotation(begun: CredentialRotation, args: Arguments, session: Session, workspace: Workspace): Promise<number> {
  const back = begun.status === 'rolling-back';
  session.terminal.note(
    `${back ? 'rolling back' : 'finishing'} the rotation ${begun.id} of ${begun.names.join(' ')} (${begun.scope}), begun ${shownMinute(begun.started)}, and only that: ${
      back ? 'it was on its way back' : `with the value that it was begun with; to go back instead: lockfast secret rollback ${begun.id}`
    }`,
  );
  prepareRotationLog(workspace);
  await closeInterrupted(workspace, session, begun.id);
  return carryOut(rotationEvent(begun, true), args, session, workspace, async (place) => {
    const journal = await Journal.open(credentialRecords(workspace), begun, () => place.ring(), workspace.stateDirectory);
    return rotateCredential(journal, place, true);
  });
}

/** What the ledger says of the whole. */
export function rotationEvent({ id, names, scope, environment, reason }: Pick<CredentialRotation, 'id' | 'names' | 'scope' | 'environment' | 'reason'>, resumed: boolean): AuditEvent {
  return {
    operation: 'secret-rotate',
    object: names.join(' '),
    environment,
    ...(scope === 'all' || scope === 'shared' ? {} : { tenant: scope }),
    ...(reason === null ? {} : { reason }),
    details: { rotation: id, scope, resumed },
  };
}

/**
 * Does it on record, shows how far it is and what came of it.
 *
 * @throws LockfastError `rolled-back`, `service-failed` when it is not what was asked for; and as `action`
 */
export async function carryOut(event: AuditEvent, args: Arguments, session: Session, workspace: Workspace, action: (place: CredentialPlace) => Promise<CredentialRotation>): Promise<number> {
  const { terminal } = session;
  const progress = new Progress(terminal, 'files');
  const manager = managerOf(allTenants(workspace), session);
  const told = (step: RotationStep): void => tell(step, progress, session);
  const ledger = await workspace.ledger();
  let record: CredentialRotation | undefined;
  try {
    await audited(
      ledger,
      event,
      async () => {
        const place = await credentialPlace(args, workspace, manager, told);
        record = await action(place);
        refuseUnlessDone(record);
        return { done: record, keyId: place.ring().active().id };
      },
      ({ done: { status, files, services, durationMs }, keyId }) => ({ keyId, details: { status, files: files.length, services: services.length, durationMs: durationMs ?? 0 } }),
    );
  } finally {
    progress.end();
    if (record !== undefined) {
      logRotation(record, workspace, session);
      if (args.flag('json')) terminal.json(shownRecord(record));
      else showResult(record, session);
    }
  }
  await ledger?.checkpoint(await workspace.ring());
  return 0;
}

function tell(step: RotationStep, progress: Progress, { terminal }: Session): void {
  if (step.kind === 'files') {
    progress.show(step.done, step.total);
    return;
  }
  progress.end();
  if (step.kind === 'rolling-back') terminal.warn(`${step.why}: everything goes back to the value before`);
  else {
    const { tenant, unit, state, why, durationMs } = step.service;
    terminal.note(`${tenant}: ${unit} ${state} after ${((durationMs ?? 0) / 1000).toFixed(1)} s (${why ?? ''})`);
  }
}

/** A roll-back that somebody ordered is what was asked for. */
function refuseUnlessDone({ id, status, names, failures, orderedBack }: CredentialRotation): void {
  const why = failures[0]?.why ?? '';
  const what = names.join(' ');
  if (status === 'rolled-back' && orderedBack === null) {
    throw new LockfastError('rolled-back', `${what} has its old value again everywhere, and the services are well with it; the new one failed: ${why}`, `see lockfast secret history for the rotation ${id}, and why that service does not take the new value`);
  }
  if (status === 'failed') {
    throw new LockfastError('rolled-back', `${what} was rolled back, and not everything is as before: ${failures.at(-1)?.why ?? ''}`, 'the warnings name each; mend them by hand, with `lockfast env set` and systemctl');
  }
  if (status === 'partial') {
    throw new LockfastError('service-failed', `${what} has its new value, but not everywhere: ${why}`, `mend what the warnings name, or take it back with: lockfast secret rollback ${id}`);
  }
}
