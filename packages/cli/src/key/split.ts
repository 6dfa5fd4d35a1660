import { readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { ensureDirectory, systemFailure, withFileLock, writeDurably } from '@lockfast/core/files';
import { KeyRing } from '@lockfast/core/keyring';
import { makeShares, type RecoveryShares, sharesSource } from '@lockfast/keys';

import { requireApproval } from '../approvals.ts';
import type { Arguments } from '../arguments.ts';
import { requireRole } from '../permission.ts';
import { readRing } from '../ring-document.ts';
import { changeRing } from '../ring-file.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';

const SHARE_MODE = 0o400;
/** Clears a terminal and what can be scrolled back to: ECMA-48 ED, and xterm's 3. */
const CLEAR = '\u001b[H\u001b[2J\u001b[3J';

/** The ring names the set of shares only when each share is proven, and is in its file or was shown. */
export async function run(args: Arguments, session: Session): Promise<number> {
  const [count, threshold] = [wholeNumber(args, 'shares'), wholeNumber(args, 'threshold')];
  const out = args.text('out');
  if (out === undefined && !session.terminal.interactive) {
    throw new LockfastError('terminal-needed', 'key split: there is no terminal to show the shares on', 'write them to files with --out DIR');
  }
  const workspace = new Workspace(args, session);
  const event = { operation: 'key-split', object: workspace.configuration.keyring, details: { shares: count, threshold } };
  await requireRole(workspace, session, 'admin', event);
  const made = await makeShares(count, threshold);
  const files = out === undefined ? [] : made.shares.map((_, i) => join(resolve(session.directory, out), `${workspace.configuration.environment}-${setOf(made)}-${i + 1}-of-${count}.share`));
  const written: string[] = [];
  try {
    const ring = await changeRing(workspace, { ...event, details: { ...event.details, source: made.uri } }, async (old) => {
      await requireApproval(workspace, session, old, event);
      const next = await old.withSource(made.source);
      await prove(next, made, threshold);
      if (out === undefined) await show(made, threshold, session);
      else {
        await clearAway(resolve(session.directory, out), workspace, old, session);
        await writeAll(files, made, workspace.stateDirectory, written);
      }
      return next;
    });
    report(args, session, made, files, threshold, ring);
    return 0;
  } catch (error) {
    // "was written, but": then the ring names them, and they are good.
    if (!namesSource(workspace.configuration.keyring, made.uri)) remove(written);
    throw error;
  }
}

/** As far as it can be: the next run names what is left, and why this one failed is what to tell. */
function remove(paths: readonly string[]): void {
  for (const path of paths) {
    try {
      rmSync(path, { force: true });
    } catch {}
  }
}

function wholeNumber(args: Arguments, name: 'shares' | 'threshold'): number {
  const text = args.text(name);
  if (text === undefined || !/^[1-9][0-9]{0,2}$/.test(text)) {
    throw new LockfastError('usage', `key split: --${name} is missing, or is no number`, 'for example --shares 5 --threshold 3: any 3 of 5 open the ring');
  }
  return Number(text);
}

function setOf({ uri }: RecoveryShares): string {
  return uri.slice('shares:'.length);
}

/** Each share at least once, as many together as are needed. */
async function prove(ring: KeyRing, { uri, shares }: RecoveryShares, threshold: number): Promise<void> {
  for (let from = 0; from < shares.length; from += threshold) {
    const some = shares.slice(Math.min(from, shares.length - threshold)).slice(0, threshold);
    await KeyRing.open(ring.print(), 'the ring with the new shares', [sharesSource(uri, some)]);
  }
}

async function writeAll(files: readonly string[], { shares }: RecoveryShares, stateDirectory: string, written: string[]): Promise<void> {
  for (const [i, path] of files.entries()) {
    ensureDirectory(resolve(path, '..'));
    await withFileLock(stateDirectory, path, () => writeDurably({ path, bytes: Buffer.from(`${shares[i]!}\n`), mode: SHARE_MODE, expected: 'absent' }));
    written.push(path);
  }
}

const SHARE_FILE = /^([A-Za-z0-9._-]+)-([a-z2-7]{8})-\d+-of-\d+\.share$/;
const TEMP_FILE = /^\.(.+\.share)\.lockfast-[0-9a-f]{16}\.tmp$/;

/** What a killed run left: parts of files go, whole shares of a set that the ring does not know are named. */
async function clearAway(directory: string, { stateDirectory, configuration }: Workspace, ring: KeyRing, { terminal }: Session): Promise<void> {
  const names = namesIn(directory);
  for (const name of names) {
    const target = TEMP_FILE.exec(name)?.[1];
    if (target !== undefined && SHARE_FILE.test(target)) await withFileLock(stateDirectory, join(directory, target), () => {});
  }
  const unknown = names.filter((name) => {
    const [, environment, set] = SHARE_FILE.exec(name) ?? [];
    return environment === configuration.environment && !ring.sources.some(({ source }) => source === `shares:${set}`);
  });
  if (unknown.length > 0) terminal.warn(`${directory} holds shares of sets that this key ring does not know: ${unknown.join(', ')}: give none of them away`);
}

/** @throws LockfastError `not-a-file`, `permission-denied` */
function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') throw new LockfastError('not-a-file', `${directory} is not a directory`, 'name a directory for the shares', error);
    throw systemFailure(error, `${directory} can not be listed`, 'read-failed');
  }
}

/** One at a time: whoever keeps one sees no other. */
async function show({ shares }: RecoveryShares, threshold: number, { terminal }: Session): Promise<void> {
  const { askHidden } = await import('../prompt.ts');
  for (const [i, share] of shares.entries()) {
    await askHidden(`Share ${i + 1} of ${shares.length} comes next: Enter shows it`);
    terminal.line(share);
    await askHidden(`Any ${threshold} of them open the key ring. Enter when it is written down, and the screen is cleared`);
    terminal.raw(CLEAR);
  }
}

function namesSource(path: string, uri: string): boolean {
  try {
    return readRing(path).sources.some(({ source }) => source === uri);
  } catch {
    // Whatever it is: a share too many does no harm.
    return true;
  }
}

function report(args: Arguments, { terminal }: Session, made: RecoveryShares, files: readonly string[], threshold: number, ring: KeyRing): void {
  if (args.flag('json')) {
    terminal.json({ source: made.uri, shares: made.shares.length, threshold, files, generation: ring.version.generation });
    return;
  }
  for (const file of files) terminal.line(file);
  terminal.line(`${made.uri}: any ${threshold} of ${made.shares.length} shares open the key ring; proven`);
  terminal.line('Give each share to another person, and remove the files here. To use them: lockfast key combine SHARE...');
}
