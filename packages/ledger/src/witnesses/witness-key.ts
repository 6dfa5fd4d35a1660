/** The key of a witness that we run: an Ed25519 seed in a file of mode 0400. */
import { type KeyObject, randomBytes } from 'node:crypto';

import { LockfastError } from '@lockfast/core/errors';
import { readRegularFile, withFileLock, writeDurably } from '@lockfast/core/files';

import { isKeyName } from '../key-name.ts';
import { privateKeyFrom } from '../signed-note.ts';

const KEY_MODE = 0o400;
const SEED_BYTES = 32;

/** `lockfast-witness-1 NAME SEED`, the seed in base64. */
const FORM = /^lockfast-witness-1 ([^ \n]{1,200}) ([A-Za-z0-9+/]{43}=)\n$/;

export interface WitnessKey {
  /** Stands in each of its signatures. */
  readonly name: string;
  readonly privateKey: KeyObject;
  /** Whether it was made now. */
  readonly made: boolean;
}

/**
 * Reads the key, or makes it where there is no file.
 *
 * @param name of a new key
 * @param stateDirectory for the lock
 * @throws LockfastError `permission-denied` when others may read the file, `invalid-key`, `usage` for the name
 */
export async function openWitnessKey(path: string, name: string, stateDirectory: string): Promise<WitnessKey> {
  return withFileLock(stateDirectory, path, () => {
    const found = read(path);
    if (found !== undefined) return { ...found, made: false };
    if (name.length > 200 || !isKeyName(name)) throw new LockfastError('usage', 'ledger witness serve: the name is not usable', 'use one without spaces and +, such as witness.example.com/1');
    const seed = randomBytes(SEED_BYTES);
    const bytes = Buffer.from(`lockfast-witness-1 ${name} ${seed.toString('base64')}\n`, 'utf8');
    writeDurably({ path, bytes, mode: KEY_MODE, expected: 'absent' });
    bytes.fill(0);
    return { name, privateKey: fromSeed(seed), made: true };
  });
}

function read(path: string): Omit<WitnessKey, 'made'> | undefined {
  let file: ReturnType<typeof readRegularFile>;
  try {
    file = readRegularFile(path, 'follow', 4096);
  } catch (error) {
    if (error instanceof LockfastError && error.code === 'not-found') return undefined;
    throw error;
  }
  if ((file.mode & 0o077) !== 0) throw new LockfastError('permission-denied', `${path} can be read by others than its owner`, 'run `chmod 0400` on it; if others did read it, make a new key');
  const [, name, seed] = FORM.exec(file.bytes.toString('utf8')) ?? [];
  file.bytes.fill(0);
  if (name === undefined || seed === undefined || !isKeyName(name)) throw new LockfastError('invalid-key', `${path} is no key of a witness`, 'name another file; where there is none, a key is made');
  return { name, privateKey: fromSeed(Buffer.from(seed, 'base64')) };
}

function fromSeed(seed: Buffer): KeyObject {
  try {
    return privateKeyFrom(seed);
  } finally {
    seed.fill(0);
  }
}
