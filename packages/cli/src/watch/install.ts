import { resolve } from 'node:path';

import { audited } from '@lockfast/core/audited';
import { LockfastError } from '@lockfast/core/errors';
import { isBooted, Systemctl } from '@lockfast/fleet';
import { installWatch, WATCH_SERVICE, WATCH_TIMER, watchUnits } from '@lockfast/watch';

import type { Arguments } from '../arguments.ts';
import { requireRole } from '../permission.ts';
import type { Session } from '../session.ts';
import { installationOf } from '../tenant/installation.ts';
import { Workspace } from '../workspace.ts';
import { channelName } from './channels.ts';
import { listenAddress } from './listen-address.ts';

const EVERY = /^[1-9][0-9]{0,3}[smh]$/;

export async function run(args: Arguments, session: Session): Promise<number> {
  const { terminal, directory } = session;
  const every = args.text('every') ?? '1m';
  const listen = args.text('listen');
  const textfile = args.text('textfile');
  if (!EVERY.test(every)) throw new LockfastError('usage', 'watch install: --every takes a time', 'for example 30s or 5m');
  if (listen !== undefined && args.text('every') !== undefined) throw new LockfastError('usage', 'watch install: with --listen it stays, and --every has no meaning', 'set alerts.every in lockfast.toml');
  if (listen !== undefined) listenAddress(listen);
  if (textfile !== undefined && !textfile.endsWith('.prom')) throw new LockfastError('usage', 'watch install: the textfile does not end in .prom', 'node_exporter reads no other');
  const workspace = new Workspace(args, session);
  const installation = installationOf(workspace, session);
  const units = watchUnits({ every: listen === undefined ? every : undefined, listen, textfile: textfile === undefined ? undefined : resolve(directory, textfile) }, installation);
  if (args.flag('dry-run')) {
    for (const { path, text } of units) terminal.raw(`# ${path}\n${text}\n`);
    return 0;
  }
  if (!isBooted()) throw new LockfastError('tool-missing', 'this machine was not started with systemd', 'run `lockfast watch --once` from cron, or `lockfast watch` from whatever starts your services');
  const event = { operation: 'watch-install', object: WATCH_SERVICE, environment: workspace.configuration.environment };
  await requireRole(workspace, session, 'operator', event);
  const systemd = new Systemctl(installation.scope, session.environment);
  const written = await audited(await workspace.audit(), event, async () => {
    const changed = installWatch(units, installation);
    await systemd.reload();
    await systemd.enable(listen === undefined ? WATCH_TIMER : WATCH_SERVICE);
    return changed;
  });
  terminal.line(listen === undefined ? `${WATCH_TIMER} runs lockfast watch --once every ${every}` : `${WATCH_SERVICE} runs`);
  if (written.length === 0) terminal.note('the units are as they were');
  for (const settings of workspace.configuration.alerts.channels) {
    const references = [settings.webhook, settings.slack, settings.secret, settings.password];
    if (references.some((one) => one?.startsWith('env:') === true)) terminal.warn(`the channel ${channelName(settings)} names a variable, which a unit does not have: keep it in a file, or set it with systemctl edit ${WATCH_SERVICE}`);
  }
  return 0;
}
