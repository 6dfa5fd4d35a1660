/**
 * The record of one rotation: `<directory>/<id>.json`, beside the key ring. While it is open it is the journal, too: what
 * is left to do is read from the files themselves, whose headers name their keys, so that no note can be wrong about it.
 */
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { LockfastError } from '../errors.ts';
import { ensureDirectory, readRegularFile, systemFailure, withFileLock, writeDurably } from '../files/index.ts';
import { sweepTempFiles } from '../files/temp-file.ts';
import { canonicalJson, type Json } from '../formats/canonical-json.ts';
import { isKeyId, type KeyId } from '../formats/key-id.ts';
import { lengthPrefixed } from '../formats/length-prefix.ts';
import { readableId } from '../formats/readable-id.ts';
import type { KeyRing } from '../keyring/key-ring.ts';

export const RECORD_FORMAT = 'lockfast-rotation/1';

/**
 * `initiated`: planned, nothing changed. `in-progress`: the new key is made. `completed`: all is under the new key, proven.
 * `failed`: given up before anything was encrypted.
 */
export type RotationStatus = 'initiated' | 'in-progress' | 'completed' | 'failed';

export interface RotatedKey {
  readonly id: KeyId;
  readonly fingerprint: string;
}

/** A root key that the rotation brings with it. */
export interface RootChange {
  /** The new key source's URI. */
  readonly source: string;
  /** Where its key is written, absolute; null when it was shown on a terminal. */
  readonly file: string | null;
  /** Of the key that was made for that file, sealed before the file was there; null until then, and without a file. */
  readonly fingerprint: string | null;
  /** The source that it takes the place of. */
  readonly replaces: string;
  /** Sources that could not be reached when it was planned, and go with the old root key. */
  readonly drops: readonly string[];
}

/** What could not be brought under the new key yet, and why. */
export interface UnfinishedFile {
  readonly path: string;
  readonly code: string;
}

export interface RotationRecord {
  readonly format: typeof RECORD_FORMAT;
  readonly id: string;
  readonly status: RotationStatus;
  readonly environment: string;
  readonly reason: string | null;
  /** Who started it. */
  readonly actor: string;
  /** ISO 8601, UTC, milliseconds. */
  readonly started: string;
  readonly ended: string | null;
  readonly durationMs: number | null;
  readonly oldKey: RotatedKey;
  readonly newKey: RotatedKey | null;
  readonly root: RootChange | null;
  /** Whether the files as they were are kept. */
  readonly backup: boolean;
  /** How many files are under the new key. */
  readonly files: number;
  readonly unfinished: readonly UnfinishedFile[];
  /** Whether at the end every file was decrypted from the disk. */
  readonly verified: boolean | null;
  readonly nextDue: string | null;
  /** The generation of the ring when it was planned. */
  readonly generation: number;
  /** Made by who held the ring, of all members before: one, or two while the ring gets another own key. */
  readonly seals: readonly string[];
}

/** Ten characters of `a-z2-7`: 50 random bits, which a file's name can hold. */
export function newRotationId(): string {
  return readableId(randomBytes(10));
}

/** All records of the directory, the oldest first. @throws LockfastError `damaged` */
export function readRotations(directory: string): RotationRecord[] {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch {
    return [];
  }
  return names
    .filter((name) => /^[a-z2-7]{10}\.json$/.test(name))
    .map((name) => readRecord(join(directory, name)))
    .toSorted((a, b) => (a.started < b.started ? -1 : 1));
}

/** The rotation that was begun and not finished, if there is one. @throws LockfastError `damaged` */
export function openRotation(directory: string): RotationRecord | undefined {
  return readRotations(directory).find(({ status }) => status === 'initiated' || status === 'in-progress');
}

/**
 * Writes a record durably, over the one of the same id.
 *
 * @param rings under whose own keys it is sealed
 * @returns the record as it was written
 * @throws LockfastError `write-failed`, `busy`
 */
