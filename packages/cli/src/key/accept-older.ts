import { LockfastError } from '@lockfast/core/errors';

import { currentActor, personOf } from '../actor.ts';
import type { Arguments } from '../arguments.ts';
import { requireRole } from '../permission.ts';
import { changeRing } from '../ring-file.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const above = args.text('above');
  const reason = args.text('reason')?.trim();
  if (above === undefined || !/^[1-9][0-9]{0,14}$/.test(above) || reason === undefined || reason === '') {
    throw new LockfastError('usage', 'key accept-older: it needs --above N and --reason TEXT', 'the refusal that brought you here names N');
  }
  const workspace = new Workspace(args, session);
  const event = { operation: 'key-accept-older', object: workspace.configuration.keyring, reason, details: { above: Number(above) } };
  await requireRole(workspace, session, 'admin', event);
  const actor = personOf(currentActor(session));
  const ring = await changeRing(
    workspace,
    event,
    (old) => old.reissued(Number(above)),
    (old) => ({ time: new Date().toISOString(), actor, reason, generation: old.version.generation, above: Number(above) }),
  );
  session.terminal.line(`the key ring is of generation ${ring.version.generation} now; bring it to every machine, and look for files that only the newer ring opened`);
  return 0;
}
