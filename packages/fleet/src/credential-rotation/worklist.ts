/**
 * What is left for people to do: credentials that only their issuer can replace, and old ones that are to be revoked there.
 * The second follow from the records of rotations; the first stand in a file beside these, until they are rotated or done.
 * It holds no secret.
 */
import { join } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { ensureDirectory, identityOf, readRegularFile, withFileLock, writeDurably } from '@lockfast/core/files';
import { newRotationId } from '@lockfast/core/rotation';

import type { CredentialRotation } from './record.ts';

const WORKLIST_FORMAT = 'lockfast-worklist/1';

export interface WorkItem {
  /** Of a revocation: that of its rotation. */
  readonly id: string;
  /** `rotate`: get a new value from its issuer. `revoke`: have the old one revoked there. */
  readonly what: 'rotate' | 'revoke';
  readonly name: string;
  /** `all`, `shared` or a tenant, as `secret rotate --scope` takes it. */
  readonly scope: string;
  /** Not before; ISO 8601, null for now. */
  readonly after: string | null;
  readonly added: string;
  readonly reason: string | null;
}

interface Worklist {
  readonly format: typeof WORKLIST_FORMAT;
  readonly items: readonly WorkItem[];
  /** Rotations whose old values are revoked. */
  readonly revoked: readonly string[];
}

/** What is open, the oldest first. @param rotations all records @throws LockfastError `damaged` */
export function openWork(records: string, rotations: readonly CredentialRotation[]): WorkItem[] {
  const { items, revoked } = read(records);
  const revocations = rotations
    .filter(({ id, status, revokeAfter }) => revokeAfter !== null && (status === 'completed' || status === 'partial') && !revoked.includes(id))
    .map(({ id, names, scope, revokeAfter, ended, started, reason }): WorkItem => ({ id, what: 'revoke', name: names.join(' '), scope, after: revokeAfter, added: ended ?? started, reason }));
  return [...items.filter((item) => !rotations.some((rotation) => hasDone(rotation, item))), ...revocations].toSorted((a, b) => (a.added < b.added ? -1 : 1));
}

/** Adds credentials to be rotated, but for those that are open already. @throws LockfastError `busy`, `damaged`, `write-failed` */
export async function addWork(records: string, stateDirectory: string, rotations: readonly CredentialRotation[], more: readonly Omit<WorkItem, 'id' | 'what' | 'after'>[]): Promise<void> {
  await change(records, stateDirectory, (list) => {
    const items = list.items.filter((item) => !rotations.some((rotation) => hasDone(rotation, item)));
    const fresh = more.filter(({ name, scope }) => !items.some((item) => item.name === name && item.scope === scope));
    return { ...list, items: [...items, ...fresh.map((one): WorkItem => ({ id: newRotationId(), what: 'rotate', after: null, ...one }))] };
  });
}

/** Takes one off the list. @throws LockfastError as {@link addWork} */
export async function finishWork(records: string, stateDirectory: string, { id, what }: WorkItem): Promise<void> {
  await change(records, stateDirectory, (list) => (what === 'revoke' ? { ...list, revoked: [...list.revoked, id] } : { ...list, items: list.items.filter((item) => item.id !== id) }));
}

/** Whether a later rotation gave it a new value. */
function hasDone({ status, names, scope, started }: CredentialRotation, item: WorkItem): boolean {
  return status === 'completed' && started >= item.added && names.includes(item.name) && (scope === 'all' || scope === item.scope);
}

async function change(records: string, stateDirectory: string, next: (list: Worklist) => Worklist): Promise<void> {
  ensureDirectory(records);
  const path = worklistFile(records);
  await withFileLock(stateDirectory, path, () => {
    writeDurably({ path, bytes: Buffer.from(`${JSON.stringify(next(read(records)), null, 2)}\n`), mode: 0o600, expected: 'anything' });
  });
}

function read(records: string): Worklist {
  const path = worklistFile(records);
  if (identityOf(path) === undefined) return { format: WORKLIST_FORMAT, items: [], revoked: [] };
  const text = readRegularFile(path, 'refuse').bytes.toString('utf8');
  try {
    const list = JSON.parse(text) as Worklist;
    const whole = list.format === WORKLIST_FORMAT && Array.isArray(list.revoked) && list.items.every(({ id, name, scope, added }) => [id, name, scope, added].every((member) => typeof member === 'string'));
    if (whole) return list;
  } catch {}
  throw new LockfastError('damaged', `${path} is damaged`, 'see `lockfast secret history` for what it came from, then remove it');
}

function worklistFile(records: string): string {
  return join(records, 'worklist.json');
}
