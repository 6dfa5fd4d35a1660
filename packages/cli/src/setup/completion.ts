import { LockfastError } from '@lockfast/core/errors';

import type { Arguments } from '../arguments.ts';
import { COMMANDS } from '../commands.ts';
import type { Session } from '../session.ts';
import { bashCompletion } from './completion-bash.ts';
import { fishCompletion } from './completion-fish.ts';
import { type Completion, completionOf } from './completion-table.ts';
import { zshCompletion } from './completion-zsh.ts';

const SHELLS: Readonly<Record<string, (completion: Completion) => string>> = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };

/** The script is made from the same table as parsing and help, so that it offers what there is. */
export async function run(args: Arguments, { terminal }: Session): Promise<number> {
  const [shell] = args.operands as [string];
  const script = Object.hasOwn(SHELLS, shell) ? SHELLS[shell] : undefined;
  if (script === undefined) throw new LockfastError('usage', 'completion: that is no shell that it knows', `say one of: ${Object.keys(SHELLS).join(', ')}`);
  terminal.raw(script(completionOf(COMMANDS)));
  return 0;
}
