import { LockfastError } from '@lockfast/core/errors';
import type { KeyRing } from '@lockfast/core/keyring';

import { ACCEPT_OLDER, requireApproval } from '../approvals.ts';
import type { Arguments } from '../arguments.ts';
import { personBehind, requireRole } from '../permission.ts';
import { reasonOf } from '../reason.ts';
import { changeRing } from '../ring-file.ts';
import { readFloor } from '../ring-floors.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const above = args.text('above');
  const reason = reasonOf(args);
  if (above === undefined || !/^[1-9][0-9]{0,14}$/.test(above) || reason === undefined) {
    throw new LockfastError('usage', 'key accept-older: it needs --above N and --reason TEXT', 'the refusal that brought you here names N');
  }
  const workspace = new Workspace(args, session);
  const event = { operation: ACCEPT_OLDER, object: workspace.configuration.keyring, reason, details: { above: Number(above) } };
  await requireRole(workspace, session, 'admin', event);
  const actor = personBehind(session).name;
  const ring = await changeRing(
    workspace,
    event,
    async (old) => {
      refuseBelowSeen(old, Number(above), workspace);
      const { generation, digest } = old.version;
      // Of this very ring: another old one in its place has not been approved.
      await requireApproval(workspace, session, old, { ...event, details: { ...event.details, generation, digest } });
      return old.reissued(Number(above));
    },
    (old) => ({ time: new Date().toISOString(), actor, reason, generation: old.version.generation, above: Number(above) }),
  );
  session.terminal.line(`the key ring is of generation ${ring.version.generation} now; bring it to every machine, and look for files that only the newer ring opened`);
  return 0;
}

/** It would be taken for older again at the next look; and an approval of before would do once more. @throws LockfastError `usage` */
function refuseBelowSeen({ version }: KeyRing, above: number, { stateDirectory }: Workspace): void {
  const seen = readFloor(stateDirectory, version.ring)?.generation ?? 0;
  if (above >= seen) return;
  throw new LockfastError('usage', `key accept-older: this machine has seen generation ${seen}`, `give --above ${seen}`);
}
