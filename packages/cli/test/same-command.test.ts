import { expect, test } from 'vitest';

import { COLUMN_COMMANDS } from '../src/column/commands.ts';
import { parseArguments } from '../src/parse-arguments.ts';
import { sameCommand } from '../src/same-command.ts';
import { Terminal } from '../src/terminal.ts';

function again(name: string, ...words: string[]): string {
  const command = COLUMN_COMMANDS.find((one) => one.name === name)!;
  return sameCommand(parseArguments(command, words), { terminal: new Terminal({}), environment: {}, directory: '/', home: '/', command: name });
}

test('[W3] the command that goes on is the one that was stopped: without its options it would be about other columns, or other formats', () => {
  expect(again('column encrypt', '--database', 'app', '--json')).toBe('lockfast column encrypt --database app');
  expect(again('column rotate', 'users.phone', '--from', 'rails', '--from-key', 'env:A', '--from-key', 'env:B', '--max-rate=50', '-v')).toBe('lockfast column rotate users.phone --from rails --from-key env:A --from-key env:B --max-rate 50 --verbose');
  expect(again('column decrypt', '--to-plaintext', '--reason', "it's due")).toBe(String.raw`lockfast column decrypt --to-plaintext --reason 'it'\''s due'`);
});
