import manifest from '../package.json' with { type: 'json' };
import { LockfastError } from '@lockfast/core/errors';

import type { Command } from './command.ts';
import { COMMANDS } from './commands.ts';
import { EXIT_STATUS } from './exit-status.ts';
import { wrap } from './help.ts';
import { nearest } from './nearest.ts';
import type { Terminal } from './terminal.ts';

/** `lockfast` alone, `--help`, `--version`, a noun alone (`lockfast env`), or a word that is no command. */
export function showOverview(words: readonly string[], terminal: Terminal): number {
  const [first, ...rest] = words.filter((word) => word !== '--help' && word !== '-h' && word !== 'help');
  const asked = words.length !== (first === undefined ? 0 : 1 + rest.length);
  if (first === '--version' || first === '-V') {
    terminal.line(`lockfast ${manifest.version}`);
    return 0;
  }
  if (first?.startsWith('-') === true) throw new LockfastError('usage', 'options stand behind the command', 'write it as: lockfast COMMAND [OPTION...]; see: lockfast --help');
  const commands = first === undefined ? COMMANDS : COMMANDS.filter(({ name }) => name.startsWith(`${[first, ...rest].join(' ')} `));
  if (commands.length > 0) {
    terminal.raw(overview(commands));
    return asked ? 0 : EXIT_STATUS.usage;
  }
  const names = COMMANDS.map(({ name }) => name);
  const typed = [first!, ...rest].filter((word) => /^[a-z-]+$/.test(word));
  const near = [3, 2, 1].map((count) => nearest(typed.slice(0, count).join(' '), names)).find((name) => name !== undefined);
  throw new LockfastError('usage', 'there is no such command', near === undefined ? 'see: lockfast --help' : `did you mean \`lockfast ${near}\`? see: lockfast --help`);
}

function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const rows = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${wrap(summary, width + 4)}`);
  return [
    'lockfast keeps secrets encrypted wherever they rest, and gives them to programs.',
    '',
    'Usage: lockfast COMMAND [OPTION...] [ARGUMENT...]',
    '',
    ...rows,
    '',
    'lockfast COMMAND --help shows one command with examples. lockfast --version',
    '',
  ].join('\n');
}
