/** What all moves in the life of a key have in common: who may, a second person, the change on record, what came of it. */
import { LockfastError } from '@lockfast/core/errors';
import type { KeyRecord, KeyRing } from '@lockfast/core/keyring';
import type { AuditEvent } from '@lockfast/core/ports';
import { openRotation } from '@lockfast/core/rotation';
import { openCredentialRotation } from '@lockfast/fleet/credential-rotation';

import { requireApproval } from '../approvals.ts';
import type { Arguments } from '../arguments.ts';
import { requireRole } from '../permission.ts';
import { changeRing } from '../ring-file.ts';
import { rotationsDirectory } from '../rotations-directory.ts';
import { credentialRecords } from '../secret/credential-place.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';

export interface KeyMove {
  readonly event: AuditEvent;
  /** Asks whether it is meant, and throws if it is not. */
  readonly sure: () => void;
  readonly change: (ring: KeyRing) => KeyRing;
  /** Throws where the change would leave something behind that nothing opens any more. */
  readonly prove?: (ring: KeyRing, workspace: Workspace) => void | Promise<void>;
  /** Whether it waits for an open rotation and, where that is configured, for a second person. What is only a mark does not. */
  readonly guarded: boolean;
  /** What was done, where no key changed its state. */
  readonly done?: string;
  /** What to do now. */
  readonly next: (ring: KeyRing, workspace: Workspace) => string;
}

interface Moved {
  readonly id: string;
  readonly before: string;
  readonly after: string;
}

/** @throws LockfastError `not-permitted`, `approval-needed`, `rotation-incomplete`, and as `changeRing` and the members of `move` */
export async function moveKey(args: Arguments, session: Session, move: KeyMove): Promise<number> {
  const workspace = new Workspace(args, session);
  await requireRole(workspace, session, 'admin', move.event);
  move.sure();
  let moved: Moved[] = [];
  const ring = await changeRing(workspace, move.event, async (old) => {
    const changed = move.change(old);
    if (move.guarded) refuseDuringRotation(workspace);
    await move.prove?.(old, workspace);
    // Last: nobody is asked to approve what can't be done anyway.
    if (move.guarded) await requireApproval(workspace, session, old, move.event);
    moved = differences(old.keys, changed.keys);
    return changed;
  });
  const next = move.next(ring, workspace);
  if (args.flag('json')) session.terminal.json({ changed: moved, generation: ring.version.generation, next });
  else session.terminal.line([...(move.done === undefined ? [] : [move.done]), ...moved.map(({ id, before, after }) => `${id}: ${before} -> ${after}`), `next: ${next}`].join('; '));
  return 0;
}

/** It goes on with the keys that it wrote down, and would find them changed. @throws LockfastError `rotation-incomplete` */
export function refuseDuringRotation(workspace: Workspace): void {
  const open = openRotation(rotationsDirectory(workspace));
  if (open !== undefined) throw new LockfastError('rotation-incomplete', `the rotation ${open.id} is not finished`, 'finish it with `lockfast key rotate`, then run this again');
  // Its new value lies sealed in its journal, under a key that no env file may show.
  const credential = openCredentialRotation(credentialRecords(workspace));
  if (credential !== undefined) throw new LockfastError('rotation-incomplete', `the rotation ${credential.id} of ${credential.names.join(' ')} is not finished`, `finish it with \`lockfast secret rotate --resume\`, or \`lockfast secret rollback ${credential.id}\`; then run this again`);
}

function differences(before: readonly KeyRecord[], after: readonly KeyRecord[]): Moved[] {
  return after
    .map((key, i) => ({ id: key.id, before: condition(before[i]!), after: condition(key) }))
    .filter((key) => key.before !== key.after);
}

function condition({ state, compromised }: KeyRecord): string {
  return compromised === null ? state : `${state} and compromised`;
}
