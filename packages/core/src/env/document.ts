/**
 * Cuts the bytes of an env file into entries, whatever they hold: `printEntries(splitEntries(x))` is `x` for any x.
 * It is nobody's dialect. It decides what is one line of the encrypted file, not what a program reads.
 * `docs/formats/env-file.md` specifies it.
 */
import { LockfastError } from '../errors.ts';

export interface Entry {
  /** `assignment` for `NAME=`, `export` for `export NAME=`, `other` for comments, blank lines and everything else. */
  readonly kind: 'assignment' | 'export' | 'other';
  /** Empty for `other`. */
  readonly name: string;
  /** Exactly as they stand in the file, with the line ending. */
  readonly bytes: Buffer;
}

const NEWLINE = 0x0a;
const BACKSLASH = 0x5c;
const DOUBLE_QUOTE = 0x22;
const QUOTES: ReadonlySet<number> = new Set([DOUBLE_QUOTE, 0x27, 0x60]);

const NAME = '[A-Za-z0-9_.-]+';
/** At most this much of a line is looked at for its name. */
const LONGEST_HEAD = 1024;
const HEAD = new RegExp(String.raw`^(?:\u00ef\u00bb\u00bf)?[ \t]*(export[ \t]+)?(${NAME})[ \t]*=[ \t]*`);

/**
 * A line that is nothing but padded base64, in either alphabet as far as a name could be mistaken for it: the end of a
 * key that stands in the file without quotes. As an assignment it would be shown in clear, as the name of an empty
 * variable. At least 8 characters, and both cases, so that API_KEY= stays the name that it is.
 */
const BASE64_LINE = new RegExp(
  String.raw`^(?:\u00ef\u00bb\u00bf)?[ \t]*(?=[\w-]*[a-z])(?=[\w-]*[A-Z])(?:[\w-]{4})+(?:[\w-]{2}==|[\w-]{3}=)[ \t\r]*\n?$`,
);

const WHOLE_NAME = new RegExp(`^${NAME}$`);

/** Encrypted, as many of the shortest entries fill the largest file. Without a limit, a file of blank lines takes gigabytes of memory. */
const MOST_ENTRIES = 2 ** 19;

/** Letters, digits, `_`, `.` and `-`, at most 1023 of them: the names that an encrypted file can show. */
export function isVariableName(name: string): boolean {
  return name.length < LONGEST_HEAD && WHOLE_NAME.test(name);
}

/** A name that systemd and shells such as dash keep in the environment: POSIX.1-2024, section 8.1. */
export function isPortableName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
}

/** @throws LockfastError `too-large` for more than {@link MOST_ENTRIES} entries */
export function splitEntries(bytes: Uint8Array): Entry[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const entries: Entry[] = [];
  // Quotes that close nowhere in the rest of the file: each is searched for once, so that the cut takes linear time.
  const unclosed = new Set<number>();
  let start = 0;
  while (start < buffer.length) {
    if (entries.length === MOST_ENTRIES) {
      throw new LockfastError('too-large', `an env file has more than ${MOST_ENTRIES} entries`, 'check that it is the right file');
    }
    const line = endOfLine(buffer, start);
    const text = buffer.toString('latin1', start, Math.min(line, start + LONGEST_HEAD));
    const head = BASE64_LINE.test(text) ? null : HEAD.exec(text);
    const quote = head === null ? undefined : closingQuote(buffer, start + head[0].length, unclosed);
    const end = quote === undefined || quote < line ? line : endOfLine(buffer, quote);
    entries.push({
      kind: head === null ? 'other' : head[1] === undefined ? 'assignment' : 'export',
      name: head?.[2] ?? '',
      bytes: buffer.subarray(start, end),
    });
    start = end;
  }
  return entries;
}

export function printEntries(entries: readonly Entry[]): Buffer {
  return Buffer.concat(entries.map(({ bytes }) => bytes));
}

/** Where the closing quote stands, if the value begins with a quote that closes. */
function closingQuote(buffer: Buffer, at: number, unclosed: Set<number>): number | undefined {
  const quote = buffer[at];
  if (quote === undefined || !QUOTES.has(quote) || unclosed.has(quote)) return undefined;
  for (let i = at + 1; i < buffer.length; i++) {
    if (buffer[i] === quote) return i;
    if (quote === DOUBLE_QUOTE && buffer[i] === BACKSLASH) i += 1;
  }
  unclosed.add(quote);
  return undefined;
}

function endOfLine(buffer: Buffer, from: number): number {
  const newline = buffer.indexOf(NEWLINE, from);
  return newline === -1 ? buffer.length : newline + 1;
}
