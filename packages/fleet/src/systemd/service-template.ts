/** A whole unit for a tenant that has none yet. How it gets its variables is the drop-in's. */
import type { Tenant } from '../fleet.ts';
import { quotePath, quoteWord } from './unit-text.ts';

/** What `uninstall` knows its own units by: one that was changed in its first line is left alone. */
export const UNIT_HEAD = '# Made by `lockfast tenant install --exec`.';

/** Calls of a network service, and of Node and Python: none to change the system with. */
const HARDENING: readonly string[] = [
  'NoNewPrivileges=yes',
  'CapabilityBoundingSet=',
  'AmbientCapabilities=',
  'PrivateTmp=yes',
  'PrivateDevices=yes',
  'ProtectSystem=strict',
  'ProtectClock=yes',
  'ProtectControlGroups=yes',
  'ProtectHostname=yes',
  'ProtectKernelLogs=yes',
  'ProtectKernelModules=yes',
  'ProtectKernelTunables=yes',
  'ProtectProc=invisible',
  'RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX',
  'RestrictNamespaces=yes',
  'RestrictRealtime=yes',
  'RestrictSUIDSGID=yes',
  'LockPersonality=yes',
  'SystemCallArchitectures=native',
  'SystemCallFilter=@system-service',
  'SystemCallFilter=~@privileged @resources',
  'SystemCallErrorNumber=EPERM',
  'RemoveIPC=yes',
  'UMask=0077',
];

/** @param command the program and its arguments, as `ExecStart=` has them @param user whose service it is; none in a manager of a user's own */
export function serviceTemplate({ name, directory }: Tenant, command: string, user: string | undefined): string {
  return [
    UNIT_HEAD,
    '[Unit]',
    `Description=${name.replaceAll('%', '%%')}`,
    'Wants=network-online.target',
    'After=network-online.target',
    '',
    '[Service]',
    'Type=exec',
    ...(user === undefined ? [] : [`User=${user}`]),
    `WorkingDirectory=${quotePath(directory)}`,
    `ExecStart=${command}`,
    'Restart=on-failure',
    'RestartSec=3',
    'LimitNOFILE=8192',
    // A user's own manager can't take away what needs root to be taken.
    ...(user === undefined ? ['NoNewPrivileges=yes', 'UMask=0077'] : [...HARDENING, `ReadWritePaths=${quoteWord(directory, 'as they are')}`, `ProtectHome=${liesInHome(directory) ? 'read-only' : 'yes'}`]),
    '',
    '[Install]',
    `WantedBy=${user === undefined ? 'default.target' : 'multi-user.target'}`,
    '',
  ].join('\n');
}

function liesInHome(directory: string): boolean {
  return ['/home/', '/root/', '/run/user/'].some((home) => `${directory}/`.startsWith(home));
}
