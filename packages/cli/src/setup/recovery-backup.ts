/** The recovery backup: the key ring once more, wrapped by a passphrase alone. `docs/formats/key-ring.md` specifies it. */
import { rmSync } from 'node:fs';

import { LockfastError } from '@lockfast/core/errors';
import { type Expected, readRegularFile, withFileLock, writeDurably } from '@lockfast/core/files';
import { type KdfChoice, type KeyRing, type LedgerKey, openBackup, Secret, USUAL_KDF } from '@lockfast/core/keyring';
import { systemClock } from '@lockfast/core/ports';
import { passphraseFile, PassphraseSource, type Surroundings } from '@lockfast/keys';
import type { Ledger } from '@lockfast/ledger';

const BACKUP_MODE = 0o400;

/** The passphrase of a backup, from a file or a person. @throws LockfastError `terminal-needed`, `source-unavailable`, `invalid-key` */
export async function backupSource(file: string | undefined, around: Surroundings, kdf: KdfChoice = USUAL_KDF): Promise<PassphraseSource> {
  const passphrase = file === undefined ? await around.askPassphrase('Passphrase for the recovery backup') : passphraseFile(file, around);
  return new PassphraseSource('passphrase:', () => passphrase, kdf);
}

/** What a backup keeps of a ledger: with it, what is recorded from now on can be checked. */
export async function ledgerKeyOf(ledger: Ledger | undefined): Promise<LedgerKey | undefined> {
  const epoch = await ledger?.epochKey();
  if (ledger === undefined || epoch === undefined) return undefined;
  return { log: ledger.store.logId, epoch: epoch.epoch, key: new Secret(epoch.key.export()) };
}

/**
 * Writes the backup, opens it again, and gives the ring that notes it.
 *
 * @param undo gets what removes it again
 * @throws LockfastError `exists`, `write-failed`
 */
export async function writeBackup(ring: KeyRing, source: PassphraseSource, path: string, stateDirectory: string, undo: (() => void)[], ledger?: LedgerKey): Promise<KeyRing> {
  const noted = await replaceBackup(ring, source, { path, stateDirectory, expected: 'absent' }, ledger);
  undo.push(() => rmSync(path, { force: true }));
  return noted;
}

export interface BackupPlace {
  readonly path: string;
  readonly stateDirectory: string;
  /** What stands there now. */
  readonly expected: Expected;
}

/** As {@link writeBackup}, also over what stands there. @throws LockfastError `exists`, `conflict`, `write-failed` */
export async function replaceBackup(ring: KeyRing, source: PassphraseSource, { path, stateDirectory, expected }: BackupPlace, ledger?: LedgerKey): Promise<KeyRing> {
  const { ring: noted, backup } = await ring.withBackup(source, systemClock, ledger);
  await withFileLock(stateDirectory, path, () => writeDurably({ path, bytes: Buffer.from(backup), mode: BACKUP_MODE, expected }));
  await prove(path, source, ring);
  return noted;
}

/** Opened from the disk, it must give each key that the ring gives. */
async function prove(path: string, source: PassphraseSource, ring: KeyRing): Promise<void> {
  const opened = await openBackup(readRegularFile(path, 'refuse').bytes.toString('utf8'), path, source);
  opened.ledgerKey();
  for (const { id, state } of ring.keys) {
    if (state === 'retired' || state === 'destroyed') continue;
    const [theirs, ours] = [opened.decrypting(id), ring.decrypting(id)];
    if (!theirs.secret.use((a) => ours.secret.use((b) => a.equals(b)))) {
      throw new LockfastError('write-failed', `${path} does not give the key ${id} back`, 'check the disk, then write the backup elsewhere');
    }
  }
}
