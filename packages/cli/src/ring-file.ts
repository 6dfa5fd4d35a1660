import { statSync } from 'node:fs';

import { audited } from '@lockfast/core/audited';
import { type Expected, identityOf, withFileLock, writeDurably } from '@lockfast/core/files';
import type { KeyRing } from '@lockfast/core/keyring';
import type { AuditEvent } from '@lockfast/core/ports';

import { type Acceptance, raiseFloor } from './ring-floors.ts';
import type { Workspace } from './workspace.ts';

const RING_MODE = 0o600;

/**
 * Opens the ring, changes it and writes it back, if nobody else did meanwhile; on record, with a checkpoint of the ledger
 * at the end, which the witnesses get. The new ring is durable when this returns: only then may anything be encrypted under a new key.
 *
 * @param event what the ledger says of it; the environment is the ring's
 * @throws LockfastError `conflict`, `busy`, `write-failed`, `ledger-unavailable`, and as `Workspace.ring`
 */
export async function changeRing(
  workspace: Workspace,
  event: AuditEvent,
  change: (ring: KeyRing) => KeyRing | Promise<KeyRing>,
  acceptance?: (old: KeyRing) => Acceptance,
): Promise<KeyRing> {
  let before: ReadonlySet<string> = new Set();
  const noted = (old: KeyRing): KeyRing | Promise<KeyRing> => {
    before = new Set([...old.keys, ...old.indexKeys].map(({ id }) => id));
    return change(old);
  };
  const changed = await audited(
    await workspace.audit(),
    { ...event, environment: workspace.configuration.environment },
    () => replaceRing(workspace, noted, acceptance),
    (ring) => ({ details: { generation: ring.version.generation }, keyId: event.keyId ?? [...ring.keys, ...ring.indexKeys].find(({ id }) => !before.has(id))?.id }),
  );
  await workspace.signKeyChange(changed);
  return changed;
}

/** As {@link changeRing}, without a record of its own: for one step of something that is on record as a whole. A ring that is given back as it was is not written. */
export async function replaceRing(workspace: Workspace, change: (ring: KeyRing) => KeyRing | Promise<KeyRing>, acceptance?: (old: KeyRing) => Acceptance): Promise<KeyRing> {
  const path = workspace.configuration.keyring;
  return withFileLock(workspace.stateDirectory, path, async () => {
    const read = identityOf(path);
    const old = acceptance === undefined ? await workspace.freshRing() : await workspace.anyRing();
    const ring = await change(old);
    if (ring === old) return old;
    await placeRing(workspace, { path, stateDirectory: workspace.stateDirectory, opened: old, next: ring, expected: read ?? 'absent', acceptance: acceptance?.(old) });
    return ring;
  });
}

interface Placement {
  readonly path: string;
  readonly stateDirectory: string;
  /** What was opened: the ring that is there, or a backup of it. */
  readonly opened: KeyRing;
  /** What takes its place. */
  readonly next: KeyRing;
  /** What lies at the path now. */
  readonly expected: Expected;
  /** For a ring that is older than one that this machine has seen. */
  readonly acceptance?: Acceptance | undefined;
}

/**
 * Puts a ring in the place of another one, whose file keeps its owner. It is durable when this returns.
 *
 * @param workspace where there is a configuration already: its ledger learns of the ring's new key first
 * @throws LockfastError `conflict`, `exists`, `busy`, `write-failed`, `ledger-unavailable`
 */
export async function placeRing(workspace: Workspace | undefined, { path, stateDirectory, opened, next, expected, acceptance }: Placement): Promise<void> {
  await withFileLock(stateDirectory, path, async () => {
    // Before the ring: with neither, the ledger's checkpoints could not be signed any more.
    if (!haveOneOwnKey(opened, next)) await (await workspace?.ledger())?.rewrapSigner(opened, next);
    writeDurably({ path, bytes: Buffer.from(next.print()), mode: RING_MODE, owner: statSync(path, { throwIfNoEntry: false }), expected });
    workspace?.ringIs(next);
    await raiseFloor(stateDirectory, next.version, acceptance);
  });
}

function haveOneOwnKey(old: KeyRing, ring: KeyRing): boolean {
  const nothing = Buffer.alloc(0);
  return ring.isSealed(old.seal(nothing), nothing);
}

/** Writes a ring that did not exist. @throws LockfastError `exists`, `write-failed` */
export async function writeNewRing(path: string, ring: KeyRing, stateDirectory: string): Promise<void> {
  await withFileLock(stateDirectory, path, () => writeDurably({ path, bytes: Buffer.from(ring.print()), mode: RING_MODE, expected: 'absent' }));
  await raiseFloor(stateDirectory, ring.version);
}
