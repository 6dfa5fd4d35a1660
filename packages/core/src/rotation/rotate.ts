/**
 * Rotation of the data key over many env files. The order is what keeps everything readable: the new key is durable and on
 * record before the first byte is encrypted with it; each file is replaced by compare-and-swap on the bytes that were read;
 * the old key goes on decrypting; at the end every file is decrypted from the disk as proof.
 *
 * Killed at any point, the next run finds the open record and finishes. What is left to do it reads from the files.
 */
import { audited } from '../audited.ts';
import { readEnvFile, readHeader, reencryptFiles, writtenRevision } from '../env/index.ts';
import { LockfastError } from '../errors.ts';
import { shownPath } from '../files/shown-path.ts';
import type { KeyId } from '../formats/key-id.ts';
import type { KeyRing } from '../keyring/key-ring.ts';
import type { KeyRecord } from '../keyring/ring-document.ts';
import type { AuditEvent, AuditSink, Clock } from '../ports.ts';
import { KeptFiles } from './kept-files.ts';
import { newRotationId, RECORD_FORMAT, type RootChange, type RotatedKey, type RotationRecord, refuseForgedRotation, type UnfinishedFile, writeRotation } from './rotation-record.ts';

/** One encrypted env file, and whose it is. */
export interface RotationFile {
  /** Absolute. */
  readonly path: string;
  /** Empty for a file that belongs to no tenant. */
  readonly tenant: string;
}

/** The key ring where it is kept. */
export interface RingHolder {
  /** As it is on the disk now. */
  read(): Promise<KeyRing>;
  /** Changes it; durable when the promise resolves. */
  change(change: (ring: KeyRing) => KeyRing | Promise<KeyRing>): Promise<KeyRing>;
}

/** What the rotation of a root key adds: two changes of the ring, each of which may find that it was done before. */
export interface RootSteps {
  /**
   * Makes the new root key durable and lets it open the ring, beside the old one.
   *
   * @param remember seals the fingerprint of a new key into the record: before its file is there
   */
  open(ring: KeyRing, remember: (fingerprint: string) => Promise<void>): Promise<KeyRing>;
  /** Lets the old one open it no more. */
  close(ring: KeyRing): Promise<KeyRing>;
}

export interface RotationPlace {
  readonly ring: RingHolder;
  /** Which files there are: asked again at the end, for those that came meanwhile. */
  files(): readonly RotationFile[];
  /** Where the records are. */
  readonly records: string;
  /** Where the files as they were are kept. */
  readonly backups: string;
  readonly stateDirectory: string;
  readonly audit: AuditSink | undefined;
  readonly clock: Clock;
  /** When the next rotation will be due, by the ring after this one. */
  nextDue(ring: KeyRing): string;
  progress(done: number, total: number): void;
}

/** More names than these help nobody; the record has them all. */
const MOST_NAMES = 10;

/** How many files share one commit of the ledger and one sync of the backup. */
const BATCH = 64;

export interface RotationRequest {
  readonly reason: string | null;
  readonly actor: string;
  readonly backup: boolean;
  readonly root: RootChange | null;
}

/** A rotation as it is written down before anything happens. @throws LockfastError `missing-key` */
export function newRotation(ring: KeyRing, request: RotationRequest, clock: Clock): RotationRecord {
  return {
    format: RECORD_FORMAT,
    id: newRotationId(),
    status: 'initiated',
    environment: ring.environment,
    ...request,
    started: new Date(clock.now()).toISOString(),
    ended: null,
    durationMs: null,
    oldKey: keyOf(ring, ring.active().id),
    newKey: null,
    files: 0,
    unfinished: [],
    verified: null,
    nextDue: null,
    generation: ring.version.generation,
    seals: [],
  };
}

/**
 * Does a rotation, or goes on with one that was begun.
 *
 * @param root for a record with a root change
 * @returns the record, `completed`
 * @throws LockfastError `rotation-incomplete` when files could not be done, which the open record names; and what the
 *   ring, the ledger or the disk says. Then the rotation stays open.
 */
export async function rotate(record: RotationRecord, place: RotationPlace, root?: RootSteps): Promise<RotationRecord> {
  const event: AuditEvent = {
    operation: 'key-rotate',
    object: record.id,
    environment: record.environment,
    ...(record.reason === null ? {} : { reason: record.reason }),
    details: { fromKey: record.oldKey.id, fromFingerprint: record.oldKey.fingerprint, root: record.root !== null, resumed: record.status !== 'initiated', records: place.records },
  };
  return audited(place.audit, event, () => perform(record, place, root), outcomeOf);
}

