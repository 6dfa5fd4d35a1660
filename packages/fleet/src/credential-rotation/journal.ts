/**
 * The records of rotations on the disk. Each write is durable before it returns, and whole or not at all. Everything here
 * happens under the lock of one rotation at a time.
 */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { ensureDirectory, readRegularFile, withFileLock, writeDurably } from '@lockfast/core/files';
import { canonicalJson, type Json, lengthPrefixed } from '@lockfast/core/formats';
import type { KeyRing } from '@lockfast/core/keyring';

import { type CredentialRotation, RECORD_FORMAT, type RotatedService, SERVICE_STATES, STATUSES } from './record.ts';

/** Part of the key derivation: nothing of a journal decrypts as anything else. */
const PURPOSE = 'credential-rotation';
const NAME = /^([a-z2-7]{10})\.json$/;
const MOST_BYTES = 64 * 2 ** 20;

/** What the seal holds. Values only while they are needed; digests tell later whether a file still has them. */
interface Sealed {
  readonly values?: Readonly<Record<string, string>>;
  readonly digests: Readonly<Record<string, string>>;
}

/** All records of the directory, the oldest first. Not proven yet: see {@link Journal.open}. @throws LockfastError `damaged` */
export function readCredentialRotations(directory: string): CredentialRotation[] {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new LockfastError('permission-denied', `${directory} can not be listed`, 'run it as its owner', error);
  }
  return names
    .filter((name) => NAME.test(name))
    .map((name) => readRecord(join(directory, name)))
    .toSorted((a, b) => (a.started < b.started ? -1 : 1));
}

/** The rotation that was begun and is not at its end, if there is one. @throws LockfastError `damaged` */
export function openCredentialRotation(directory: string): CredentialRotation | undefined {
  return readCredentialRotations(directory).find(isOpenRotation);
}

export function isOpenRotation({ status }: CredentialRotation): boolean {
  return status === 'open' || status === 'rolling-back';
}

export class Journal {
  readonly #path: string;
  readonly #ring: () => KeyRing;
  #record: CredentialRotation;
  #sealed: Sealed;

  private constructor(path: string, record: CredentialRotation, sealed: Sealed, ring: () => KeyRing) {
    this.#path = path;
    this.#record = record;
    this.#sealed = sealed;
    this.#ring = ring;
  }

