/** What a checkpoint says, without its signatures: origin, size and root, a line each. */
import { LockfastError } from '@lockfast/core/errors';

import { HASH_BYTES } from './chain.ts';
import { exactBase64 } from './exact-base64.ts';
import { isKeyName } from './key-name.ts';

export interface Checkpoint {
  /** Which ledger it is of: `originOf`. */
  readonly origin: string;
  readonly size: number;
  /** RFC 6962 root of the first `size` entries. */
  readonly root: Buffer;
}

/** The text that is signed. */
export function printCheckpoint({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${root.toString('base64')}\n`;
}

/**
 * Strict: extension lines, which the specification allows, are refused, because nothing says what they would mean.
 *
 * @throws LockfastError `malformed`
 */
export function parseCheckpointText(text: string): Checkpoint {
  const [, origin, digits, encoded] = /^([^\n]+)\n(0|[1-9][0-9]{0,15})\n([A-Za-z0-9+/]{43}=)\n$/.exec(text) ?? [];
  const size = Number(digits);
  const root = encoded === undefined ? undefined : exactBase64(encoded);
  if (origin === undefined || !isKeyName(origin) || !Number.isSafeInteger(size) || root?.length !== HASH_BYTES) {
    throw new LockfastError('malformed', 'this is no checkpoint of a ledger', 'see docs/formats/ledger.md for the form');
  }
  return { origin, size, root };
}

/** Of a note as well, whose signatures are not looked at. @returns undefined when it begins with no checkpoint */
export function checkpointIn(note: string): Checkpoint | undefined {
  const end = note.indexOf('\n\n');
  try {
    return parseCheckpointText(end === -1 ? note : note.slice(0, end + 1));
  } catch {
    return undefined;
  }
}