async function perform(begun: RotationRecord, place: RotationPlace, root: RootSteps | undefined): Promise<RotationRecord> {
  const present = await place.ring.read();
  // One that was just planned has none: it comes from this process.
  if (begun.seals.length > 0) refuseForgedRotation(begun, present);
  if (begun.status === 'initiated') await write(begun, [present], place);
  const { record, ring } = await withNewKey(begun, place, root);
  const unfinished = await reencryptAll(record, ring, place);
  const { files, unproven } = await prove(record, ring, place);
  const left = [...unfinished, ...unproven.filter(({ path }) => !unfinished.some((one) => one.path === path))];
  if (left.length > 0) {
    await write({ ...record, files, unfinished: left, verified: false }, [ring], place);
    throw incomplete(left);
  }
  const last = root === undefined ? ring : await place.ring.change((now) => closeRoot(record, now, root, place));
  const ended = place.clock.now();
  const completed: RotationRecord = {
    ...record,
    status: 'completed',
    ended: new Date(ended).toISOString(),
    durationMs: Math.max(0, ended - Date.parse(record.started)),
    files,
    unfinished: [],
    verified: true,
    nextDue: place.nextDue(last),
  };
  return write(completed, [last], place);
}

/** The record is sealed for both rings before the new one is there: whichever a killed run leaves, the next one can go on. */
async function closeRoot(record: RotationRecord, ring: KeyRing, root: RootSteps, place: RotationPlace): Promise<KeyRing> {
  const closed = await root.close(ring);
  await write(record, [ring, closed], place);
  return closed;
}

/** The ring with the new key active. Each step finds out by itself whether a killed run did it. */
async function withNewKey(begun: RotationRecord, place: RotationPlace, root: RootSteps | undefined): Promise<{ readonly record: RotationRecord; readonly ring: KeyRing }> {
  let record = begun;
  const remember = async (ring: KeyRing, fingerprint: string): Promise<void> => {
    record = { ...record, root: { ...record.root!, fingerprint } };
    await write(record, [ring], place);
  };
  const opened = root === undefined ? await place.ring.read() : await place.ring.change((ring) => root.open(ring, (fingerprint) => remember(ring, fingerprint)));
  // A key that the ring does not have: an older ring was put back, and accepted.
  if (record.newKey === null || opened.keys.every(({ id }) => id !== record.newKey!.id)) {
    // A key that was staged ahead, so that every machine has it by now; or that of a run which was killed right here.
    const staged = stagedKey(opened) === undefined ? await place.ring.change((ring) => (stagedKey(ring) === undefined ? ring.withNewKey(place.clock) : ring)) : opened;
    record = { ...record, status: 'in-progress', newKey: keyOf(staged, stagedKey(staged)!.id) };
    await write(record, [staged], place);
  }
  const { id } = record.newKey!;
  const isStaged = (ring: KeyRing): boolean => ring.keys.some((key) => key.id === id && key.state === 'staged');
  const now = await place.ring.read();
  const ring = isStaged(now) ? await place.ring.change((one) => (isStaged(one) ? one.withActive(id, place.clock) : one)) : now;
  const active = ring.active().id;
  if (active === record.oldKey.id) {
    throw new LockfastError('conflict', `the rotation ${record.id} is away from the key ${active}, which is active again`, 'make another key active with `lockfast key create` and `lockfast key activate`, then run this again');
  }
  // Someone activated another key while the rotation was open: that is where the files go.
  if (active !== id) {
    record = { ...record, newKey: keyOf(ring, active) };
    await write(record, [ring], place);
  }
  return { record, ring };
}

async function reencryptAll(record: RotationRecord, ring: KeyRing, place: RotationPlace): Promise<UnfinishedFile[]> {
  const to = record.newKey!.id;
  const todo = place.files().filter(({ path }) => needsWork(path, ring, to));
  const kept = record.backup
    ? await KeptFiles.prepare(
        place.backups,
        { rotation: record.id, started: record.started, environment: record.environment, fromKey: record.oldKey.id, toKey: to },
        todo.map(({ path }) => path),
        place.stateDirectory,
      )
    : undefined;
  const unfinished: UnfinishedFile[] = [];
  for (let from = 0; from < todo.length; from += BATCH) {
    const batch = todo.slice(from, from + BATCH);
    const unkept = kept === undefined ? [] : keepAll(batch, kept);
    unfinished.push(...unkept);
    const names = new Set(unkept.map(({ path }) => path));
    unfinished.push(...(await reencryptBatch(batch.filter(({ path }) => !names.has(path)), record, ring, kept, place)));
    place.progress(Math.min(from + BATCH, todo.length), todo.length);
  }
  return unfinished;
}

/** Gives those that can't be kept, and so must stay as they are: one of them must not keep the others under an old key. */
function keepAll(batch: readonly RotationFile[], kept: KeptFiles): UnfinishedFile[] {
  const unkept: UnfinishedFile[] = [];
  for (const { path } of batch) {
    try {
      kept.keep(path);
    } catch (error) {
      if (!(error instanceof LockfastError)) throw error;
      unkept.push({ path, code: error.code });
    }
  }
  kept.sync();
  return unkept;
}

