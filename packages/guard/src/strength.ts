/** How hard a value is to guess, estimated from below: what is easy to guess is neither looked for nor put into a guard file. */

/** A keyed hash of less could be tried out by whoever has the guard file and its key; and less stands in sources by chance. */
export const LEAST_BITS = 60;
export const LEAST_BYTES = 12;

/** A word of a language, of a thousand or so; a short one, of a few dozen. */
const WORD_BITS = 10;
const SHORT_WORD_BITS = 6;
const LONGEST_WORD = 14;
const LONG_WORD = 5;
/** As in dates, ports and addresses. */
const SHORT_NUMBER = 4;

/** Within a segment of letters and digits: words that follow each other without a sign between. */
const TOKENS = /[A-Z]?[a-z]{3,}|[A-Z]{4,}(?![a-z])|[0-9]+|[A-Za-z]+/g;

/** Bits. Words count little however long they are, and each once; few different characters count little. */
export function bitsOf(value: string): number {
  const seen = new Set<string>();
  let bits = 0;
  for (const [segment] of value.matchAll(/[A-Za-z0-9]+|[^A-Za-z0-9]+/g)) {
    if (segment.length > 1 && seen.has(segment)) continue;
    seen.add(segment);
    bits += segmentBits(segment);
  }
  const characters = Array.from(value);
  return Math.min(bits, characters.length * 1.5 * Math.log2(new Set(characters).size));
}

function segmentBits(segment: string): number {
  if (!/^[A-Za-z0-9]/.test(segment)) return new Set(segment).size * 2;
  if (/^[0-9]+$/.test(segment)) return segment.length * (segment.length <= SHORT_NUMBER ? 1.5 : 3.3);
  if (/^(?:[A-Z]?[a-z]*|[A-Z]*)$/.test(segment) && (segment.length < LONG_WORD || isWord(segment))) return segment.length < LONG_WORD ? SHORT_WORD_BITS : WORD_BITS;
  return [...segment.matchAll(TOKENS)].reduce((sum, [token]) => sum + tokenBits(token), 0);
}

function tokenBits(token: string): number {
  if (/^[0-9]/.test(token)) return token.length * 3.3;
  if (isWord(token)) return WORD_BITS;
  return token.length * (/[a-z]/.test(token) && /[A-Z]/.test(token) ? 5.5 : 4.5);
}

/** In one case, or with a capital at its beginning; and it can be said aloud: no five consonants in a row. */
function isWord(token: string): boolean {
  return /^(?:[A-Z]?[a-z]+|[A-Z]+)$/.test(token) && token.length <= LONGEST_WORD && token.length >= LONG_WORD && !/[^aeiouy]{5}/i.test(token) && /[aeiouy]/i.test(token);
}
