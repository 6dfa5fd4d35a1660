import { type Encryption, isVariableName, setVariable, updateEnvFile, type WriteScope } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { shownPath } from '@lockfast/core/files';

import type { Arguments } from '../arguments.ts';
import type { Session } from '../session.ts';
import { readStandardInput } from '../standard-input.ts';
import { valueText } from '../value-text.ts';
import { Workspace } from '../workspace.ts';
import { variableOperand } from './variable-operand.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const name = variableOperand(args);
  if (!isVariableName(name)) {
    throw new LockfastError('invalid-name', 'env set: the name of the variable is not usable', 'use letters, digits, underscores, dots and dashes; the value is never an argument');
  }
  const workspace = new Workspace(args, session);
  const file = args.text('file') ?? workspace.usualEncryptedFile(args.text('tenant'));
  const value = await readValue(name, session);
  const change = (scope: WriteScope): Promise<Encryption> => updateEnvFile(file, scope, (entries) => setVariable(entries, name, value, workspace.dialect(args)));
  const { written, revision } = await workspace.encrypting(file, args.text('tenant'), change, { variable: name });
  session.terminal.line(`${shownPath(file)}: ${written ? `${name} set, revision ${revision}` : `${name} had this value already`}`);
  return 0;
}

/** From the terminal without an echo, or standard input exactly as it is. */
export async function readValue(name: string, { terminal }: Session): Promise<string> {
  if (process.stdin.isTTY === true) {
    const { askHidden } = await import('../prompt.ts');
    return valueText(await askHidden(`Value of ${name}`), 'the value');
  }
  const bytes = readStandardInput();
  if (bytes.length === 0) terminal.warn(`the value of ${name} is empty: standard input held nothing`);
  if (bytes.at(-1) === 0x0a) terminal.warn(`the value of ${name} ends in a newline, which is kept: to leave it out, send it with printf %s`);
  return valueText(bytes, 'the value');
}
