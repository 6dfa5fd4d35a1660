/** The units of the watch: a service that looks once and a timer, or a service that stays. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { calling, hasHead, type Installation, quoteWord, removeUnit, type UnitFile, writeUnits } from '@lockfast/fleet';

export const WATCH_SERVICE = 'lockfast-watch.service';
export const WATCH_TIMER = 'lockfast-watch.timer';

const HEAD = '# Made by lockfast watch install. Change it with `systemctl edit`, which this leaves alone.\n';

export interface WatchUnits {
  /** Undefined: it stays, without a timer. As systemd.time(7) has it. */
  readonly every: string | undefined;
  readonly listen: string | undefined;
  readonly textfile: string | undefined;
}

/** What {@link installWatch} writes. */
export function watchUnits({ every, listen, textfile }: WatchUnits, installation: Installation): readonly UnitFile[] {
  const { unitDirectory, scope, rootKey } = installation;
  const words = ['watch', ...(every === undefined ? [] : ['--once']), ...(listen === undefined ? [] : ['--listen', quoteWord(listen)]), ...(textfile === undefined ? [] : ['--textfile', quoteWord(textfile)])];
  const service = [
    '[Unit]',
    'Description=Lockfast watch: alerts and metrics',
    'After=network-online.target',
    'Wants=network-online.target',
    '',
    '[Service]',
    ...(every === undefined ? ['Type=exec', 'ExecReload=/bin/kill -HUP $MAINPID', 'Restart=on-failure', 'RestartSec=10s'] : ['Type=oneshot']),
    ...(scope === 'user' ? [] : [`User=${rootKey.user}`]),
    `ExecStart=${calling(installation, words)}`,
    'NoNewPrivileges=yes',
    'UMask=0077',
    'Nice=5',
    ...(every === undefined ? ['', '[Install]', `WantedBy=${scope === 'user' ? 'default.target' : 'multi-user.target'}`] : []),
    '',
  ].join('\n');
  const timer = ['[Unit]', 'Description=Lockfast watch, again and again', '', '[Timer]', `OnBootSec=${every ?? ''}`, `OnUnitActiveSec=${every ?? ''}`, 'AccuracySec=5s', '', '[Install]', 'WantedBy=timers.target', ''].join('\n');
  return [{ path: join(unitDirectory, WATCH_SERVICE), text: HEAD + service }, ...(every === undefined ? [] : [{ path: join(unitDirectory, WATCH_TIMER), text: HEAD + timer }])];
}

/** Writes them, and takes away the timer of another way. @returns what is new or other than before. @throws LockfastError `exists` for a unit that Lockfast did not make; as `writeDurably` */
export function installWatch(units: readonly UnitFile[], { unitDirectory }: Installation): readonly string[] {
  for (const { path } of units) refuseForeign(path);
  const written = writeUnits(units).map(({ path }) => path);
  const timer = join(unitDirectory, WATCH_TIMER);
  return units.some(({ path }) => path === timer) ? written : [...written, ...removed([timer])];
}

/** @returns what is gone */
export function uninstallWatch({ unitDirectory }: Pick<Installation, 'unitDirectory'>): readonly string[] {
  return removed([WATCH_TIMER, WATCH_SERVICE].map((name) => join(unitDirectory, name)));
}

function removed(paths: readonly string[]): string[] {
  return paths.filter((path) => hasHead(path, HEAD) && removeUnit(path));
}

function refuseForeign(path: string): void {
  if (existsSync(path) && !hasHead(path, HEAD)) throw new LockfastError('exists', `${path} is there, and Lockfast did not make it`, 'rename it first');
}
