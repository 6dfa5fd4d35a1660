import { isUtf8 } from 'node:buffer';

import { isPortableName, MOST_FILE_BYTES, openEnvFile, plaintextOf } from '@lockfast/core/env';
import { readEnvLate } from '@lockfast/core/env/dialects/late';
import { LockfastError } from '@lockfast/core/errors';
import { readRegularFile } from '@lockfast/core/files';

import type { Arguments } from './arguments.ts';
import { becomeChild } from './child/child.ts';
import { childEnvironment } from './child/environment.ts';
import { takePrepared } from './prepared-variables.ts';
import type { Session } from './session.ts';
import { Workspace } from './workspace.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const [command, ...rest] = args.command;
  if (command === undefined || args.operands.length > 0) {
    throw new LockfastError('usage', 'run: the program to run is missing', 'write it behind two dashes: lockfast run -- CMD ARG');
  }
  const prepared = args.text('prepared');
  if (prepared !== undefined) return runPrepared(prepared, [command, ...rest], args, session);
  const workspace = new Workspace(args, session);
  const files = args.list('file').length > 0 ? args.list('file') : workspace.layers(args.text('tenant'));
  const values = new Map<string, string | null>();
  for (const file of files) {
    for (const [name, value] of await readStrictly(file, args, workspace, session)) values.set(name, value);
  }
  const environment = childEnvironment(session.environment, only(values, args.text('only')), {
    override: args.flag('override'),
    allowUnsafe: args.flag('allow-unsafe'),
    strip: await workspace.keyVariables(),
  });
  return becomeChild(command, rest, environment);
}

/** With what root decrypted before: neither configuration nor keys are looked at. */
async function runPrepared(file: string, [command, ...rest]: readonly string[], args: Arguments, session: Session): Promise<number> {
  const { variables, strip } = takePrepared(file);
  return becomeChild(command!, rest, childEnvironment(session.environment, only(new Map(variables), args.text('only')), { override: args.flag('override'), allowUnsafe: args.flag('allow-unsafe'), strip }));
}

/** Every line must be one that the dialect reads: a program that starts with half of its configuration is worse than none. */
async function readStrictly(file: string, args: Arguments, workspace: Workspace, { terminal }: Session): Promise<ReadonlyMap<string, string | null>> {
  const dialect = workspace.dialect(args);
  const { bytes } = readRegularFile(file, 'follow', MOST_FILE_BYTES);
  const plaintext = plaintextOf(await workspace.decrypting(file, args.text('tenant'), (scope) => openEnvFile(bytes, scope, file)));
  if (!isUtf8(plaintext)) {
    throw new LockfastError('unreadable-env', `${file}: the plaintext is not UTF-8, and an environment can't carry its bytes exactly`, 'encode the value, for example in base64');
  }
  const { variables, problems } = await readEnvLate(plaintext, dialect);
  const [problem] = problems;
  if (problem !== undefined) {
    throw new LockfastError('unreadable-env', `${file}: line ${problem.line}: ${problem.reason}, as ${dialect} reads it`, 'mend it with `lockfast env edit`, or name another --dialect');
  }
  for (const name of variables.keys()) {
    if (!isPortableName(name)) terminal.warn(`${file}: ${JSON.stringify(name)} reaches the program, but systemd and shells such as dash drop such a name`);
  }
  return variables;
}

/** @throws LockfastError `no-such-variable`: a name that is asked for and missing is an unresolved value */
function only(values: ReadonlyMap<string, string | null>, list: string | undefined): ReadonlyMap<string, string | null> {
  if (list === undefined) return values;
  const names = list.split(',').map((name) => name.trim());
  if (names.some((name) => !values.has(name))) throw new LockfastError('no-such-variable', 'run: --only asks for a variable that the file does not set', 'see `lockfast env list` for the names that it sets');
  return new Map(names.map((name) => [name, values.get(name) ?? null]));
}
