/** What `guard install` changed, with what was there before: the record that `guard uninstall` goes by. */
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, readlinkSync, rmdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { ensureDirectory, shownPath, writeDurably } from '@lockfast/core/files';

import { withoutBlock } from './hook-text.ts';

export type Before = { readonly kind: 'absent' } | { readonly kind: 'file'; readonly bytes: string; readonly mode: number } | { readonly kind: 'link'; readonly target: string };

export interface FileEdit {
  readonly path: string;
  readonly before: Before;
  /** SHA-256 of what was written; of a link, of its target. */
  readonly after: string;
}

export interface SettingEdit {
  readonly name: string;
  readonly before: string | null;
  readonly after: string;
}

export interface InstallRecord {
  readonly files: readonly FileEdit[];
  readonly settings: readonly SettingEdit[];
}

export const NOTHING: InstallRecord = { files: [], settings: [] };

/** @throws LockfastError `malformed` */
export function readRecord(path: string): InstallRecord {
  if (!existsSync(path)) return NOTHING;
  try {
    const { files, settings } = JSON.parse(readFileSync(path, 'utf8')) as InstallRecord;
    if (Array.isArray(files) && Array.isArray(settings)) return { files, settings };
  } catch {}
  throw new LockfastError('malformed', `${shownPath(path)} is not what guard install wrote`, 'look at the hooks by hand, and remove that file');
}

export function writeRecord(path: string, record: InstallRecord): void {
  writeDurably({ path, bytes: Buffer.from(`${JSON.stringify(record, null, 2)}\n`), mode: 0o600, expected: 'anything' });
}

export function seen(path: string): Before {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return { kind: 'absent' };
  if (stats.isSymbolicLink()) return { kind: 'link', target: readlinkSync(path) };
  if (!stats.isFile()) throw new LockfastError('not-a-file', `${shownPath(path)} is no regular file`, 'move it away');
  return { kind: 'file', bytes: readFileSync(path).toString('base64'), mode: stats.mode & 0o7777 };
}

export function textOf(before: Before): string | undefined {
  return before.kind === 'file' ? Buffer.from(before.bytes, 'base64').toString('utf8') : undefined;
}

/** The digest of what stands there now; undefined for nothing. */
export function digestOf(state: Before): string | undefined {
  if (state.kind === 'absent') return undefined;
  return createHash('sha256').update(state.kind === 'link' ? `link ${state.target}` : Buffer.from(state.bytes, 'base64')).digest('hex');
}

/** Puts a file or a link there in place of whatever is. */
export function put(path: string, state: Before): void {
  const now = seen(path);
  if (state.kind === 'absent') {
    rmSync(path, { force: true });
    removeIfEmpty(dirname(path));
    return;
  }
  ensureDirectory(dirname(path));
  if (now.kind === 'link' || state.kind === 'link') rmSync(path, { force: true });
  if (state.kind === 'link') symlinkSync(state.target, path);
  else writeDurably({ path, bytes: Buffer.from(state.bytes, 'base64'), mode: state.mode, expected: 'anything' });
}

/** @returns why it was left as it is; undefined when it is as before */
export function takeBack({ path, before, after }: FileEdit): string | undefined {
  const now = seen(path);
  if (digestOf(now) === after) {
    put(path, before);
    return undefined;
  }
  if (digestOf(now) === digestOf(before)) return undefined;
  const rest = withoutBlock(textOf(now) ?? '');
  if (rest === undefined || now.kind !== 'file') return now.kind === 'absent' ? undefined : `${shownPath(path)} is another one by now: it was left alone`;
  put(path, { ...now, bytes: Buffer.from(rest).toString('base64') });
  return `${shownPath(path)} was changed since: our lines were taken out, the rest was left`;
}

/** Only the directory of chained scripts: hooks without any are git's own. */
function removeIfEmpty(directory: string): void {
  if (!directory.endsWith('lockfast.d')) return;
  try {
    rmdirSync(directory);
  } catch {}
}
