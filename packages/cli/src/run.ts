import { LockfastError } from '@lockfast/core/errors';

import type { Arguments } from './arguments.ts';
import { becomeChild } from './child/child.ts';
import { childEnvironment } from './child/environment.ts';
import type { MaskSettings } from './configuration.ts';
import { openedVariables } from './opened-variables.ts';
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
  const asked = namesOf(args);
  const values = await openedVariables(args, workspace, session, (name) => asked?.includes(name) ?? true);
  const environment = childEnvironment(session.environment, only(values, asked), {
    override: args.flag('override'),
    allowUnsafe: args.flag('allow-unsafe'),
    strip: await workspace.keyVariables(),
  });
  if (args.flag('mask')) return runMasked(command, rest, environment, values, workspace.configuration.mask, session);
  return becomeChild(command, rest, environment);
}

/** Later: what it takes, other runs need not read. */
async function runMasked(command: string, rest: readonly string[], environment: Readonly<Record<string, string>>, values: ReadonlyMap<string, string | null>, settings: MaskSettings, session: Session): Promise<number> {
  const [{ openMasker }, { runMaskedChild }] = await Promise.all([import('./mask/open-masker.ts'), import('./child/masked-child.ts')]);
  return runMaskedChild(command, rest, environment, openMasker(values, { ...session.environment, ...environment }, settings, session), session.terminal);
}

/** With what root decrypted before: neither configuration nor keys are looked at. */
async function runPrepared(file: string, [command, ...rest]: readonly string[], args: Arguments, session: Session): Promise<number> {
  const { variables, strip } = takePrepared(file);
  const values = new Map(variables);
  const environment = childEnvironment(session.environment, only(values, namesOf(args)), { override: args.flag('override'), allowUnsafe: args.flag('allow-unsafe'), strip });
  if (args.flag('mask')) return runMasked(command!, rest, environment, values, {}, session);
  return becomeChild(command!, rest, environment);
}

/** What --only asks for; undefined where the program gets all. */
function namesOf(args: Arguments): readonly string[] | undefined {
  return args.text('only')?.split(',').map((name) => name.trim());
}

/** @throws LockfastError `no-such-variable`: a name that is asked for and missing is an unresolved value */
function only(values: ReadonlyMap<string, string | null>, names: readonly string[] | undefined): ReadonlyMap<string, string | null> {
  if (names === undefined) return values;
  if (names.some((name) => !values.has(name))) throw new LockfastError('no-such-variable', 'run: --only asks for a variable that the file does not set', 'see `lockfast env list` for the names that it sets');
  return new Map(names.map((name) => [name, values.get(name) ?? null]));
}
