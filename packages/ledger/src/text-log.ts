/** The ledger's outcomes as lines of a text file, for people and for what reads logs. The ledger is the record; this is a view of it. */
import { closeSync, constants, fchmodSync, fstatSync, openSync, statSync, writeSync } from 'node:fs';

import { LockfastError } from '@lockfast/core/errors';
import { shownPath, systemFailure } from '@lockfast/core/files';

import type { LedgerEntry } from './entry.ts';

const LEVELS: Readonly<Record<NonNullable<LedgerEntry['outcome']>, 'INFO' | 'WARNING' | 'ERROR'>> = { success: 'INFO', failure: 'ERROR', refused: 'WARNING', interrupted: 'WARNING' };

/** Nearly every tenant and user. */
const PLAIN = /^[\w.@/:+-]+$/;

/**
 * `2025-10-06 10:15:23 | INFO | DECRYPT | wip.example.com | deploy | SUCCESS`, in UTC, without a line break.
 *
 * @param entry an outcome or an event
 */
export function textLine({ time, operation, tenant, actor, outcome = 'success' }: LedgerEntry): string {
  return logLine(time, LEVELS[outcome], [operation.toUpperCase(), tenant ?? '', actor.sudo ?? actor.user, outcome.toUpperCase()]);
}

/** The form of all lines. @param time ISO 8601, UTC */
export function logLine(time: string, level: 'INFO' | 'WARNING' | 'ERROR', fields: readonly string[]): string {
  return [time.slice(0, 19).replace('T', ' '), level, ...fields.map(shownField)].join(' | ');
}

/**
 * What would end the line, begin another field, or show as something else is escaped: nobody can write a line of his
 * own by the name of a tenant.
 */
function shownField(text: string): string {
  if (PLAIN.test(text)) return text;
  // Made when it is needed: V8 reads Unicode's tables for a literal already when it parses the file.
  const harmful = new RegExp(String.raw`[\\|\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]`, 'gu');
  const harmless = text.replaceAll(harmful, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`).trim();
  return harmless === '' ? '-' : harmless;
}

/**
 * Appends to a text file that logrotate may move or cut at any time: with `create` the new file is found before the next
 * line, with `copytruncate` O_APPEND goes on at the new end. A line that is written while logrotate moves the file is in the old one.
 */
export class TextLog {
  readonly #path: string;
  #fd: number | undefined;
  /** A full disk took a part of a line: the next one must not continue it. */
  #torn = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** Makes sure that lines can be written, before what they will tell of happens. @throws LockfastError `ledger-unavailable` */
  prepare(): void {
    try {
      if (this.#fd !== undefined && !isStillAt(this.#fd, this.#path)) this.close();
      this.#fd ??= openLog(this.#path);
    } catch (error) {
      throw unavailable(error, this.#path);
    }
  }

  /** Each in one `write`, so that lines of several processes do not mix. @throws LockfastError `ledger-unavailable` */
  write(lines: readonly string[]): void {
    for (const line of lines) {
      this.prepare();
      const bytes = Buffer.from(`${this.#torn ? '\n' : ''}${line}\n`);
      try {
        let done = 0;
        while (done < bytes.length) {
          done += writeSync(this.#fd!, bytes, done);
          this.#torn = done < bytes.length;
        }
      } catch (error) {
        throw unavailable(error, this.#path);
      }
    }
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}

function isStillAt(fd: number, path: string): boolean {
  const there = statSync(path, { throwIfNoEntry: false });
  const { dev, ino } = fstatSync(fd);
  return there?.ino === ino && there.dev === dev;
}

/** O_NONBLOCK: opening a pipe that nobody reads would wait for ever. O_NOFOLLOW: root must not be led to another file. */
function openLog(path: string): number {
  const { O_WRONLY, O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = constants;
  const flags = O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK;
  try {
    const fd = openSync(path, flags | O_CREAT | O_EXCL, 0o640);
    fchmodSync(fd, 0o640);
    return fd;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  const fd = openSync(path, flags);
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw new LockfastError('not-a-file', 'it is not a regular file', 'name a regular file as the text log');
}

function unavailable(error: unknown, path: string): Error {
  const failure = systemFailure(error, `the text log ${shownPath(path)} was not written`, 'ledger-unavailable');
  if (failure instanceof LockfastError && failure.code !== 'ledger-unavailable') {
    const said = error === failure ? `the text log ${shownPath(path)} was not written: ${failure.message}` : failure.message;
    return new LockfastError('ledger-unavailable', said, failure.hint, error);
  }
  return failure;
}
