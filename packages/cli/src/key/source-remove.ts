import type { Arguments } from '../arguments.ts';
import { changeRing } from '../ring-file.ts';
import type { Session } from '../session.ts';
import { counted } from '../terminal.ts';
import { Workspace } from '../workspace.ts';
import { refuseUnreachable, remainingSources } from './reachable-sources.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const [uri] = args.operands as [string];
  const workspace = new Workspace(args, session);
  const dropped: string[] = [];
  const ring = await changeRing(workspace, { operation: 'key-source-remove', object: workspace.configuration.keyring, details: { source: uri } }, async (old) => {
    const { reached, missed } = await remainingSources(old, [uri], workspace.surroundings);
    refuseUnreachable(missed, args.flag('drop-unreachable'));
    dropped.push(...missed);
    return old.withoutSource(uri, reached);
  });
  for (const gone of dropped) session.terminal.warn(`${gone} was removed, too: add it again with its key at hand`);
  session.terminal.line(`removed ${uri}; the ring has a new key of its own, and ${counted(ring.sources.length, 'key source')}`);
  return 0;
}
