import { LockfastError } from '@lockfast/core/errors';
import { installGuard } from '@lockfast/guard';

import type { Arguments } from '../arguments.ts';
import { callableAs } from '../called-as.ts';
import { EXIT_STATUS } from '../exit-status.ts';
import { failureJson } from '../failure-json.ts';
import type { Session } from '../session.ts';
import { stateDirectory } from '../workspace.ts';
import { guardPlace } from './guard-place.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const { git } = guardPlace(args, session);
  const { done, todo } = await installGuard({ place: git, command: callableAs(session.environment['PATH']), consent: args.flag('yes'), stateDirectory: stateDirectory(session) });
  const failure = todo.length === 0 ? undefined : new LockfastError('confirmation-needed', 'hooks are run by files that others share', 'add the lines to each, or have them added: lockfast guard install --yes');
  if (args.flag('json')) {
    session.terminal.json({ ok: failure === undefined, done, todo, ...failureJson(failure) });
  } else {
    for (const what of done) session.terminal.line(`${what}: set up`);
    if (done.length === 0 && todo.length === 0) session.terminal.line('everything is set up already');
    for (const { file, lines } of todo) session.terminal.line(`\nto be added to ${file}:\n\n${lines.trimEnd()}`);
  }
  if (failure === undefined) return 0;
  session.terminal.note(`${failure.message}: ${failure.hint}`);
  return EXIT_STATUS[failure.code];
}
