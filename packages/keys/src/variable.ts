import { LockfastError } from '@lockfast/core/errors';
import { parseRootKey, type Secret } from '@lockfast/core/keyring';

import type { Surroundings } from './surroundings.ts';

/** The root key in an environment variable, as Kubernetes and CI systems hand secrets over. */
export function variableRootKey(name: string, { environment }: Surroundings): Secret {
  const text = Object.hasOwn(environment, name) ? environment[name] : undefined;
  if (text === undefined || text.trim() === '') {
    throw new LockfastError('source-unavailable', `${name} is not set in the environment`, 'set it from your secret store, never from the .env file');
  }
  try {
    return parseRootKey(text);
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    throw new LockfastError(error.code, `${name}: ${error.message}`, error.hint);
  }
}
