/** Values for a new tenant's variables: from files, from the terminal without an echo, or a line of standard input each. Never from an argument. */
import { resolve } from 'node:path';

import { isVariableName } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { readRegularFile } from '@lockfast/core/files';

import type { Arguments } from '../arguments.ts';
import type { Session } from '../session.ts';
import { readStandardInput } from '../standard-input.ts';
import { counted } from '../terminal.ts';
import { valueText } from '../value-text.ts';

const MOST_BYTES = 2 ** 20;

export interface AskedNames {
  /** Of --set, in order. */
  readonly asked: readonly string[];
  /** Of --set-file: the file of each name, absolute. */
  readonly files: ReadonlyMap<string, string>;
}

/** @throws LockfastError `usage`, `invalid-name` */
export function askedNames(args: Arguments, { directory, command }: Session): AskedNames {
  const asked = args.list('set');
  const files = new Map(
    args.list('set-file').map((text): [string, string] => {
      const at = text.indexOf('=');
      if (at < 1) throw new LockfastError('usage', `${command}: --set-file takes NAME=FILE`, 'for example --set-file TLS_KEY=/root/tls.key');
      return [text.slice(0, at), resolve(directory, text.slice(at + 1))];
    }),
  );
  const all = [...asked, ...files.keys()];
  if (all.some((name) => !isVariableName(name))) throw new LockfastError('invalid-name', `${command}: the name of a variable is not usable`, 'use letters, digits, underscores, dots and dashes; a value is never an argument');
  const twice = all.find((name, i) => all.indexOf(name) !== i);
  if (twice !== undefined || files.size !== args.list('set-file').length) throw new LockfastError('usage', `${command}: a variable is set twice`, 'name each once');
  return { asked, files };
}

/** @throws LockfastError `usage` when standard input has another number of lines; `invalid-text`, and as `readRegularFile` */
export async function givenValues({ asked, files }: AskedNames, { command }: Session): Promise<Map<string, string>> {
  const values = new Map<string, string>();
  for (const [name, path] of files) values.set(name, valueText(readRegularFile(path, 'follow', MOST_BYTES).bytes, name));
  if (asked.length === 0) return values;
  if (process.stdin.isTTY === true) {
    const { askHidden } = await import('../prompt.ts');
    for (const name of asked) values.set(name, valueText(await askHidden(`Value of ${name}`), name));
    return values;
  }
  const lines = valueText(readStandardInput(), 'standard input').split('\n');
  if (lines.at(-1) === '') lines.pop();
  if (lines.length !== asked.length) {
    throw new LockfastError('usage', `${command}: standard input has ${counted(lines.length, 'line')} for ${counted(asked.length, 'value')}`, 'send one line for each --set, in their order; a value of several lines goes into --set-file');
  }
  asked.forEach((name, i) => values.set(name, lines[i]!));
  return values;
}
