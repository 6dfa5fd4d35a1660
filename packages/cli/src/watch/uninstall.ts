import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { audited } from '@lockfast/core/audited';
import { LockfastError } from '@lockfast/core/errors';
import { isBooted, Systemctl } from '@lockfast/fleet';
import { uninstallWatch, WATCH_SERVICE, WATCH_TIMER } from '@lockfast/watch';

import type { Arguments } from '../arguments.ts';
import { requireRole } from '../permission.ts';
import type { Session } from '../session.ts';
import { installationOf } from '../tenant/installation.ts';
import { Workspace } from '../workspace.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const installation = installationOf(workspace, session);
  if (!isBooted()) throw new LockfastError('tool-missing', 'this machine was not started with systemd', 'end `lockfast watch` where it was started');
  const event = { operation: 'watch-uninstall', object: WATCH_SERVICE, environment: workspace.configuration.environment };
  await requireRole(workspace, session, 'operator', event);
  const systemd = new Systemctl(installation.scope, session.environment);
  const removed = await audited(await workspace.audit(), event, async () => {
    for (const unit of [WATCH_TIMER, WATCH_SERVICE]) if (existsSync(join(installation.unitDirectory, unit))) await systemd.disable(unit);
    const gone = uninstallWatch(installation);
    await systemd.reload();
    return gone;
  });
  if (removed.length === 0) session.terminal.note('there was no unit of the watch');
  for (const path of removed) session.terminal.line(`removed ${path}`);
  return 0;
}
