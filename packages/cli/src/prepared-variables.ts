/**
 * What root hands to `lockfast run` in a unit whose account can't open the key ring: the variables, in a file in memory
 * that the account alone can read, and that is gone when it was read.
 */
import { unlinkSync } from 'node:fs';

import { LockfastError } from '@lockfast/core/errors';
import { readRegularFile } from '@lockfast/core/files';

export interface PreparedVariables {
  /** null is a name without a value, which leaves what is inherited. */
  readonly variables: readonly (readonly [name: string, value: string | null])[];
  /** Variables that hold a root key, which the program must not find. */
  readonly strip: readonly string[];
  /** Whether it is gone when it was read. */
  readonly once: boolean;
}

export function printPrepared(prepared: PreparedVariables): Buffer {
  return Buffer.from(JSON.stringify({ ...prepared }), 'utf8');
}

/** @throws LockfastError as `readRegularFile`; `read-failed` for what is none */
export function takePrepared(path: string): PreparedVariables {
  const { bytes } = readRegularFile(path, 'refuse');
  let prepared: PreparedVariables;
  try {
    prepared = JSON.parse(bytes.toString('utf8')) as PreparedVariables;
  } catch {
    throw new LockfastError('read-failed', `${path} is not what \`lockfast tenant open\` writes`, 'start the unit again');
  } finally {
    bytes.fill(0);
  }
  if (prepared.once) unlinkSync(path);
  return prepared;
}