  /** Writes a new record. @param ring the present one, asked at each write @throws LockfastError `write-failed` */
  static async begin(directory: string, record: Omit<CredentialRotation, 'sealed'>, values: Readonly<Record<string, string>>, ring: () => KeyRing, stateDirectory: string): Promise<Journal> {
    ensureDirectory(directory);
    const digests = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, digestOf(record.id, name, value)]));
    const path = join(directory, `${record.id}.json`);
    const journal = new Journal(path, { ...record, sealed: '' }, { values, digests }, ring);
    // Sweeps what runs left that were killed at their first write.
    for (const left of readdirSync(directory)) {
      const [, id] = /^\.([a-z2-7]{10}\.json)\..*\.tmp$/.exec(left) ?? [];
      if (id !== undefined) await withFileLock(stateDirectory, join(directory, id), () => {});
    }
    journal.#write();
    return journal;
  }

  /**
   * Takes a record up again.
   *
   * @throws LockfastError `tampered` for one that nobody wrote who held this ring; `missing-key`, `key-not-usable`
   */
  static async open(directory: string, record: CredentialRotation, ring: () => KeyRing, stateDirectory: string): Promise<Journal> {
    const path = join(directory, `${record.id}.json`);
    const sealed = unseal(record, ring());
    return withFileLock(stateDirectory, path, () => new Journal(path, record, sealed, ring));
  }

  get record(): CredentialRotation {
    return this.#record;
  }

  /** @throws LockfastError `conflict` for a rotation that ended */
  value(name: string): string {
    const value = this.#sealed.values?.[name];
    if (value === undefined) throw new LockfastError('conflict', `the rotation ${this.#record.id} ended, and keeps no value`, 'start a new one');
    return value;
  }

  /** Whether this is the value that the rotation brings. */
  isNew(name: string, value: string): boolean {
    return this.#sealed.digests[name] === digestOf(this.#record.id, name, value);
  }

  update(change: Partial<Omit<CredentialRotation, 'format' | 'id' | 'sealed'>>): void {
    this.#record = { ...this.#record, ...change };
    // What ended needs its values no more: they stand in the files.
    if (!isOpenRotation(this.#record)) this.#sealed = { digests: this.#sealed.digests };
    this.#write();
  }

  service(unit: string, change: Partial<Pick<RotatedService, 'state' | 'why' | 'durationMs'>>): void {
    this.update({ services: this.#record.services.map((one) => (one.unit === unit ? { ...one, ...change } : one)) });
  }

  #write(): void {
    const ring = this.#ring();
    const place = placeOf(this.#record);
    const sealed = ring.cipher({ purpose: PURPOSE }).encrypt(JSON.stringify(this.#sealed), { place });
    this.#record = { ...this.#record, sealed };
    writeDurably({ path: this.#path, bytes: Buffer.from(`${JSON.stringify(this.#record, null, 2)}\n`), mode: 0o600, expected: 'anything' });
  }
}

/** Whether the holder of the ring wrote it so. False also where its key is gone. */
export function isProven(record: CredentialRotation, ring: KeyRing): boolean {
  try {
    unseal(record, ring);
    return true;
  } catch (error) {
    if (error instanceof LockfastError) return false;
    throw error;
  }
}

function unseal(record: CredentialRotation, ring: KeyRing): Sealed {
  try {
    return JSON.parse(ring.cipher({ purpose: PURPOSE }).decrypt(record.sealed, { place: placeOf(record) })) as Sealed;
  } catch (error) {
    if (error instanceof LockfastError && (error.code === 'missing-key' || error.code === 'key-not-usable')) throw error;
    throw new LockfastError('tampered', `the record of the rotation ${record.id} was not written so with this key ring`, 'find out who changed it; the files are whole: move the record away, then rotate again', error);
  }
}

/** Its id, and all of it but the seal. */
function placeOf(record: CredentialRotation): string[] {
  const { sealed: _, ...rest } = record;
  return [rest.id, createHash('sha256').update(canonicalJson(rest as unknown as Json)).digest('base64url')];
}

function digestOf(id: string, name: string, value: string): string {
  return createHash('sha256').update(lengthPrefixed([PURPOSE, id, name, value])).digest('base64url');
}

function readRecord(path: string): CredentialRotation {
  try {
    const record = JSON.parse(readRegularFile(path, 'refuse', MOST_BYTES).bytes.toString('utf8')) as CredentialRotation;
    if (isRecord(record) && path.endsWith(`/${record.id}.json`)) return record;
  } catch (error) {
    if (error instanceof LockfastError) throw error;
  }
  // One that is open and can't be read may have left a new value behind: better to stop.
  throw new LockfastError('damaged', `the rotation record ${path} is damaged`, 'see `lockfast ledger list --operation secret-rotate` for what it said; move the file away, then rotate again');
}

/** What is needed to go on with it, or to show it. That nobody else wrote it, its seal says. */
function isRecord(record: CredentialRotation): boolean {
  const { format, id, status, names, files, services, started, sealed, failures } = record;
  return (
    format === RECORD_FORMAT &&
    [id, started, sealed, record.scope, record.actor, record.dialect].every((text) => typeof text === 'string') &&
    STATUSES.includes(status) &&
    Array.isArray(names) &&
    Array.isArray(failures) &&
    Array.isArray(files) &&
    files.every(({ path, tenant }) => typeof path === 'string' && typeof tenant === 'string') &&
    Array.isArray(services) &&
    services.every(({ unit, state }) => typeof unit === 'string' && SERVICE_STATES.includes(state))
  );
}
