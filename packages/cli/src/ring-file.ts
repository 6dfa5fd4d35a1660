import { identityOf, withFileLock, writeDurably } from '@lockfast/core/files';
import type { KeyRing } from '@lockfast/core/keyring';

import { type Acceptance, raiseFloor } from './ring-floors.ts';
import type { Workspace } from './workspace.ts';

const RING_MODE = 0o600;

/**
 * Opens the ring, changes it and writes it back, if nobody else did meanwhile. The new ring is durable when this
 * returns: only then may anything be encrypted under a new key.
 *
 * @throws LockfastError `conflict`, `busy`, `write-failed`, and as `Workspace.ring`
 */
export async function changeRing(workspace: Workspace, change: (ring: KeyRing) => KeyRing | Promise<KeyRing>, acceptance?: (old: KeyRing) => Acceptance): Promise<KeyRing> {
  const path = workspace.configuration.keyring;
  return withFileLock(workspace.stateDirectory, path, async () => {
    const read = identityOf(path);
    const old = acceptance === undefined ? await workspace.ring() : await workspace.anyRing();
    const ring = await change(old);
    writeDurably({ path, bytes: Buffer.from(ring.print()), mode: RING_MODE, expected: read ?? 'absent' });
    await raiseFloor(workspace.stateDirectory, ring.version, acceptance?.(old));
    return ring;
  });
}

/** Writes a ring that did not exist. @throws LockfastError `exists`, `write-failed` */
export async function writeNewRing(path: string, ring: KeyRing, stateDirectory: string): Promise<void> {
  await withFileLock(stateDirectory, path, () => writeDurably({ path, bytes: Buffer.from(ring.print()), mode: RING_MODE, expected: 'absent' }));
  await raiseFloor(stateDirectory, ring.version);
}
