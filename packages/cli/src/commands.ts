/** All commands. */
import { BACKUP_COMMANDS } from './backup/commands.ts';
import { COLUMN_COMMANDS } from './column/commands.ts';
import type { Command } from './command.ts';
import { ENV_COMMANDS } from './env/commands.ts';
import { GUARD_COMMANDS } from './guard/commands.ts';
import { KEY_COMMANDS } from './key/commands.ts';
import { RECOVERY_COMMANDS } from './key/recovery-commands.ts';
import { LEDGER_COMMANDS } from './ledger/commands.ts';
import { RUN } from './run-command.ts';
import { MASK_COMMANDS } from './mask/commands.ts';
import { SECRET_COMMANDS } from './secret/commands.ts';
import { SETUP_COMMANDS } from './setup/commands.ts';
import { TENANT_COMMANDS } from './tenant/commands.ts';
import { SERVICE_COMMANDS } from './tenant/service-commands.ts';
import { WATCH_COMMANDS } from './watch/commands.ts';

export const COMMANDS: readonly Command[] = [
  ...SETUP_COMMANDS,
  { ...RUN, load: () => import('./run.ts') },
  ...MASK_COMMANDS,
  ...ENV_COMMANDS,
  ...KEY_COMMANDS,
  ...RECOVERY_COMMANDS,
  ...BACKUP_COMMANDS,
  ...LEDGER_COMMANDS,
  ...TENANT_COMMANDS,
  ...SERVICE_COMMANDS,
  ...SECRET_COMMANDS,
  ...COLUMN_COMMANDS,
  ...GUARD_COMMANDS,
  ...WATCH_COMMANDS,
];
