/** How hard a value is to guess, estimated from below: what is easy to guess is neither looked for nor put into a guard file. */

/** A keyed hash of less could be tried out by whoever has the guard file and its key; and less stands in sources by chance. */
export const LEAST_BITS = 60;
export const LEAST_BYTES = 12;

/** A word of a language, of a few thousand. */
const WORD_BITS = 10;
const LONGEST_WORD = 14;
const TOKENS = /[A-Z]?[a-z]{3,}|[A-Z]{4,}(?![a-z])|[0-9]+|[A-Za-z]+|[^A-Za-z0-9]+/g;

/** Bits. Words count little however long they are, and only once; repeated characters count nothing. */
export function bitsOf(value: string): number {
  const seen = new Set<string>();
  let bits = 0;
  for (const [token] of value.matchAll(TOKENS)) {
    const key = token.toLowerCase();
    if (token.length > 2 && seen.has(key)) continue;
    seen.add(key);
    bits += tokenBits(token);
  }
  return Math.min(bits, shannonBits(value));
}

function tokenBits(token: string): number {
  if (/^[0-9]/.test(token)) return token.length * 3.3;
  if (!/^[A-Za-z]/.test(token)) return new Set(token).size * 2;
  if (token.length >= 3 && isWord(token)) return WORD_BITS;
  return token.length * (/[a-z]/.test(token) && /[A-Z]/.test(token) ? 5.5 : 4.5);
}

/** Something that can be said aloud: no five consonants in a row. */
function isWord(token: string): boolean {
  return token.length <= LONGEST_WORD && token.length >= 4 && !/[^aeiouy]{5}/i.test(token) && /[aeiouy]/i.test(token);
}

function shannonBits(value: string): number {
  const counts = new Map<string, number>();
  for (const character of value) counts.set(character, (counts.get(character) ?? 0) + 1);
  const length = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return [...counts.values()].reduce((sum, count) => sum - count * Math.log2(count / length), 0);
}
