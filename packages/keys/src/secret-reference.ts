/** A secret by reference, as a configuration or an option names it: never the secret itself. */
import { LockfastError } from '@lockfast/core/errors';

import { CREDENTIAL_FORBIDDEN, credentialFile } from './credential.ts';
import { readSecretFile } from './file.ts';
import type { Surroundings } from './surroundings.ts';

type Reader = (rest: string, what: string, around: Surroundings) => string | undefined;

const SCHEMES: Readonly<Record<string, Reader>> = {
  env: (rest, _, { environment }) => (Object.hasOwn(environment, rest) ? environment[rest] : undefined),
  file: (rest, what, around) => fileText(rest, `the ${what}`, around, undefined),
  credential: (rest, what, around) => fileText(credentialFile(rest, around), `the ${what}`, around, CREDENTIAL_FORBIDDEN),
};

/**
 * What `env:NAME`, `file:PATH` or `credential:NAME` holds, as it stands there; undefined for a variable that is not set.
 *
 * @param what how errors name it: `Fernet key`
 * @param also forms that the caller reads itself, for the hint
 * @throws LockfastError `invalid-source`; `source-unavailable`: a file that is not there or that others may read
 */
export function readReference(uri: string, what: string, around: Surroundings, also: readonly string[] = []): string | undefined {
  const [, scheme, rest] = /^([a-z]+):(.+)$/s.exec(uri) ?? [];
  const read = scheme === undefined || !Object.hasOwn(SCHEMES, scheme) ? undefined : SCHEMES[scheme];
  if (read === undefined) {
    // What it says is not quoted: somebody may have written the key itself there.
    throw new LockfastError('invalid-source', `a ${what} is not named by a source that Lockfast knows`, `write it as ${[...also, ...Object.keys(SCHEMES).map((name) => `${name}:...`)].join(', ')}`);
  }
  return read(rest!, what, around);
}

/** @param forbidden permission bits that the file must not have; undefined: those of group and others */
function fileText(path: string, what: string, around: Surroundings, forbidden: number | undefined): string {
  const bytes = readSecretFile(path, what, around, forbidden);
  try {
    return bytes.toString('utf8');
  } finally {
    bytes.fill(0);
  }
}
