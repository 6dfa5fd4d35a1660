/** Which ledgers a witness signs for: a text file, one line for each key of each. */
import { LockfastError } from '@lockfast/core/errors';

import { parseVerifierKey, type VerifierKey } from '../signed-note.ts';

/** Origin to the keys that may sign its checkpoints. */
export type Origins = ReadonlyMap<string, readonly VerifierKey[]>;

/**
 * `ORIGIN VERIFIER-KEY`; `#` begins a comment. An origin may stand several times, once for each key.
 *
 * @param path for messages
 * @throws LockfastError `config-invalid` with the line
 */
export function parseOrigins(text: string, path: string): Origins {
  const logs = new Map<string, VerifierKey[]>();
  for (const [i, raw] of text.split('\n').entries()) {
    const line = raw.replace(/\r$/, '').trim();
    if (line === '' || line.startsWith('#')) continue;
    const [origin = '', key = '', ...more] = line.split(/\s+/);
    const verifier = more.length === 0 ? logKey(key) : undefined;
    if (verifier === undefined) throw new LockfastError('config-invalid', `${path}, line ${i + 1}: this is no origin and verifier key`, 'copy the line that `lockfast ledger witness list` prints at the ledger');
    logs.set(origin, [...(logs.get(origin) ?? []), verifier]);
  }
  return logs;
}

function logKey(text: string): VerifierKey | undefined {
  try {
    const key = parseVerifierKey(text);
    return key.kind === 'signature' ? key : undefined;
  } catch {
    return undefined;
  }
}
