/** The steps in the life of an index key that change the key ring alone. */
import { LockfastError } from '@lockfast/core/errors';
import type { IndexKeyRecord, KeyRing } from '@lockfast/core/keyring';
import type { AuditEvent } from '@lockfast/core/ports';

import type { Arguments } from '../../arguments.ts';
import { requireRole } from '../../permission.ts';
import { reasonOf } from '../../reason.ts';
import { changeRing } from '../../ring-file.ts';
import type { Session } from '../../session.ts';
import { Workspace } from '../../workspace.ts';
import { chosenIndexes } from './chosen-indexes.ts';
import type { ConfiguredIndex } from './declared-indexes.ts';

export interface IndexKeyStep {
  readonly operation: 'index-key-create' | 'index-key-activate' | 'index-key-destroy';
  /** The state of the key that it is about; undefined where it is made. */
  readonly of: IndexKeyRecord['state'] | undefined;
  /** Throws where it is not meant, or not right. @param workspace to look at the rows */
  readonly before?: (index: ConfiguredIndex, ring: KeyRing, workspace: Workspace) => void | Promise<void>;
  /** What the record says beside it. */
  readonly facts?: Pick<AuditEvent, 'reason' | 'details'>;
  readonly change: (ring: KeyRing, id: string) => KeyRing;
  readonly next: (id: string) => string;
}

/** @throws LockfastError `not-permitted`, and as `changeRing` and the members of `step` */
export async function stepIndexKey(args: Arguments, session: Session, step: IndexKeyStep): Promise<number> {
  const workspace = new Workspace(args, session);
  const reason = reasonOf(args);
  const index = chosenIndexes(args, session, workspace.configuration)[0]!;
  const { id } = index;
  const asked = { operation: step.operation, object: id, ...(reason === undefined ? {} : { reason }), ...step.facts };
  await requireRole(workspace, session, 'admin', asked);
  const keyId = indexKeysOf(await workspace.ring(), id).find(({ state }) => state === step.of)?.id;
  const event = { ...asked, ...(keyId === undefined ? {} : { keyId }) };
  const before: IndexKeyRecord[] = [];
  const ring = await changeRing(workspace, event, async (old) => {
    before.push(...indexKeysOf(old, id));
    const changed = step.change(old, id);
    await step.before?.(index, old, workspace);
    return changed;
  });
  const changed = indexKeysOf(ring, id)
    .map((key) => ({ id: key.id, before: before.find((one) => one.id === key.id)?.state ?? null, after: key.state }))
    .filter((key) => key.before !== key.after);
  if (args.flag('json')) session.terminal.json({ index: id, changed, generation: ring.version.generation, next: step.next(id) });
  else session.terminal.line([...changed.map((key) => (key.before === null ? `${key.id}: created, ${key.after}` : `${key.id}: ${key.before} -> ${key.after}`)), `next: ${step.next(id)}`].join('; '));
  return 0;
}

/** Destroyed ones among them. */
export function indexKeysOf(ring: KeyRing, id: string): IndexKeyRecord[] {
  return ring.indexKeys.filter(({ index }) => index === id);
}

/** Whether the index has a key. */
export function hasKey(ring: KeyRing, id: string): boolean {
  return indexKeysOf(ring, id).some(({ state }) => state === 'current');
}

/** @throws LockfastError `no-such-key` where the index was never built */
export function refuseWithoutKey(ring: KeyRing, id: string): void {
  if (!hasKey(ring, id)) throw new LockfastError('no-such-key', `the blind index ${id} has no key yet`, `make its first one with \`lockfast column index build ${id}\``);
}
