/** The recovery backup: the key ring once more, wrapped by a passphrase alone. `docs/formats/key-ring.md` specifies it. */
import { rmSync } from 'node:fs';

import { readRegularFile, withFileLock, writeDurably } from '@lockfast/core/files';
import { KeyRing, USUAL_KDF } from '@lockfast/core/keyring';
import { passphraseFile, PassphraseSource, type Surroundings } from '@lockfast/keys';

const BACKUP_MODE = 0o400;

/** The passphrase of a backup, from a file or a person. @throws LockfastError `terminal-needed`, `source-unavailable`, `invalid-key` */
export async function backupSource(file: string | undefined, around: Surroundings): Promise<PassphraseSource> {
  const passphrase = file === undefined ? await around.askPassphrase('Passphrase for the recovery backup') : passphraseFile(file, around);
  return new PassphraseSource('passphrase:', () => passphrase, USUAL_KDF);
}

/**
 * Writes the backup, opens it again, and gives the ring that notes it.
 *
 * @param undo gets what removes it again
 * @throws LockfastError `exists`, `write-failed`
 */
export async function writeBackup(ring: KeyRing, source: PassphraseSource, path: string, stateDirectory: string, undo: (() => void)[]): Promise<KeyRing> {
  const { ring: noted, backup } = await ring.withBackup(source);
  await withFileLock(stateDirectory, path, () => writeDurably({ path, bytes: Buffer.from(backup), mode: BACKUP_MODE, expected: 'absent' }));
  undo.push(() => rmSync(path, { force: true }));
  await KeyRing.open(readRegularFile(path, 'refuse').bytes.toString('utf8'), path, [source]);
  return noted;
}