export async function writeRotation(directory: string, record: RotationRecord, rings: readonly KeyRing[], stateDirectory: string): Promise<RotationRecord> {
  ensureDirectory(directory);
  const path = join(directory, `${record.id}.json`);
  const sealed: RotationRecord = { ...record, seals: rings.map((ring) => ring.seal(bindingOf(record, ring))) };
  const bytes = Buffer.from(`${JSON.stringify(sealed, null, 2)}\n`);
  await withFileLock(stateDirectory, path, () => {
    if (record.status === 'initiated') sweepRecords(directory);
    writeDurably({ path, bytes, mode: 0o600, expected: 'anything' });
  });
  return sealed;
}

/**
 * Refuses to go on with a record that nobody wrote who held this ring: it says which root key shall open the ring, and going
 * on with it asks nobody again. One that was true once, and was put back later, is refused as well.
 *
 * @throws LockfastError `tampered`, `conflict`
 */
export function refuseForgedRotation(record: RotationRecord, ring: KeyRing): void {
  const binding = bindingOf(record, ring);
  if (!record.seals.some((seal) => ring.isSealed(seal, binding))) {
    throw new LockfastError('tampered', `the record of the rotation ${record.id} was not written with this key ring`, 'find out who put it there; move it away, then run `lockfast key rotate` again');
  }
  const state = ring.keys.find(({ id }) => id === record.newKey?.id)?.state;
  const overtaken = record.newKey === null ? ring.version.generation > record.generation + MOST_OWN_STEPS : record.root !== null && state !== 'staged' && state !== 'active';
  if (overtaken) {
    throw new LockfastError('conflict', `the rotation ${record.id} was overtaken: the key ring has changed since`, 'move its record away, then run `lockfast key rotate` again');
  }
}

/** Versions of the ring that a rotation makes before its record names the new key: for the new root key, and for the new key. */
const MOST_OWN_STEPS = 2;

function bindingOf(record: RotationRecord, { version: { ring } }: KeyRing): Buffer {
  const { seals: _, ...rest } = record;
  return lengthPrefixed(['lockfast/rotation', ring, canonicalJson(rest as unknown as Json)]);
}

/** What runs left that were killed while they wrote their first record: no later run has that name. */
function sweepRecords(directory: string): void {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch (error) {
    throw systemFailure(error, `the directory ${directory} can not be listed`, 'write-failed');
  }
  for (const name of names) {
    const [, id] = /^\.([a-z2-7]{10})\.json\..*\.tmp$/.exec(name) ?? [];
    if (id !== undefined) sweepTempFiles(join(directory, `${id}.json`));
  }
}

function readRecord(path: string): RotationRecord {
  try {
    const record = JSON.parse(readRegularFile(path, 'refuse').bytes.toString('utf8')) as RotationRecord;
    const whole =
      record.format === RECORD_FORMAT && ['initiated', 'in-progress', 'completed', 'failed'].includes(record.status) && isRotatedKey(record.oldKey) && (record.newKey === null || isRotatedKey(record.newKey)) &&
      isSealList(record.seals);
    if (whole) {
      refuseUnnamedRoot(record, path);
      return record;
    }
  } catch (error) {
    if (error instanceof LockfastError) throw error;
  }
  // An open rotation that looked finished would leave files behind under the old key: better to stop.
  throw new LockfastError('damaged', `the rotation record ${path} is damaged`, 'see `lockfast ledger list --operation key-rotate` for what it said; move the file away, then run `lockfast key rotate` again');
}

/** What stands in the file of such a root key could be anybody's. Nothing is lost with the record: files and ring tell how far it came. */
function refuseUnnamedRoot({ status, root }: RotationRecord, path: string): void {
  const isOpen = status === 'initiated' || status === 'in-progress';
  const fingerprint = root?.fingerprint;
  if (!isOpen || (root ?? null) === null || fingerprint === null || typeof fingerprint === 'string') return;
  throw new LockfastError(
    'unsupported-format',
    `the record ${path} does not say which root key its rotation made: an earlier version of Lockfast wrote it`,
    'move the record away, keep every root key file, then run `lockfast key rotate --root --new-key-out` with another file',
  );
}

function isSealList(seals: unknown): boolean {
  return Array.isArray(seals) && seals.length > 0 && seals.length <= 2 && seals.every((seal) => typeof seal === 'string');
}

function isRotatedKey(key: RotatedKey | null | undefined): boolean {
  return typeof key === 'object' && key !== null && isKeyId(key.id) && typeof key.fingerprint === 'string';
}
