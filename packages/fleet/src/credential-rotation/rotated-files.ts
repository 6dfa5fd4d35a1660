/** The files of a rotation: as they are now, and as they were kept. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';

import { type Entry, MOST_FILE_BYTES, type OpenedEnvFile, readEnvFile } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { identityOf, readRegularFile } from '@lockfast/core/files';
import type { AuditEvent } from '@lockfast/core/ports';
import { KeptFiles, type KeptManifest, MANIFEST_FORMAT } from '@lockfast/core/rotation';

import { valuesOf } from './assignments.ts';
import type { Journal } from './journal.ts';
import { type CredentialPlace, underRing } from './place.ts';
import type { CredentialRotation, RotatedFile } from './record.ts';

/** Read from the disk. @throws LockfastError as `readEnvFile` */
export async function openRotated({ path, tenant }: RotatedFile, place: CredentialPlace, from: string = path): Promise<OpenedEnvFile> {
  return underRing(place, (ring) => readEnvFile(from, { ring, tenant }));
}

/** Whether the disk has these very bytes. @param sha256 of what was written; undefined where nothing is known @throws LockfastError as `readRegularFile` */
export function isAsWritten({ path }: RotatedFile, sha256: Buffer | undefined): boolean {
  if (sha256 === undefined) return false;
  const { bytes } = readRegularFile(path, 'follow', MOST_FILE_BYTES);
  return createHash('sha256').update(bytes).digest().equals(sha256);
}

/** Whether each of its names has the rotation's value, as the disk has it. @throws LockfastError as `readEnvFile` */
export async function hasNewValue(file: RotatedFile, journal: Journal, place: CredentialPlace): Promise<boolean> {
  const { entries } = await openRotated(file, place);
  return file.names.every((name) => areNew(entries, name, journal));
}

/** Whether every assignment that counts has the rotation's value, and there is one. */
export function areNew(entries: readonly Entry[], name: string, journal: Journal): boolean {
  const values = valuesOf(entries, name, journal.record.dialect);
  return values.length > 0 && values.every((value) => journal.isNew(name, value));
}

/** What the ledger says of a change to one file. @param back whether the value before is put back */
export function fileEvent({ path, tenant, names }: RotatedFile, { id, environment }: CredentialRotation, back: boolean): AuditEvent {
  return { operation: 'encrypt', object: path, environment, ...(tenant === '' ? {} : { tenant }), details: { rotation: id, variable: names.join(' '), back } };
}

/** Prepares the place where the files of this rotation are kept as they were. @throws LockfastError `write-failed`, `damaged` */
export async function keptFilesOf({ id, started, environment, names, files }: CredentialRotation, place: CredentialPlace): Promise<KeptFiles> {
  const key = place.ring().active().id;
  const paths = files.map(({ path }) => path);
  return KeptFiles.prepare(place.backups, { rotation: id, started, environment, fromKey: key, toKey: key, variables: names }, paths, place.stateDirectory);
}

/** The copies that there are, by the path of what was kept. @throws LockfastError `damaged` */
export function keptCopies({ id }: CredentialRotation, backups: string): ReadonlyMap<string, string> {
  const directory = join(backups, id);
  const path = join(directory, 'manifest.json');
  if (identityOf(path) === undefined) return new Map();
  const text = readRegularFile(path, 'refuse').bytes.toString('utf8');
  try {
    const { format, files } = JSON.parse(text) as KeptManifest;
    // A name of the manifest's own making leads nowhere else.
    if (format === MANIFEST_FORMAT && files.every(({ backup }) => /^files\/[0-9]+$/.test(backup))) {
      return new Map(files.map((file): [string, string] => [file.path, join(directory, file.backup)]).filter(([, copy]) => identityOf(copy) !== undefined));
    }
  } catch {}
  throw new LockfastError('damaged', `${path} is damaged`, 'the files themselves are whole; set the variable by hand with `lockfast env set`');
}
