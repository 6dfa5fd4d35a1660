/** Back to the value before: first every file, then every service that may have seen the new one. */
import { type Entry, readEnvFile, updateEnvFile, writtenRevision } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { withFileLock } from '@lockfast/core/files';

import { valuesOf, withLinesOf } from './assignments.ts';
import type { Journal } from './journal.ts';
import { type CredentialPlace, underRing } from './place.ts';
import type { CredentialRotation, RotatedFile, RotatedService, RotationFailure } from './record.ts';
import { areNew, fileEvent, keptCopies, openRotated } from './rotated-files.ts';
import { inParallel, restartUntilWell } from './services.ts';

/**
 * Goes back, whatever stands in the way of one file or service: the others are put back all the same.
 *
 * @returns the record at its end, `rolled-back`, or `failed` with what could not be put back
 * @throws LockfastError `ledger-unavailable`, `write-failed` of the journal: then it stays open
 */
export async function rollBack(journal: Journal, place: CredentialPlace): Promise<CredentialRotation> {
  const failures: RotationFailure[] = [];
  const overwrite = journal.record.orderedBack?.overwrite ?? false;
  const copies = keptCopies(journal.record, place.backups);
  for (const file of journal.record.files) {
    const copy = copies.get(file.path);
    // Without a copy nothing was written.
    if (copy === undefined) continue;
    const failure = await putBack(file, copy, journal, place, overwrite);
    if (failure !== undefined) failures.push(failure);
  }
  await inParallel(await touched(journal.record, place), journal.record.parallel, async (service) => {
    if (await restartUntilWell(service, 'back', journal, place)) return;
    const { why } = journal.record.services.find(({ unit }) => unit === service.unit)!;
    failures.push({ what: service.unit, tenant: service.tenant, code: 'service-failed', why: `${service.unit}: ${why!}, with the value before, too` });
  });
  const ended = place.clock.now();
  journal.update({
    status: failures.length === 0 ? 'rolled-back' : 'failed',
    ended: new Date(ended).toISOString(),
    durationMs: Math.max(0, ended - Date.parse(journal.record.orderedBack?.time ?? journal.record.started)),
    failures: [...journal.record.failures, ...failures],
  });
  return journal.record;
}

/**
 * Files that can't be rolled back as they are: their copy is gone, or somebody set the variable since.
 *
 * @throws LockfastError as `readEnvFile`
 */
export async function inTheWay(journal: Journal, place: CredentialPlace): Promise<{ readonly lost: readonly string[]; readonly changed: readonly string[] }> {
  const copies = keptCopies(journal.record, place.backups);
  const lost: string[] = [];
  const changed: string[] = [];
  for (const file of journal.record.files) {
    const copy = copies.get(file.path);
    if (copy === undefined) lost.push(file.path);
    else {
      const [now, before] = [await openRotated(file, place), await openRotated(file, place, copy)];
      if (file.names.some((name) => foundIn(now.entries, before.entries, name, journal) === 'other')) changed.push(file.path);
    }
  }
  return { lost, changed };
}

/** In one file. Only where the variable still has the rotation's value: a later one is somebody's purpose. */
async function putBack(file: RotatedFile, copy: string, journal: Journal, place: CredentialPlace, overwrite: boolean): Promise<RotationFailure | undefined> {
  const { path, tenant, names } = file;
  const [intent] = (await place.audit?.intend([fileEvent(file, journal.record, true)])) ?? [];
  let failure: RotationFailure | undefined;
  try {
    const { stateDirectory } = place;
    await underRing(place, (ring) =>
      withFileLock(stateDirectory, path, async () => {
        const before = readEnvFile(copy, { ring, tenant }, path).entries;
        await updateEnvFile(path, { ring, tenant, stateDirectory }, (entries) =>
          names.reduce<readonly Entry[]>((changed, name) => {
            const found = foundIn(changed, before, name, journal);
            if (found === 'before') return changed;
            const restored = found === 'new' || overwrite ? withLinesOf(before, changed, name) : undefined;
            if (restored !== undefined) return restored;
            throw new LockfastError('conflict', `${name} in ${path} was set by somebody else meanwhile, and was left so`, 'set it by hand with `lockfast env set`');
          }, entries),
        );
      }),
    );
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    failure = { what: path, tenant, code: error.code, why: error.message };
  }
  if (intent !== undefined) await place.audit!.conclude([failure === undefined ? { intent, outcome: 'success', keyId: place.ring().active().id, details: writtenRevision(path) } : { intent, outcome: 'failure', code: failure.code }]);
  return failure;
}

function foundIn(entries: readonly Entry[], before: readonly Entry[], name: string, journal: Journal): 'new' | 'before' | 'other' {
  const { dialect } = journal.record;
  if (areNew(entries, name, journal)) return 'new';
  const values = valuesOf(entries, name, dialect);
  const old = valuesOf(before, name, dialect);
  return old.length === values.length && old.every((value, i) => value === values[i]) ? 'before' : 'other';
}

/** Those that were restarted, and those that restarted themselves since: they read what stood in the file. */
async function touched({ services }: CredentialRotation, { manager }: CredentialPlace): Promise<RotatedService[]> {
  const left = services.filter(({ was, state }) => was === 'up' && state !== 'restored');
  if (left.length === 0 || manager === undefined) return [];
  const states = await manager.states(left.map(({ unit }) => unit));
  return left.filter(({ state, mainPid }, i) => state !== 'waiting' || states[i]!.mainPid !== mainPid);
}
