import type { Arguments } from '../arguments.ts';
import { readRing } from '../ring-document.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';

/** Needs no key: who may open the ring is no secret, and is wanted most when it does not open. */
export async function run(args: Arguments, session: Session): Promise<number> {
  const { keyring } = new Workspace(args, session).configuration;
  const { sources } = readRing(keyring);
  if (args.flag('json')) session.terminal.json({ sources: sources.map(({ source, added }) => ({ source, added })) });
  else session.terminal.table(['SOURCE', 'ADDED'], sources.map(({ source, added }) => [source, added.slice(0, 10)]));
  return 0;
}
