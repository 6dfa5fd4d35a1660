/** Where the guard key comes from: a variable, a file of this account, or the guard file itself where the key ring opens. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { ensureDirectory, readRegularFile, withFileLock, writeDurably } from '@lockfast/core/files';
import { lengthPrefixed } from '@lockfast/core/formats';
import type { KeyRing } from '@lockfast/core/keyring';
import { LockfastError } from '@lockfast/core/errors';
import { GuardKey, type ReadGuardFile } from '@lockfast/guard';

import type { Session } from '../session.ts';

export const GUARD_KEY_VARIABLE = 'LOCKFAST_GUARD_KEY';

/** Outside of every repository: beside the guard file, it would let whoever has a clone try values out. */
export function guardKeyPath({ environment, home }: Session, id: string): string {
  const config = environment['XDG_CONFIG_HOME'];
  return join(config !== undefined && config.startsWith('/') ? config : join(home, '.config'), 'lockfast/guard', `${id}.key`);
}

/** undefined where neither variable nor file has it. @throws LockfastError `invalid-key`, `permission-denied`, `read-failed` */
export function nearGuardKey(id: string, session: Session): GuardKey | undefined {
  const given = session.environment[GUARD_KEY_VARIABLE];
  if (given !== undefined && given !== '') return GuardKey.parse(given, GUARD_KEY_VARIABLE);
  const path = guardKeyPath(session, id);
  if (!existsSync(path)) return undefined;
  const { bytes } = readRegularFile(path, 'follow', 4096);
  try {
    return GuardKey.parse(bytes.toString('latin1'), path);
  } finally {
    bytes.fill(0);
  }
}

/** The one that is wrapped in the file; undefined where this ring did not wrap it. */
export function wrappedGuardKey({ id, wrapped }: Pick<ReadGuardFile, 'id' | 'wrapped'>, ring: KeyRing): GuardKey | undefined {
  if (wrapped === null) return undefined;
  try {
    return new GuardKey(ring.unwrapForLedger(wrapped, binding(id)));
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    return undefined; // the ring's own key is another one since: `guard update` wraps it anew
  }
}

export function wrapGuardKey(key: GuardKey, id: string, ring: KeyRing): string {
  return ring.wrapForLedger(key.secret, binding(id));
}

/** @throws LockfastError `write-failed`, `permission-denied` */
export async function keepGuardKey(key: GuardKey, id: string, session: Session, stateDirectory: string): Promise<string> {
  const path = guardKeyPath(session, id);
  ensureDirectory(join(path, '..'));
  await withFileLock(stateDirectory, path, () => writeDurably({ path, bytes: Buffer.from(`${key.print()}\n`), mode: 0o600, expected: 'anything' }));
  return path;
}

function binding(id: string): Buffer {
  return lengthPrefixed(['lockfast/guard-key', id]);
}
