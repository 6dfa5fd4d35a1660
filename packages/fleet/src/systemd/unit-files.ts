/** Unit files that Lockfast makes, and how it knows them again. */
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { ensureDirectory, identityOf, removeDurably, writeDurably } from '@lockfast/core/files';

const UNIT_MODE = 0o644;

/** A file that an installation writes. */
export interface UnitFile {
  readonly path: string;
  readonly text: string;
}

/** @returns those that are new or other than before. @throws LockfastError `permission-denied`, `write-failed` */
export function writeUnits(units: readonly UnitFile[]): readonly UnitFile[] {
  const changed = units.filter(({ path, text }) => !existsSync(path) || readFileSync(path, 'utf8') !== text);
  for (const { path, text } of changed) {
    ensurePublicDirectory(dirname(path));
    writeDurably({ path, bytes: Buffer.from(text, 'utf8'), mode: UNIT_MODE, expected: 'anything' });
  }
  return changed;
}

/** Whether it is there and begins as those of one kind do. */
export function hasHead(path: string, head: string): boolean {
  return existsSync(path) && readFileSync(path, 'utf8').startsWith(head);
}

/** @returns whether it was there. @throws LockfastError as `removeDurably` */
export function removeUnit(path: string): boolean {
  const identity = identityOf(path);
  if (identity === undefined) return false;
  removeDurably(path, identity);
  return true;
}

/** Everybody may read units: `systemctl cat`. */
function ensurePublicDirectory(path: string): void {
  if (ensureDirectory(path) !== undefined) chmodSync(path, 0o755);
}
