/** The ledger's outcomes as lines of a text file, for people and for what reads logs. The ledger is the record; this is a view of it. */
import { closeSync, constants, fchmodSync, fstatSync, openSync, readSync, statSync, writeSync } from 'node:fs';

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
  #file: OpenLog | undefined;
  /** A full disk took a part of a line of ours. Only for a file that may be written and not read: any other is asked itself. */
  #torn = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** Makes sure that lines can be written, before what they will tell of happens. @throws LockfastError `ledger-unavailable` */
  prepare(): void {
    try {
      if (this.#file !== undefined && !isStillAt(this.#file.fd, this.#path)) this.close();
      this.#file ??= openLog(this.#path);
    } catch (error) {
      throw unavailable(error, this.#path);
    }
  }

  /** Each in one `write`, so that lines of several processes do not mix. @throws LockfastError `ledger-unavailable` */
  write(lines: readonly string[]): void {
    for (const line of lines) {
      this.prepare();
      try {
        this.#writeLine(this.#file!, line);
      } catch (error) {
        throw unavailable(error, this.#path);
      }
    }
  }

  /** @throws LockfastError `ledger-unavailable` where only closing tells that lines were not taken (NFS) */
  close(): void {
    const file = this.#file;
    this.#file = undefined;
    try {
      if (file !== undefined) closeSync(file.fd);
    } catch (error) {
      throw unavailable(error, this.#path);
    }
  }

  /** A full disk took a part of the last line, of whichever process: this one must not continue it. */
  #writeLine(file: OpenLog, line: string): void {
    const torn = file.readable ? endsInPart(file.fd) : this.#torn;
    const bytes = Buffer.from(`${torn ? '\n' : ''}${line}\n`);
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(file.fd, bytes, done);
      this.#torn = done < bytes.length;
    }
  }
}

interface OpenLog {
  readonly fd: number;
  readonly readable: boolean;
}

function endsInPart(fd: number): boolean {
  const { size } = fstatSync(fd);
  const last = Buffer.alloc(1);
  return size > 0 && readSync(fd, last, 0, 1, size - 1) === 1 && last[0] !== 0x0a;
}

function isStillAt(fd: number, path: string): boolean {
  const there = statSync(path, { throwIfNoEntry: false });
  const { dev, ino } = fstatSync(fd);
  return there?.ino === ino && there.dev === dev;
}

/** O_NONBLOCK: opening a pipe that nobody reads would wait for ever. O_NOFOLLOW: root must not be led to another file. */
const APPENDING = constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK;

function openLog(path: string): OpenLog {
  const { O_RDWR, O_CREAT, O_EXCL } = constants;
  try {
    const fd = openSync(path, APPENDING | O_RDWR | O_CREAT | O_EXCL, 0o640);
    fchmodSync(fd, 0o640);
    return { fd, readable: true };
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
  const opened = openExisting(path);
  if (fstatSync(opened.fd).isFile()) return opened;
  closeSync(opened.fd);
  throw new LockfastError('not-a-file', 'it is not a regular file', 'name a regular file as the text log');
}

function openExisting(path: string): OpenLog {
  try {
    return { fd: openSync(path, APPENDING | constants.O_RDWR), readable: true };
  } catch (error) {
    if (codeOf(error) !== 'EACCES') throw error;
  }
  return { fd: openSync(path, APPENDING | constants.O_WRONLY), readable: false };
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function unavailable(error: unknown, path: string): Error {
  const failure = systemFailure(error, `the text log ${shownPath(path)} was not written`, 'ledger-unavailable');
  if (failure instanceof LockfastError && failure.code !== 'ledger-unavailable') {
    const said = error === failure ? `the text log ${shownPath(path)} was not written: ${failure.message}` : failure.message;
    return new LockfastError('ledger-unavailable', said, failure.hint, error);
  }
  return failure;
}
