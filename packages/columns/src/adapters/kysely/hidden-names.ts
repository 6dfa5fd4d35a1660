/** Names of columns that a query gets besides what it asks for: the same query always gets the same, and is the same statement. */
import { createHash } from 'node:crypto';

const HIDDEN = /^lockfast_[a-p]{10}$/;
const A = 'a'.codePointAt(0)!;

/** Of a column of a relation, both in any case. Letters only: plugins that rename change digits. */
export function hiddenName(alias: string, column: string): string {
  const hash = createHash('sha256').update(JSON.stringify([alias.toLowerCase(), column.toLowerCase()])).digest();
  const letters = [...hash.subarray(0, 5)].flatMap((byte) => [A + (byte >> 4), A + (byte & 15)]);
  return `lockfast_${String.fromCodePoint(...letters)}`;
}

/** A query that is part of another one, and was made with a Kysely of its own, has come by already. */
export function isHiddenName(name: string): boolean {
  return HIDDEN.test(name);
}
