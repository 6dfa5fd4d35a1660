/** The text of unit files: systemd.syntax(7), and the quoting of command lines in systemd.service(5). */
import { LockfastError } from '@lockfast/core/errors';

/** One `Name=value` of a unit file. */
export interface UnitLine {
  readonly section: string;
  readonly name: string;
  readonly value: string;
}

/** What stands in a command line as it is. */
const BARE = /^[A-Za-z0-9_@+=:,./-]+$/;
const ESCAPES: Readonly<Record<string, string>> = { '"': String.raw`\"`, '\\': '\\\\', '\n': String.raw`\n`, '\r': String.raw`\r`, '\t': String.raw`\t`, '%': '%%' };

/**
 * A word of a command line, such that systemd hands it to the program byte for byte.
 *
 * @param variables whether systemd fills in `$NAME` here: not in the program's path, and not behind the prefix `:`
 * @throws LockfastError `usage` for a NUL, which no program can be given
 */
export function quoteWord(word: string, variables: 'filled-in' | 'as they are' = 'filled-in'): string {
  if (word.includes('\0')) throw new LockfastError('usage', 'a word of a command line holds a NUL character', 'remove it');
  if (BARE.test(word)) return word;
  const escaped = word.replaceAll(/["\\%\p{Cc}]/gu, (char) => ESCAPES[char] ?? inOctal(char));
  return `"${variables === 'filled-in' ? escaped.replaceAll('$', '$$$$') : escaped}"`;
}

/** A value that is one path to its end, as of `WorkingDirectory=`: nothing in it is quoted. @throws LockfastError `usage` */
export function quotePath(path: string): string {
  if (/[\p{Cc}]/u.test(path) || path !== path.trim() || path.endsWith('\\')) {
    throw new LockfastError('usage', 'a path that a unit file is to hold has a control character in it, or ends in a space or a backslash', 'rename it');
  }
  return path.replaceAll('%', '%%');
}

/** The settings of a unit file, in order; a backslash at the end of a line goes on in the next one. */
export function readUnit(text: string): UnitLine[] {
  const found: UnitLine[] = [];
  let section = '';
  let pending = '';
  for (const line of text.split(/\r?\n/)) {
    if (/^[ \t]*[#;]/.test(line)) continue;
    if (line.endsWith('\\')) {
      pending += `${line.slice(0, -1)} `;
      continue;
    }
    const whole = `${pending}${line}`.trim();
    pending = '';
    const at = whole.indexOf('=');
    if (whole.startsWith('[') && whole.endsWith(']')) section = whole.slice(1, -1);
    else if (at > 0) found.push({ section, name: whole.slice(0, at).trimEnd(), value: whole.slice(at + 1).trimStart() });
  }
  return found;
}

/** The settings of `[Service]` over a unit file and its drop-ins. */
export class ServiceSettings {
  readonly #lines: readonly UnitLine[];

  /** @param texts of the unit file and then of its drop-ins, in the order in which systemd reads them */
  constructor(texts: readonly string[]) {
    this.#lines = texts.flatMap((text) => readUnit(text)).filter(({ section }) => section === 'Service');
  }

  /** The last one counts. Empty where there is none. */
  text(name: string): string {
    return this.list(name).at(-1) ?? '';
  }

  flag(name: string): boolean {
    return /^(?:1|yes|y|true|t|on)$/i.test(this.text(name));
  }

  /** All of them; an empty one forgets those before it. */
  list(name: string): string[] {
    let values: string[] = [];
    for (const line of this.#lines) if (line.name === name) values = line.value === '' ? [] : [...values, line.value];
    return values;
  }
}

function inOctal(char: string): string {
  return [...Buffer.from(char, 'utf8')].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
}
