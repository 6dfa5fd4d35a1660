/** How units call this command, and where they lie. */
import { join } from 'node:path';

import type { Installation } from '@lockfast/fleet';

import type { Session } from '../session.ts';
import type { Workspace } from '../workspace.ts';

export function installationOf({ configuration }: Workspace, { home, environment }: Session): Installation {
  const units = process.geteuid?.() === 0 ? '/etc/systemd/system' : join(environment['XDG_CONFIG_HOME'] ?? join(home, '.config'), 'systemd/user');
  return { lockfast: [process.execPath, process.argv[1]!], configuration: configuration.file, unitDirectory: units, rootKey: undefined };
}
