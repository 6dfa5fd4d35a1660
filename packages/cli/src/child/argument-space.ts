/** How much the kernel passes to a new program: arguments, environment, and the pointers to each of them. */
import { readFileSync } from 'node:fs';

/** MAX_ARG_STRLEN with pages of 4 KiB, the final NUL included. Machines with larger pages take more. */
const MOST_STRING_BYTES = 128 * 1024;
/** Whatever the stack limit is, the kernel takes 128 KiB; and never more than three quarters of 8 MiB. */
const LEAST_TOTAL_BYTES = 128 * 1024;
const MOST_TOTAL_BYTES = 6 * 1024 * 1024;
/** What the kernel puts beside it: the program's path, its interpreter's path and argument, alignment. */
const MARGIN_BYTES = 16 * 1024;
const POINTER_BYTES = 8;

/** Whether the kernel surely accepts it (else it may answer E2BIG). */
export function fitsArgumentSpace(words: readonly string[], environment: Readonly<Record<string, string>>): boolean {
  let total = MARGIN_BYTES;
  for (const text of [...words, ...assignments(environment)]) {
    const bytes = Buffer.byteLength(text) + 1;
    if (bytes > MOST_STRING_BYTES) return false;
    total += bytes + POINTER_BYTES;
  }
  return total <= LEAST_TOTAL_BYTES || total <= stackShare();
}

/** What takes the most room, for the message after an E2BIG: its name and its size, never its text. */
export function largestPart(words: readonly string[], environment: Readonly<Record<string, string>>): string {
  let largest = { what: 'nothing', bytes: -1 };
  const consider = (what: string, text: string): void => {
    const bytes = Buffer.byteLength(text);
    if (bytes > largest.bytes) largest = { what, bytes };
  };
  for (const [i, word] of words.entries()) consider(i === 0 ? 'the command' : `argument ${i}`, word);
  for (const [name, value] of Object.entries(environment)) consider(`the variable ${JSON.stringify(name)}`, value);
  return `${largest.what} takes ${largest.bytes} bytes`;
}

function assignments(environment: Readonly<Record<string, string>>): string[] {
  return Object.entries(environment).map(([name, value]) => `${name}=${value}`);
}

/** A quarter of the soft stack limit. Read only when it matters. */
function stackShare(): number {
  try {
    const soft = /^Max stack size +(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    if (soft === undefined) return LEAST_TOTAL_BYTES;
    return soft === 'unlimited' ? MOST_TOTAL_BYTES : Math.min(Math.floor(Number(soft) / 4), MOST_TOTAL_BYTES);
  } catch {
    return LEAST_TOTAL_BYTES;
  }
}
