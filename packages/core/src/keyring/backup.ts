import { LockfastError } from '../errors.ts';
import type { KeySource } from '../ports.ts';
import { KeyRing } from './key-ring.ts';
import { isBackup, parseRing } from './ring-document.ts';

/**
 * Opens a recovery backup. What comes out is a ring with the backup's source alone: give it the sources of its new
 * place with `rewrappedFor`.
 *
 * @param text the backup's file
 * @param where how errors name it
 * @param source of its passphrase
 * @throws LockfastError `ring-malformed` also for a key ring that is no backup; `wrong-key` when the passphrase is another
 *   one; and as `KeyRing.open`
 */
export async function openBackup(text: string, where: string, source: KeySource): Promise<KeyRing> {
  if (!isBackup(parseRing(text, where))) {
    throw new LockfastError('ring-malformed', `${where} is a key ring, but no recovery backup`, 'name the file that `lockfast key backup` or `lockfast init` wrote');
  }
  try {
    return await KeyRing.open(text, where, [source]);
  } catch (error) {
    if (!(error instanceof LockfastError) || error.code !== 'wrong-key') throw error;
    throw new LockfastError('wrong-key', `the passphrase does not open ${where}`, 'use the passphrase that was given when this backup was written', error);
  }
}
