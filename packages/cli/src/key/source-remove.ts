import { keySource } from '@lockfast/keys';

import type { Arguments } from '../arguments.ts';
import { changeRing } from '../ring-file.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const [uri] = args.operands as [string];
  const workspace = new Workspace(args, session);
  const ring = await changeRing(workspace, (old) =>
    old.withoutSource(
      uri,
      old.sources.filter(({ source }) => source !== uri).map(({ source }) => keySource(source, workspace.surroundings)),
    ),
  );
  session.terminal.line(`${uri}: removed, the ring has a new key of its own; ${ring.sources.length} key sources open it`);
  return 0;
}
