/** Where each key of a ring is still used, proven by decrypting: what `retire` and `destroy` rely on. */
import { MOST_FILE_BYTES } from '../env/env-file.ts';
import { openEnvFile } from '../env/env-cipher.ts';
import { parseFile } from '../env/encrypted-file.ts';
import { LockfastError } from '../errors.ts';
import { readRegularFile } from '../files/read-file.ts';
import { shownPath } from '../files/shown-path.ts';
import type { KeyId } from '../formats/key-id.ts';
import { keyIdOf } from '../formats/lfv1.ts';
import type { KeyRing } from '../keyring/key-ring.ts';

/** An encrypted env file to look into: one that is in use, or a kept copy of one. */
export interface SweptFile {
  readonly path: string;
  readonly kind: 'file' | 'backup';
}

export interface KeyUsage {
  readonly id: KeyId;
  /** Env files that are in use. */
  readonly files: number;
  /** Encrypted values in them. */
  readonly values: number;
  readonly backups: number;
  /** The first of these files and backups. */
  readonly first: readonly string[];
}

/** What could not be looked into. It may be under any key. */
export interface UnreadFile extends SweptFile {
  readonly error: LockfastError;
}

export interface Usage {
  /** One for each key of the ring, in its order. */
  readonly keys: readonly KeyUsage[];
  readonly unread: readonly UnreadFile[];
}

/** More names than these help nobody; the counts say how many there are. */
const MOST_NAMES = 10;

interface Count {
  files: number;
  values: number;
  backups: number;
  readonly first: string[];
}

/**
 * Decrypts every file, one at a time, and counts by the key of each value. To which tenant a file belongs is its own
 * word, which its MAC vouches for: a file in another tenant's directory needs its key, too.
 */
export function sweepUsage(ring: KeyRing, files: Iterable<SweptFile>): Usage {
  const counts = new Map<KeyId, Count>(ring.keys.map(({ id }) => [id, { files: 0, values: 0, backups: 0, first: [] }]));
  const unread: UnreadFile[] = [];
  // A link, or a second name, is one more way to the same file.
  const counted = new Set<string>();
  for (const swept of files) {
    try {
      const { bytes, identity } = readRegularFile(swept.path, 'follow', MOST_FILE_BYTES);
      const file = `${swept.kind} ${identity.dev}:${identity.ino}`;
      if (counted.has(file)) continue;
      for (const [id, values] of valuesByKey(bytes, shownPath(swept.path), ring)) add(counts.get(id)!, swept, values);
      counted.add(file);
    } catch (error) {
      if (!(error instanceof LockfastError)) throw error;
      unread.push({ ...swept, error });
    }
  }
  return { keys: Array.from(counts, ([id, count]) => ({ id, ...count })), unread };
}

/** @throws LockfastError `key-in-use` also where that can not be told: a file that can't be read may be under this key */
export function refuseUnlessUnused({ keys, unread }: Usage, id: KeyId): void {
  const usage = keys.find((key) => key.id === id);
  if (usage !== undefined && usage.files + usage.backups > 0) {
    throw new LockfastError(
      'key-in-use',
      `the key ${id} is in use: ${listed(usage.first, usage.files + usage.backups)}`,
      usage.files > 0 ? 'encrypt them anew with `lockfast key rotate`, then run this again' : 'these are backups: `lockfast backup prune` removes them in time, then run this again',
    );
  }
  if (unread.length > 0) {
    const names = unread.slice(0, MOST_NAMES).map(({ path, error }) => `${shownPath(path)} (${error.code})`);
    throw new LockfastError(
      'key-in-use',
      `nobody can tell whether the key ${id} is in use: ${listed(names, unread.length)} can not be read`,
      'restore or remove what can not be read, see `lockfast key usage`, then run this again',
    );
  }
}

/**
 * How many values each key has in the file. The key of the header counts without any, too: the MAC is under it. A whole
 * file of another environment is none of this ring's; one that names a key of this ring all the same is not to be trusted.
 */
function valuesByKey(bytes: Buffer, where: string, ring: KeyRing): Map<KeyId, number> {
  const { environment, tenant, key } = parseFile(bytes, where).header;
  if (environment !== ring.environment && ring.keys.every(({ id }) => id !== key)) return new Map();
  const { header, lines } = openEnvFile(bytes, { ring, tenant }, where);
  const values = new Map<KeyId, number>([[header.key, 0]]);
  for (const { value } of lines) {
    const id = keyIdOf(value);
    values.set(id, (values.get(id) ?? 0) + 1);
  }
  return values;
}

function add(count: Count, { path, kind }: SweptFile, values: number): void {
  if (kind === 'file') {
    count.files++;
    count.values += values;
  } else count.backups++;
  if (count.first.length < MOST_NAMES) count.first.push(shownPath(path));
}

function listed(names: readonly string[], all: number): string {
  return names.join(', ') + (all > names.length ? ` and ${all - names.length} more` : '');
}
