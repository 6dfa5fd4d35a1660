import { LockfastError } from '@lockfast/core/errors';
import { type CredentialRotation, openCredentialRotation } from '@lockfast/fleet/credential-rotation';

import { shownMinute } from '../terminal.ts';
import type { Workspace } from '../workspace.ts';
import { credentialRecords } from './credential-place.ts';

/** A rotation of a credential that is half way: one that a killed run left, or one that runs right now. */
export interface UnfinishedRotation {
  /** null where the records can't be read: then nobody can tell. */
  readonly id: string | null;
  /** What it is and what to do, for people. */
  readonly warning: string;
}

/** undefined where no rotation is open. It needs no key. */
export function unfinishedRotation(workspace: Workspace): UnfinishedRotation | undefined {
  try {
    const open = openCredentialRotation(credentialRecords(workspace));
    return open === undefined ? undefined : { id: open.id, warning: warningOf(open) };
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    return { id: null, warning: `whether a rotation of a credential is half way is not known: ${error.message}: ${error.hint}` };
  }
}

function warningOf({ id, names, scope, started, status }: CredentialRotation): string {
  const what = `the rotation ${id} of ${names.join(' ')} (${scope}), begun ${shownMinute(started)}, is not finished: services may have different values`;
  return status === 'rolling-back' ? `${what}; unless it is on its way back right now: lockfast secret rotate --resume` : `${what}; unless it runs right now: lockfast secret rotate --resume, or back with lockfast secret rollback ${id}`;
}
