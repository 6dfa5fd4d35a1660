import { randomBytes } from 'node:crypto';
import { dirname, relative } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { ensureDirectory, identityOf, withFileLock, writeDurably } from '@lockfast/core/files';
import { readableId } from '@lockfast/core/formats';
import type { KeyRing } from '@lockfast/core/keyring';
import { type GuardFile, GuardKey, printGuardFile, type ReadGuardFile, updatedGuardFile } from '@lockfast/guard';

import type { Arguments } from '../arguments.ts';
import type { Session } from '../session.ts';
import { counted } from '../terminal.ts';
import { Workspace } from '../workspace.ts';
import { GUARD_KEY_VARIABLE, guardKeyPath, keepGuardKey, nearGuardKey, wrapGuardKey, wrappedGuardKey } from './guard-key-file.ts';
import { openValues } from './open-values.ts';
import { readGuardFile } from './value-source.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const { environment, guard: settings } = workspace.configuration;
  const { values, missed } = await openValues(workspace, 'guard-update');
  // A value of a file that was not read would be taken for one that is gone.
  if (missed.length > 0) throw new LockfastError('read-failed', `${missed[0]!.file} was not read: ${missed[0]!.why}`, 'the guard file was left alone: make every env file readable, and run it again');
  const ring = await workspace.ring();
  const path = settings.file;
  ensureDirectory(dirname(path));
  const result = await withFileLock(workspace.stateDirectory, path, async () => {
    const { file, key, isNew } = begun(args.flag('new-key') ? undefined : readGuardFile({ settings }), environment, ring, session);
    const keyFile = isNew || identityOf(guardKeyPath(session, file.id)) === undefined ? await keepGuardKey(key, file.id, session, workspace.stateDirectory) : guardKeyPath(session, file.id);
    const wrapped = wrappedGuardKey(file, ring) === undefined ? wrapGuardKey(key, file.id, ring) : file.wrapped;
    const updated = updatedGuardFile({ ...file, wrapped }, values, key, new Date().toISOString().slice(0, 10));
    writeDurably({ path, bytes: Buffer.from(printGuardFile(updated.file, key)), mode: 0o644, expected: 'anything' });
    return { ...updated, keyFile };
  });
  const { file, report, keyFile } = result;
  const live = file.values.filter(({ state }) => state === 'live').length;
  await (await workspace.audit())?.record({ operation: 'guard-update', object: path, environment, outcome: 'success', details: { live, added: report.added.length, retired: report.retired.length, unguardable: file.unguardable.length } });
  if (args.flag('json')) session.terminal.json({ ok: true, file: path, id: file.id, keyFile, live, ...report, unguardable: file.unguardable });
  else {
    session.terminal.line(`${relative(session.directory, path)}: ${counted(live, 'value')}, ${report.added.length} new, ${report.retired.length} retired; commit it`);
    session.terminal.line(`its key: ${keyFile}; never commit it, and give a CI its text as ${GUARD_KEY_VARIABLE}`);
    for (const { tenant, variable, why } of file.unguardable) session.terminal.note(`not guardable: ${tenant === '' ? '' : `${tenant} `}${variable}: ${why}`);
  }
  return 0;
}

/** The file and the key to go on with, or new ones. @throws LockfastError `missing-key`, `wrong-key` */
function begun(read: ReadGuardFile | undefined, environment: string, ring: KeyRing, session: Session): { readonly file: GuardFile; readonly key: GuardKey; readonly isNew: boolean } {
  if (read === undefined) return { file: { id: newId(), environment, wrapped: null, values: [], unguardable: [] }, key: GuardKey.random(), isNew: true };
  const key = wrappedGuardKey(read, ring) ?? nearGuardKey(read.id, session);
  if (key !== undefined) return { file: read.proven(key), key, isNew: false };
  throw new LockfastError('missing-key', `the key of the guard file ${read.id} is not on this machine, and this key ring did not wrap it`, 'run it where that key is; or begin anew, without the values of before: lockfast guard update --new-key');
}

/** 80 random bits in base32. */
function newId(): string {
  return readableId(randomBytes(16));
}
