/** All commands. */
import type { Command } from './command.ts';
import { ENV_COMMANDS } from './env/commands.ts';
import { KEY_COMMANDS } from './key/commands.ts';
import { RUN_COMMAND } from './run-command.ts';
import { SETUP_COMMANDS } from './setup/commands.ts';

export const COMMANDS: readonly Command[] = [...SETUP_COMMANDS, RUN_COMMAND, ...ENV_COMMANDS, ...KEY_COMMANDS];
