/**
 * The entry of `lockfast run` alone. It stands before every start of somebody's service, so it is a bundle of its own
 * that holds nothing else: half of its start-up time would go into reading the other commands.
 */
import { EXIT_STATUS } from './exit-status.ts';
import { RUN_COMMAND } from './run-command.ts';
import { start } from './start.ts';

start([RUN_COMMAND], () => EXIT_STATUS.usage);
