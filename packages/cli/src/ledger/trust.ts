/** What `ledger verify` knows beforehand, and not from the ledger itself. */
import { createSecretKey } from 'node:crypto';

import { LockfastError } from '@lockfast/core/errors';
import { readRegularFile } from '@lockfast/core/files';
import { openBackup } from '@lockfast/core/keyring';
import type { Surroundings } from '@lockfast/keys';
import { type EpochKey, heldBy, type HeldCheckpoint, knownCheckpointFile, type LedgerStore, originNumber, originOf, parseVerifierKey, provenSigners, readKnownCheckpoint, type VerifierKey } from '@lockfast/ledger';
import type { Witness } from '@lockfast/ledger/witnesses';

import { backupSource } from '../setup/recovery-backup.ts';
import type { Workspace } from '../workspace.ts';
import { stateOf, type WitnessState } from './witnesses.ts';

/** Whose signatures count, and of which ledger. */
export interface Pin {
  readonly logId: string;
  /** Raw. */
  readonly publicKeys: readonly Uint8Array[];
}

/** By a verifier key as `ledger witness list` prints it: its name is the origin. @throws LockfastError `usage` */
export function pinOf(text: string): Pin {
  const key = verifier(text, '--public-key');
  const logId = /^lockfast\.ledger\/([a-z2-7]{16})(?:\/[0-9]+)?$/.exec(key.name)?.[1];
  if (key.kind !== 'signature' || logId === undefined) throw new LockfastError('usage', 'ledger verify: --public-key is not the key of a ledger', 'copy it as `lockfast ledger witness list --json` prints it');
  return { logId, publicKeys: [key.publicKey] };
}

/** @throws LockfastError `usage` */
export function witnessKey(text: string): VerifierKey {
  const key = verifier(text, '--witness-key');
  if (key.kind !== 'cosignature') throw new LockfastError('usage', 'ledger verify: --witness-key is not the key of a witness', 'copy it as `lockfast ledger witness serve` prints it');
  return key;
}

/**
 * By the key ring: it wrapped the seeds of those who sign. What stands open in the ledger could be anybody's.
 *
 * @returns undefined where the ring does not open here
 */
export async function pinByRing(workspace: Workspace, store: LedgerStore): Promise<Pin | undefined> {
  try {
    const publicKeys = await provenSigners(store, await workspace.ring());
    return { logId: store.logId, publicKeys };
  } catch (error) {
    if (error instanceof LockfastError && error.code !== 'ledger-tampered' && error.code !== 'ledger-unavailable') return undefined;
    throw error;
  }
}

/** What this machine and the witnesses know of the ledger. A witness that fails is told, and the others are asked. */
export async function heldCheckpoints(
  logId: string,
  newestOrigin: string | undefined,
  stateDirectory: string,
  witnesses: readonly Witness[],
): Promise<{ readonly held: readonly HeldCheckpoint[]; readonly states: readonly WitnessState[] }> {
  const held: HeldCheckpoint[] = [];
  const known = readKnownCheckpoint(knownCheckpointFile(stateDirectory, logId));
  if (known !== undefined) held.push({ ...known, holder: 'the state directory', outOfReach: false });
  const last = Math.max(1, originNumber(newestOrigin ?? '', logId), originNumber(known?.origin ?? '', logId));
  const readable = witnesses.filter((witness) => witness.readable);
  const states = await Promise.all(
    readable.map((witness) =>
      stateOf(witness, async () => {
        let size: number | undefined;
        // One more than the ledger tells of: the end of the ledger that told of it may be what is missing.
        for (let number = 1; number <= last + 1; number += 1) {
          const note = await witness.newest(originOf(logId, number));
          if (note === undefined) continue;
          // On the ledger's disk it is a weak one, and its warning says so.
          const checkpoint = heldBy(witness.name, note, true);
          held.push(checkpoint);
          size = checkpoint.size;
        }
        return size;
      }),
    ),
  );
  return { held, states };
}

/** The key that a recovery backup keeps of this ledger. @throws LockfastError `usage` when it keeps none; as `openBackup` */
export async function epochKeyOf(path: string, passphraseFile: string | undefined, logId: string, around: Surroundings): Promise<EpochKey> {
  const backup = await openBackup(readRegularFile(path, 'follow').bytes.toString('utf8'), path, await backupSource(passphraseFile, around));
  const kept = backup.ledgerKey();
  if (kept?.log !== logId) {
    throw new LockfastError('usage', `${path} keeps no key of this ledger`, 'name a backup that was written after the ledger was made, or verify without --backup');
  }
  return { epoch: kept.epoch, key: kept.key.use((bytes) => createSecretKey(bytes)) };
}

function verifier(text: string, option: string): VerifierKey {
  try {
    return parseVerifierKey(text);
  } catch (error) {
    throw new LockfastError('usage', `ledger verify: ${option} is no verifier key, or was not copied whole`, 'it has the form NAME+ID+KEY', error);
  }
}
