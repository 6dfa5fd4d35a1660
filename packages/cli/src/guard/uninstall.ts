import { uninstallGuard } from '@lockfast/guard';

import type { Arguments } from '../arguments.ts';
import type { Session } from '../session.ts';
import { stateDirectory } from '../workspace.ts';
import { guardPlace } from './guard-place.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const { done, left } = await uninstallGuard(guardPlace(args, session).git, stateDirectory(session));
  if (args.flag('json')) session.terminal.json({ ok: true, done, left });
  else {
    for (const what of done) session.terminal.line(`${what}: as it was before`);
    if (done.length === 0) session.terminal.line('nothing is set up here');
    for (const what of left) session.terminal.warn(what);
  }
  return 0;
}
