/** The child's environment: what we inherited, the file's variables, less our own keys. */
import { LockfastError } from '@lockfast/core/errors';

import { isUnsafeVariable } from './unsafe-variables.ts';

export interface EnvironmentRules {
  /** The file wins over variables that are set already. */
  readonly override: boolean;
  /** The file may set PATH, LD_PRELOAD and their like. */
  readonly allowUnsafe: boolean;
  /** Variables that hold a root key or a passphrase, such as the one that an `env:` key source names. */
  readonly strip: Iterable<string>;
}

/** The child must not learn where the keys come from; a key source that stands in the environment may carry one. */
const OWN_VARIABLES: readonly string[] = ['LOCKFAST_KEY_SOURCE'];

/** How values begin that some tool has encrypted: Lockfast, dotenvx, SOPS. */
const ENCRYPTED_VALUE = /^(?:lfv1\.|encrypted:|ENC\[)/;

/**
 * Every rule is applied to every variable of the file, used or not, so that a file is refused on each machine or on none.
 * Messages hold names and places, never values.
 *
 * @param inherited `process.env`; undefined is "not set"
 * @param fileValues what the file says, in its order; null is a name without a value, which leaves what was inherited
 * @returns an object without prototype: `__proto__` is a name like any other
 * @throws LockfastError `invalid-name`, `invalid-text`, `unresolved-value`, `unsafe-variable`
 */
export function childEnvironment(
  inherited: Readonly<Record<string, string | undefined>>,
  fileValues: ReadonlyMap<string, string | null>,
  { override, allowUnsafe, strip }: EnvironmentRules,
): Record<string, string> {
  const environment = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(inherited)) if (value !== undefined) environment[name] = value;
  let place = 0;
  for (const [name, value] of fileValues) {
    place += 1;
    refuseName(name, place);
    if (value === null) continue;
    refuseValue(name, value);
    if (!allowUnsafe && isUnsafeVariable(name)) {
      throw new LockfastError('unsafe-variable', `the file sets ${JSON.stringify(name)}, which decides what code a program runs`, 'remove it from the file, or give --allow-unsafe');
    }
    if (override || !Object.hasOwn(environment, name)) environment[name] = value;
  }
  for (const name of [...OWN_VARIABLES, ...strip]) delete environment[name];
  return environment;
}

/** `NAME=value` must be cut where it was joined. A name that is none may be a part of a value, so it isn't shown. */
function refuseName(name: string, place: number): void {
  const fault = name === '' ? 'has an empty name' : name.includes('=') ? 'has an = in its name' : name.includes('\0') ? 'has a NUL character in its name' : undefined;
  if (fault !== undefined) throw new LockfastError('invalid-name', `variable ${place} of the file ${fault}`, 'correct the line, or name the dialect that the file is written in');
}

function refuseValue(name: string, value: string): void {
  if (value.includes('\0')) {
    throw new LockfastError('invalid-text', `the value of ${JSON.stringify(name)} holds a NUL character, which no program can be given`, 'store it in an encoding such as Base64');
  }
  if (ENCRYPTED_VALUE.test(value)) {
    throw new LockfastError('unresolved-value', `the value of ${JSON.stringify(name)} is still encrypted`, 'decrypt it with the tool that encrypted it, then encrypt the file again');
  }
}