async function reencryptBatch(batch: readonly RotationFile[], record: RotationRecord, ring: KeyRing, kept: KeptFiles | undefined, place: RotationPlace): Promise<UnfinishedFile[]> {
  const { environment, oldKey, id } = record;
  const events = batch.map(({ path, tenant }) => ({ operation: 're-encrypt', object: path, tenant: tenant === '' ? undefined : tenant, environment, keyId: record.newKey!.id, details: { rotation: id } }));
  const intents = (await place.audit?.intend(events)) ?? [];
  const failures = await reencryptFiles(batch, { ring, stateDirectory: place.stateDirectory }, (target) => {
    // Somebody may have changed it since the batch was kept.
    if (kept?.keep(target) === true) kept.sync();
  });
  const codes = failures.map(codeOf);
  // One file that can't be done must not keep the others under an old key.
  batch.forEach(({ path }, i) => {
    if (codes[i] !== undefined) kept?.drop(path);
  });
  await place.audit?.conclude(intents.map((intent, i) => ({ intent, ...(codes[i] === undefined ? { outcome: 'success' as const } : { outcome: 'failure' as const, code: codes[i] }), details: { fromKey: oldKey.id, ...writtenRevision(batch[i]!.path) } })));
  return batch.flatMap(({ path }, i) => (codes[i] === undefined ? [] : [{ path, code: codes[i] }]));
}

/** Every file, read from the disk and decrypted, and under the new key. */
async function prove(record: RotationRecord, ring: KeyRing, place: RotationPlace): Promise<{ readonly files: number; readonly unproven: readonly UnfinishedFile[] }> {
  const unproven: UnfinishedFile[] = [];
  let files = 0;
  for (const { path, tenant } of place.files()) {
    try {
      const { header, entries } = readEnvFile(path, { ring, tenant });
      for (const { bytes } of entries) bytes.fill(0);
      // Written meanwhile by a program that had read the ring before.
      if (header.key !== record.newKey!.id || header.tenantSecret !== (ring.tenantSecretId(tenant) ?? null)) unproven.push({ path, code: 'conflict' });
      else files += 1;
    } catch (error) {
      if (!(error instanceof LockfastError)) throw error;
      // Files of other environments may stand in the same tree; they are none of this ring's.
      if (error.code !== 'wrong-environment') unproven.push({ path, code: error.code });
    }
  }
  return { files, unproven };
}

/** Whether a file is to be brought under the new key, undefined for one that is not made yet, or its tenant's own secret; one that can't be read is, so that it is named. */
export function needsWork(path: string, ring: KeyRing, to: KeyId | undefined): boolean {
  try {
    const { environment, key, tenant, tenantSecret } = readHeader(path);
    return environment === ring.environment && (key !== to || tenantSecret !== (ring.tenantSecretId(tenant) ?? null));
  } catch (error) {
    if (error instanceof LockfastError) return true;
    throw error;
  }
}

function stagedKey({ keys }: KeyRing): KeyRecord | undefined {
  return keys.findLast(({ state, compromised }) => state === 'staged' && compromised === null);
}

function keyOf({ keys }: KeyRing, id: KeyId): RotatedKey {
  const { fingerprint } = keys.find((key) => key.id === id)!;
  return { id, fingerprint };
}

async function write(record: RotationRecord, rings: readonly KeyRing[], { records, stateDirectory }: RotationPlace): Promise<RotationRecord> {
  return writeRotation(records, record, rings, stateDirectory);
}

function codeOf(failure: unknown): string | undefined {
  if (failure === undefined) return undefined;
  return failure instanceof LockfastError ? failure.code : 'internal';
}

function incomplete(left: readonly UnfinishedFile[]): LockfastError {
  const names = left.slice(0, MOST_NAMES).map(({ path, code }) => `${shownPath(path)} (${code})`);
  const more = left.length > names.length ? ` and ${left.length - names.length} more` : '';
  return new LockfastError(
    'rotation-incomplete',
    `the rotation is open: not under the new key yet: ${names.join(', ')}${more}; all other files are`,
    'mend or remove these files, then run `lockfast key rotate` again: it finishes what is left',
  );
}

function outcomeOf({ status, newKey, files, durationMs }: RotationRecord): { keyId?: string; details: NonNullable<AuditEvent['details']> } {
  return {
    ...(newKey === null ? {} : { keyId: newKey.id }),
    details: { status, files, ...(newKey === null ? {} : { toFingerprint: newKey.fingerprint }), ...(durationMs === null ? {} : { durationMs }) },
  };
}
