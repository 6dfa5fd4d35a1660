/** Fernet keys of a column: the key ring's own, and those that Python programs had. */
import { LockfastError } from '@lockfast/core/errors';
import { fernetFingerprint, parseFernetKey } from '@lockfast/core/formats';
import { type FernetKey, type KeyRing, ringFernetKeys, Secret } from '@lockfast/core/keyring';

import { readReference } from './secret-reference.ts';
import type { Surroundings } from './surroundings.ts';

/**
 * The Fernet keys that these URIs name, in their order: the first one encrypts. `ring:` stands for the ring's own, the
 * active one first, then those that still decrypt; `env:NAME`, `file:PATH` and `credential:NAME` for one key as text, 44
 * characters. One of the ring's own keys that was exported and is named again is the ring's, and counts once.
 *
 * @param onUnset is told of a variable that is not set; it is left out then. The first key is never left out, and without
 *   this no other one is
 * @throws LockfastError `invalid-key`: not set, not base64, not 32 bytes; `source-unavailable`: a file that is not there or
 *   that others may read; `invalid-source`; `source-exists`: one key under two names; `missing-key`, as `KeyRing.active`
 */
export async function readFernetKeys(uris: readonly string[], ring: KeyRing, around: Surroundings, onUnset?: (uri: string) => void): Promise<readonly FernetKey[]> {
  const own = ringFernetKeys(ring);
  const byFingerprint = new Map(own.map((one) => [fernetFingerprint(one.key), one]));
  const taken = new Map<string, FernetKey>();
  for (const uri of uris) {
    if (uri === 'ring:') {
      for (const [fingerprint, one] of byFingerprint) if (!taken.has(fingerprint)) taken.set(fingerprint, one);
      continue;
    }
    if (onUnset !== undefined && uri !== uris[0] && isUnset(uri, around)) {
      onUnset(uri);
      continue;
    }
    const read = readFernetKey(uri, around);
    const fingerprint = fernetFingerprint(read.key);
    const before = taken.get(fingerprint);
    if (before !== undefined && before.keyId === undefined) {
      throw new LockfastError(
        'source-exists',
        before.name === uri ? `${uri} is named twice` : `${uri} is the same Fernet key as ${before.name}`,
        'name each key once: if two variables should differ, one was copied to the wrong place',
      );
    }
    taken.set(fingerprint, byFingerprint.get(fingerprint) ?? read);
  }
  return [...taken.values()];
}

function readFernetKey(uri: string, around: Surroundings): FernetKey {
  const text = readReference(uri, 'Fernet key', around, ['ring:']);
  try {
    return { name: uri, key: new Secret(parseFernetKey(text)) };
  } catch (error) {
    if (!(error instanceof LockfastError) || error.code !== 'invalid-key') throw error;
    throw new LockfastError(error.code, `${uri}: ${error.message}`, error.hint);
  }
}

/** An old key's variable stands in the configuration for longer than in the environment. */
function isUnset(uri: string, { environment }: Surroundings): boolean {
  return uri.startsWith('env:') && (environment[uri.slice('env:'.length)] ?? '') === '';
}
