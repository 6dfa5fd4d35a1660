/**
 * The entry of `lockfast run` alone. It stands before every start of somebody's service, so it is a bundle of its own
 * that holds nothing else, and holds it without the wrappers of late loading: reading code is a large part of its
 * start-up time.
 */
import { EXIT_STATUS } from './exit-status.ts';
import { run } from './run.ts';
import { RUN } from './run-command.ts';
import { start } from './start.ts';

start([{ ...RUN, load: () => Promise.resolve({ run }) }], () => EXIT_STATUS.usage);
