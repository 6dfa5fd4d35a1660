/**
 * The command's voice.
 *
 * - Data goes to standard output, everything said to a person to standard error, with `lockfast: ` before it.
 * - One line a message, no capital, no full stop. What happened: what to do next.
 * - Names of files are whoever's who made them, a tenant's for example: in messages and tables they can't forge a line
 *   or steer the terminal.
 * - Colour only on a terminal, and never where it alone carries a meaning.
 */
import { writeSync } from 'node:fs';

import { LockfastError } from '@lockfast/core/errors';
import { shownLine } from '@lockfast/core/files';

import { shownWidth } from './shown-width.ts';

export class Terminal {
  readonly #environment: Readonly<Record<string, string | undefined>>;

  readonly #opened: (() => Uint8Array)[] = [];

  constructor(environment: Readonly<Record<string, string | undefined>>) {
    this.#environment = environment;
  }

  /** Gives the plaintext of what was opened so far, to be kept out of what is said. */
  get opened(): readonly (() => Uint8Array)[] {
    return this.#opened;
  }

  keepBack(plaintext: () => Uint8Array): void {
    this.#opened.push(plaintext);
  }

  get interactive(): boolean {
    return process.stdin.isTTY === true && process.stderr.isTTY === true;
  }

  /** One line of data. */
  line(text = ''): void {
    writeAll(1, `${text}\n`);
  }

  /** Data as it is, without a newline. */
  raw(bytes: Uint8Array | string): void {
    writeAll(1, bytes);
  }

  json(value: unknown): void {
    writeAll(1, `${JSON.stringify(value, null, 2)}\n`);
  }

  /** Something that a person should know. */
  note(text: string): void {
    writeAll(2, `lockfast: ${shownLine(text)}\n`);
  }

  /** In place of the last text that this wrote, on a terminal. */
  overwrite(text: string): void {
    writeAll(2, `\r\u001b[K${text}`);
  }

  warn(text: string): void {
    writeAll(2, `lockfast: warning: ${shownLine(text)}\n`);
  }

  /** Columns as wide as their widest cell; the last one is not padded. */
  table(head: readonly string[], rows: readonly (readonly string[])[]): void {
    const shown = rows.map((row) => row.map((cell) => shownLine(cell)));
    const widths = head.map((title, i) => Math.max(title.length, ...shown.map((row) => shownWidth(row[i]!))));
    const print = (row: readonly string[]): string => row.map((cell, i) => (i === row.length - 1 ? cell : cell + ' '.repeat(widths[i]! - shownWidth(cell)))).join('  ').trimEnd();
    this.line(this.dim(print(head)));
    for (const row of shown) this.line(print(row));
  }

  green(text: string): string {
    return this.#paint('32', text);
  }

  red(text: string): string {
    return this.#paint('31', text);
  }

  dim(text: string): string {
    return this.#paint('2', text);
  }

  #paint(code: string, text: string): string {
    // Asked for late: the first look at process.stdout builds a stream, which `run` has no time for.
    const colour = process.stdout.isTTY === true && (this.#environment['NO_COLOR'] ?? '') === '' && this.#environment['TERM'] !== 'dumb';
    return colour ? `\u001b[${code}m${text}\u001b[0m` : text;
  }
}

/** An ISO 8601 time to the minute, as people read it: `2026-03-01 10:15 UTC`. */
export function shownMinute(time: string): string {
  return `${time.slice(0, 16).replace('T', ' ')} UTC`;
}

/** With a comma at each three digits: long numbers are read, not counted. */
export function grouped(number: number): string {
  return String(number).replaceAll(/\B(?=(?:\d{3})+$)/g, ',');
}

/** `1 key`, `2,000 keys`, `2 entries`. */
export function counted(count: number, noun: string): string {
  const plural = /[^aeiou]y$/.test(noun) ? `${noun.slice(0, -1)}ies` : `${noun}s`;
  return `${grouped(count)} ${count === 1 ? noun : plural}`;
}

/**
 * Synchronous, so that nothing is lost when the process ends or becomes another one. A reader that went away (EPIPE)
 * is no failure of ours; a full pipe (EAGAIN) is waited for.
 */
function writeAll(descriptor: 1 | 2, data: Uint8Array | string): void {
  const bytes = typeof data === 'string' ? Buffer.from(data, 'utf8') : data;
  let written = 0;
  while (written < bytes.length) {
    try {
      written += writeSync(descriptor, bytes, written);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EAGAIN') {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
        continue;
      }
      if (code === 'EPIPE' || code === 'EBADF') return;
      // Of a failing standard error nobody can be told; the exit status says enough.
      if (descriptor === 2) return;
      throw new LockfastError('write-failed', `standard output was not written${code === 'ENOSPC' ? ': the disk is full' : ` (${code})`}`, 'send it elsewhere, and run it again', error);
    }
  }
}
