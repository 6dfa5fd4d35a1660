import type { Arguments } from '../arguments.ts';
import { reportingDatabases } from '../column/reported-instances.ts';
import { requireRole } from '../permission.ts';
import { reasonOf } from '../reason.ts';
import { changeRing } from '../ring-file.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const event = { operation: 'key-create', object: workspace.configuration.keyring, reason: reasonOf(args) };
  await requireRole(workspace, session, 'admin', event);
  const ring = await changeRing(workspace, event, (old) => old.withNewKey());
  const { id, state, fingerprint } = ring.keys.at(-1)!;
  if (args.flag('json')) session.terminal.json({ id, state, fingerprint, generation: ring.version.generation });
  else {
    const shows = reportingDatabases(workspace.configuration).length === 0 ? '' : ', until lockfast column instances shows the key everywhere';
    session.terminal.line(`${id}: created, ${state}; bring ${workspace.configuration.keyring} to every machine that decrypts${shows}`);
  }
  return 0;
}
