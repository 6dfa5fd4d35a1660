/**
 * What was changed in a `.env` while its service ran, and what becomes of it: encrypted, or kept aside encrypted, or, where
 * nothing can be encrypted, kept in memory until it can. On a disk it never stays in plaintext, and lost it never is.
 */
import { existsSync, lchownSync, lstatSync, mkdirSync, readdirSync, readlinkSync, rmdirSync, statSync, unlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { mergeEntries, printEntries, readHeader, splitEntries, updateEnvFile } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { type OpenedFile, readRegularFile, removeDurably } from '@lockfast/core/files';
import { readOpenedText, type Tenant } from '@lockfast/fleet';

import type { Terminal } from '../terminal.ts';
import type { Workspace } from '../workspace.ts';
import { emptyDirectory, memoryOwner, writeInMemory } from './memory.ts';
import { readLines } from './tenant-layers.ts';

/** The names in the runtime directory of a service. */
export const OPENED = '.env';
export const AS_OPENED = '.env.as-opened';

export interface Edit {
  readonly text: Buffer;
  /** As it was opened; undefined where that is not known any more. */
  readonly base: Buffer | undefined;
}

/** What answers to an edit that itself is the matter, and not keys, ledger or disk. */
const EDITS_OWN_FAULT: ReadonlySet<string> = new Set(['unreadable-env', 'merge-conflict', 'empty-file', 'root-key-in-env', 'already-encrypted', 'too-large', 'invalid-name']);

/** How an edit ended. `aside` and `in-memory` are for a person to look at. */
export type Settled = 'nothing' | 'encrypted' | 'aside' | 'in-memory';

/** @param openWorkspace opens it anew: without keys or configuration it throws, and that must not lose an edit */
export interface Settling {
  readonly tenant: Tenant;
  readonly openWorkspace: () => Workspace;
  /** Runs what touches keys, ledger and files with their keeper's rights. */
  readonly inKeeping: <T>(action: () => Promise<T>) => Promise<T>;
  readonly terminal: Terminal;
  readonly now: Date;
}

/** The file of the runtime directory, where it is other than it was opened. */
export function editInMemory(directory: string): Edit | undefined {
  const text = readOwn(join(directory, OPENED), directory);
  if (text === undefined) return undefined;
  const base = asOpened(directory);
  return base?.equals(text.bytes) === true ? undefined : { text: text.bytes, base };
}

/** As it was opened; undefined where that is gone. */
export function asOpened(directory: string): Buffer | undefined {
  return readOwn(join(directory, AS_OPENED), directory)?.bytes;
}

/** A regular file in the place of the link: an editor that saves by renaming has put it there. */
export function editOnDisk({ plainFile, directory }: Tenant): OpenedFile | undefined {
  return lstatSync(plainFile, { throwIfNoEntry: false })?.isFile() === true ? readOwn(plainFile, directory) : undefined;
}

/** Encrypts an edit, or keeps it aside; where both fail it stays in memory, with what it was made from. */
export async function settle(edit: Edit, directory: string, { tenant, openWorkspace, inKeeping, terminal, now }: Settling): Promise<Settled> {
  try {
    return await inKeeping(() => encryptEdit(edit, tenant, openWorkspace(), terminal));
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    terminal.warn(`what was changed in ${tenant.plainFile} was not encrypted as it is: ${error.message}`);
    if (edit.text.length === 0) return 'aside';
    try {
      if (!EDITS_OWN_FAULT.has(error.code)) throw error;
      const target = await inKeeping(() => keepAside(edit.text, tenant, openWorkspace(), now));
      terminal.note(`it is kept in ${target}, encrypted: look at it with \`lockfast env list ${target}\`, and set what it should be with \`lockfast env edit\``);
      return 'aside';
    } catch (kept) {
      if (!(kept instanceof LockfastError)) throw kept;
      const place = keepInMemory(edit, directory, tenant.name, now);
      terminal.warn(`it stays in ${place}, in memory, until the service starts again or the machine goes down: ${kept.message}: ${kept.hint}`);
      return 'in-memory';
    }
  }
}

/** What an earlier stop could not encrypt. @throws LockfastError where it still can't be */
export async function settleKept(directory: string, settling: Settling): Promise<void> {
  const place = keptPlace(directory, settling.tenant.name);
  for (const name of existsSync(place) ? readdirSync(place).toSorted() : []) {
    const kept = join(place, name);
    const text = readRegularFile(join(kept, OPENED), 'refuse').bytes;
    const base = existsSync(join(kept, AS_OPENED)) ? readRegularFile(join(kept, AS_OPENED), 'refuse').bytes : undefined;
    if ((await settle({ text, base }, directory, settling)) === 'in-memory') {
      emptyDirectory(join(place, name));
      rmdirSync(kept);
      throw new LockfastError('source-unavailable', `what was changed in ${settling.tenant.plainFile} before is still not encrypted`, 'mend what the warning before says, then start the service again');
    }
    emptyDirectory(kept);
    rmdirSync(kept);
  }
}

/** Takes the link away, if it is the one that was made for this service. */
export function removeOurLink({ plainFile }: Tenant): void {
  if (isOurLink(plainFile)) unlinkSync(plainFile);
}

export function isOurLink(path: string): boolean {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return false;
  const target = readlinkSync(path);
  return basename(target) === OPENED && basename(dirname(dirname(target))) === 'lockfast';
}

/** Once it is encrypted, or in memory. */
export function removePlain({ plainFile }: Tenant, { identity }: OpenedFile): void {
  removeDurably(plainFile, identity);
}

async function encryptEdit({ text, base }: Edit, { name, plainFile, encryptedFile }: Tenant, workspace: Workspace, terminal: Terminal): Promise<Settled> {
  if (text.length === 0) throw new LockfastError('empty-file', `${plainFile} is empty`, 'what was encrypted stays');
  const [edited, opened] = [readOpenedText(text), base === undefined ? undefined : readOpenedText(base)];
  if (edited === undefined && opened?.shared !== undefined) throw new LockfastError('unreadable-env', `${plainFile} no longer says where the tenant's own part begins`, 'edit below that comment');
  if (edited?.shared !== undefined && opened?.shared !== undefined && !edited.shared.equals(opened.shared)) {
    throw new LockfastError('unreadable-env', `${plainFile}: variables that all tenants share were changed`, 'set them below, where they are for this tenant alone');
  }
  const own = edited?.own ?? text;
  if (opened?.own.equals(own) === true) return 'nothing';
  if (own.length === 0) throw new LockfastError('empty-file', `${plainFile}: the tenant's own part is empty`, 'what was encrypted stays');
  await readLines(own, plainFile, workspace);
  const { written, revision } = await workspace.encrypting(encryptedFile, name, (scope) =>
    updateEnvFile(encryptedFile, scope, (present) => {
      // What it was made from is gone after a power cut; the revision tells whether that is what stands there still.
      const isUnchanged = opened === undefined ? !existsSync(encryptedFile) || readHeader(encryptedFile).revision === edited?.revision : printEntries(present).equals(opened.own);
      if (isUnchanged || printEntries(present).equals(own)) return splitEntries(own);
      // Nothing can be merged then: what was rotated or set meanwhile would be undone.
      if (opened === undefined) throw new LockfastError('merge-conflict', `${encryptedFile} was changed, too, and what ${plainFile} was made from is gone`, 'set it with `lockfast env set`');
      // What was rotated or set meanwhile stays.
      const { entries, conflicts } = mergeEntries(splitEntries(opened.own), present, splitEntries(own));
      if (conflicts.length === 0) return entries;
      throw new LockfastError('merge-conflict', `${conflicts[0] === '' ? 'a comment' : conflicts[0]} was changed there and in ${encryptedFile}, differently`, 'set it with `lockfast env set`');
    }), { why: 'edited while its service ran' });
  if (!written) return 'nothing';
  terminal.note(`${encryptedFile}: what was changed in ${plainFile} is encrypted, revision ${revision}`);
  return 'encrypted';
}

async function keepAside(text: Buffer, { name, directory }: Tenant, workspace: Workspace, now: Date): Promise<string> {
  const stamp = now.toISOString().replaceAll(/[-:]/g, '').replace(/\.(\d+)Z/, '$1Z');
  const target = join(directory, `.env.edited-${stamp}.encrypted`);
  await workspace.encrypting(target, name, (scope) => updateEnvFile(target, scope, () => splitEntries(text)), { why: 'an edit that was not encrypted as it is' });
  const { uid, gid } = statSync(directory);
  if (process.geteuid?.() === 0) lchownSync(target, uid, gid);
  return target;
}

/** Not in the service's directory: systemd removes that when the service has stopped. */
export function keepInMemory({ text, base }: Edit, directory: string, tenant: string, now: Date): string {
  const place = join(keptPlace(directory, tenant), String(now.getTime()));
  for (const one of [dirname(dirname(place)), dirname(place), place]) if (!existsSync(one)) mkdirSync(one, { mode: 0o700 });
  const owner = memoryOwner(place);
  let path = place;
  for (let i = 1; existsSync(join(path, OPENED)); i++) mkdirSync((path = `${place}-${i}`), { mode: 0o700 });
  writeInMemory(join(path, OPENED), text, owner);
  if (base !== undefined) writeInMemory(join(path, AS_OPENED), base, owner);
  return path;
}

/** `/run/lockfast/NAME` is the service's, `/run/lockfast-edited/NAME` is root's. */
function keptPlace(directory: string, tenant: string): string {
  return join(dirname(dirname(directory)), 'lockfast-edited', tenant);
}

/**
 * A file in a directory that is the service's own: it may have put anything there, also a name of somebody else's file,
 * which root would then read and hand to it at its next start.
 */
function readOwn(path: string, directory: string): OpenedFile | undefined {
  if (!existsSync(path)) return undefined;
  const file = readRegularFile(path, 'refuse');
  const { uid } = lstatSync(realDirectory(directory));
  if (file.links !== 1 || (file.uid !== uid && file.uid !== 0)) {
    file.bytes.fill(0);
    throw new LockfastError('not-a-file', `${path} belongs to somebody else, or has another name, too`, 'remove it, and find out who put it there');
  }
  return file;
}

function realDirectory(directory: string): string {
  const link = lstatSync(directory, { throwIfNoEntry: false });
  return link?.isSymbolicLink() === true ? join(dirname(directory), readlinkSync(directory)) : directory;
}
