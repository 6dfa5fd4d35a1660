import type { Arguments } from '../arguments.ts';
import { changeRing } from '../ring-file.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const ring = await changeRing(workspace, (old) => old.withNewKey());
  const { id, state, fingerprint } = ring.keys.at(-1)!;
  if (args.flag('json')) session.terminal.json({ id, state, fingerprint, generation: ring.version.generation });
  else session.terminal.line(`${id}: created, ${state}; bring ${workspace.configuration.keyring} to every machine that decrypts`);
  return 0;
}
