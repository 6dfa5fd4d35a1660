/**
 * Brings a new value to every file of a rotation and every service that they feed, the canary first; or everything back.
 *
 * What is done is read from the files, which can't be wrong about it; the journal knows of the services. So a run that was
 * killed at any point goes on: a file that has the new value already is not touched, a service whose restart is not known
 * to have ended well is restarted again.
 */
import { type Entry, type PreparedUpdate, type Update, updateEnvFiles, writtenRevision } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import type { KeyRing } from '@lockfast/core/keyring';
import type { AuditEvent } from '@lockfast/core/ports';
import type { KeptFiles } from '@lockfast/core/rotation';

import { withValue } from './assignments.ts';
import type { Journal } from './journal.ts';
import { type CredentialPlace, isOfNewerRing } from './place.ts';
import type { CredentialRotation, RotatedFile, RotatedService, RotationFailure } from './record.ts';
import { rollBack } from './roll-back.ts';
import { fileEvent, hasNewValue, isAsWritten, keptFilesOf } from './rotated-files.ts';
import { inParallel, restartUntilWell, WellServices } from './services.ts';

/** How many files share one commit of the ledger and one sync of the backup. */
const BATCH = 64;

/** A step that could not be done: it turns the rotation round, and is no error yet. */
class Refusal extends Error {
  readonly failure: RotationFailure;

  constructor(failure: RotationFailure) {
    super(failure.why);
    this.failure = failure;
  }
}

/**
 * Does a rotation that {@link Journal.begin} wrote down, or goes on with one.
 *
 * @param resumed whether another run may have done a part of it
 * @param prepared what `examine` made of the files
 * @returns the record at its end: `completed`, `partial`, `rolled-back` or `failed`
 * @throws LockfastError when neither forward nor back is possible, as without the ledger: then it stays open
 */
export async function rotateCredential(journal: Journal, place: CredentialPlace, resumed: boolean, prepared: ReadonlyMap<string, PreparedUpdate> = new Map()): Promise<CredentialRotation> {
  if (journal.record.status === 'rolling-back') return rollBack(journal, place);
  try {
    await forward(journal, place, resumed, prepared);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    place.told({ kind: 'rolling-back', why: error.message });
    journal.update({ status: 'rolling-back', failures: [...journal.record.failures, error.failure] });
    return rollBack(journal, place);
  }
  const { record } = journal;
  const ended = place.clock.now();
  journal.update({
    status: record.failures.length === 0 ? 'completed' : 'partial',
    ended: new Date(ended).toISOString(),
    durationMs: Math.max(0, ended - Date.parse(record.started)),
    revokeAfter: record.graceMs === null ? null : new Date(ended + record.graceMs).toISOString(),
  });
  return journal.record;
}

async function forward(journal: Journal, place: CredentialPlace, resumed: boolean, prepared: ReadonlyMap<string, PreparedUpdate>): Promise<void> {
  const { record } = journal;
  const kept = await keptFilesOf(record, place);
  const writing = new Writing(journal, place, kept, resumed, prepared);
  const [first, ...others] = inOrder(record);
  if (first !== undefined) await writing.service(first);
  await inParallel(others, record.parallel, (service) => writing.service(service));
  await writing.rest();
  await prove(journal, place, writing.digests);
  await writing.refuseLost();
}

/** Those that ran, the canary first; what did not run is not started. */
function inOrder({ services, canary }: CredentialRotation): RotatedService[] {
  const up = services.filter(({ was }) => was === 'up');
  return [...up.filter(({ tenant }) => tenant === canary), ...up.filter(({ tenant }) => tenant !== canary)];
}

/** Writes files when they are needed, each once. */
class Writing {
  readonly #journal: Journal;
  readonly #place: CredentialPlace;
  readonly #kept: KeptFiles;
  readonly #resumed: boolean;
  readonly #prepared: ReadonlyMap<string, PreparedUpdate>;
  /** By path: SHA-256 of what was written there, which was proven to open before. */
  readonly digests = new Map<string, Buffer>();
  readonly #written = new Map<string, Promise<void>>();
  readonly #failed = new Set<string>();
  readonly #well: WellServices | undefined;
  #done = 0;

  constructor(journal: Journal, place: CredentialPlace, kept: KeptFiles, resumed: boolean, prepared: ReadonlyMap<string, PreparedUpdate>) {
    this.#journal = journal;
    this.#place = place;
    this.#kept = kept;
    this.#resumed = resumed;
    this.#prepared = prepared;
    this.#well = place.manager === undefined ? undefined : new WellServices(place.manager);
  }

