/** The entry of the command, all of it but `run`. */
import { COMMANDS } from './commands.ts';
import { showOverview } from './overview.ts';
import { start } from './start.ts';

start(COMMANDS, showOverview);