  /** The files that feed a service, then the service. With --keep-going it is noted, and nothing turns round. */
  async service(service: RotatedService): Promise<void> {
    const { unit, state } = service;
    await this.refuseLost();
    const fed = this.#journal.record.files.filter(({ path }) => service.files.includes(path));
    await Promise.all(fed.map((file) => this.#once(file)));
    if (fed.some(({ path }) => this.#failed.has(path))) return;
    // Of a run that was killed, its restart is known to have ended well.
    if (state === 'well' || (await restartUntilWell(service, 'forward', this.#journal, this.#place))) {
      await this.#well!.add(unit);
      return;
    }
    const { why, tenant } = this.#journal.record.services.find((one) => one.unit === unit)!;
    this.#refuse({ what: unit, tenant, code: 'service-failed', why: `${unit}: ${why!}` });
  }

  /** One that took the new value and failed after all turns the rotation round as well. */
  async refuseLost(): Promise<void> {
    for (const { unit, why } of (await this.#well?.lost()) ?? []) {
      const known = this.#journal.record.services.find((one) => one.unit === unit)!;
      if (known.state === 'unwell') continue;
      this.#journal.service(unit, { state: 'unwell', why });
      this.#refuse({ what: unit, tenant: known.tenant, code: 'service-failed', why: `${unit}: ${why}` });
    }
  }

  /** All files that no service needed. */
  async rest(): Promise<void> {
    const left = this.#journal.record.files.filter(({ path }) => !this.#written.has(path));
    for (let from = 0; from < left.length; from += BATCH) await this.#write(left.slice(from, from + BATCH));
  }

  async #once(file: RotatedFile): Promise<void> {
    let written = this.#written.get(file.path);
    if (written === undefined) {
      written = this.#write([file]);
      this.#written.set(file.path, written);
    }
    await written;
  }

  async #write(batch: readonly RotatedFile[]): Promise<void> {
    const { record } = this.#journal;
    const events = batch.map((file): AuditEvent => fileEvent(file, record, false));
    const intents = (await this.#place.audit?.intend(events)) ?? [];
    const failures = await this.#writeBatch(batch);
    await this.#place.audit?.conclude(intents.map((intent, i) => (failures[i] === undefined ? { intent, outcome: 'success' as const, keyId: this.#place.ring().active().id, details: writtenRevision(batch[i]!.path) } : { intent, outcome: 'failure' as const, code: failures[i].code })));
    this.#done += batch.length;
    this.#place.told({ kind: 'files', done: this.#done, total: record.files.length });
    for (const failure of failures) {
      if (failure === undefined) continue;
      this.#failed.add(failure.what);
      this.#refuse(failure);
    }
  }

  async #writeBatch(batch: readonly RotatedFile[]): Promise<(RotationFailure | undefined)[]> {
    const failures = new Map<RotatedFile, RotationFailure>();
    const failed = (file: RotatedFile, error: unknown): void => {
      if (!(error instanceof LockfastError)) throw error;
      failures.set(file, { what: file.path, tenant: file.tenant, code: error.code, why: error.message });
    };
    const left: RotatedFile[] = [];
    for (const file of batch) {
      try {
        // A copy that was kept is of before the new value, and must stay so.
        if (this.#resumed && (await hasNewValue(file, this.#journal, this.#place))) continue;
        this.#kept.keep(file.path);
        left.push(file);
      } catch (error) {
        failed(file, error);
      }
    }
    this.#kept.sync();
    const updates = await this.#writeAll(left);
    left.forEach((file, i) => {
      const { failure, sha256 } = updates[i]!;
      if (sha256 === undefined) failed(file, failure);
      else this.digests.set(file.path, sha256);
    });
    return batch.map((file) => failures.get(file));
  }

  /** Those that a newer key ring wrote once more, under that. */
  async #writeAll(files: readonly RotatedFile[]): Promise<readonly Update[]> {
    const ring = this.#place.ring();
    const updates = await this.#writeUnder(ring, files);
    const newer = files.filter((_, i) => isOfNewerRing(updates[i]!.failure));
    if (newer.length === 0) return updates;
    const fresh = await this.#place.freshRing();
    if (fresh.version.generation <= ring.version.generation) return updates;
    const again = await this.#writeUnder(fresh, newer);
    return files.map((file, i) => again[newer.indexOf(file)] ?? updates[i]!);
  }

  /** Only the rotation's variables change, in the file as it is now: what somebody else edited meanwhile stays. */
  async #writeUnder(ring: KeyRing, files: readonly RotatedFile[]): Promise<readonly Update[]> {
    const { stateDirectory } = this.#place;
    const { dialect } = this.#journal.record;
    return updateEnvFiles(
      files,
      { ring, stateDirectory },
      ({ names }, entries) => names.reduce<readonly Entry[]>((changed, name) => withValue(changed, name, this.#journal.value(name), dialect), entries),
      this.#prepared,
      (path) => {
        // Somebody may have changed it since the batch was kept.
        if (this.#kept.keep(path)) this.#kept.sync();
      },
    );
  }

  #refuse(failure: RotationFailure): void {
    const { keepGoing, failures } = this.#journal.record;
    if (!keepGoing) throw new Refusal(failure);
    if (!failures.some(({ what }) => what === failure.what)) this.#journal.update({ failures: [...failures, failure] });
  }
}

/**
 * At the end every file is read again: a service that writes its own env file back may have undone it. One that still is,
 * byte for byte, what was written opens as it did before; any other one is decrypted.
 *
 * @param digests of what was written, by path
 */
async function prove(journal: Journal, place: CredentialPlace, digests: ReadonlyMap<string, Buffer>): Promise<void> {
  const known = new Set(journal.record.failures.map(({ what }) => what));
  for (const file of journal.record.files) {
    if (known.has(file.path)) continue;
    let failure: RotationFailure | undefined;
    try {
      const proven = isAsWritten(file, digests.get(file.path)) || (await hasNewValue(file, journal, place));
      if (!proven) failure = { what: file.path, tenant: file.tenant, code: 'conflict', why: `${file.path} was changed by somebody else while its value was rotated` };
    } catch (error) {
      if (!(error instanceof LockfastError)) throw error;
      failure = { what: file.path, tenant: file.tenant, code: error.code, why: error.message };
    }
    if (failure === undefined) continue;
    if (!journal.record.keepGoing) throw new Refusal(failure);
    journal.update({ failures: [...journal.record.failures, failure] });
  }
}
