/** One member of a JSON document, by the names and numbers that lead to it. */
import { literal } from './sql-text.ts';

/** A way to the member that the steps may mean, and whether a document has it. */
interface Way {
  readonly path: string;
  readonly isThere: string;
}

export interface JsonMember {
  /** Its JSON; NULL where the document has no such member. */
  readonly read: string;
  /** Whether the document has it. */
  readonly isThere: string;
  /** The document with another one in its place. @param value JSON, as SQL */
  readonly replaced: (value: string) => string;
}

/** @param cell the document @param steps a number is one of an array, or else the name of a member */
export function jsonMember(cell: string, steps: readonly string[]): JsonMember {
  const ways = waysOf(cell, steps);
  const choose = (of: (way: Way) => string, otherwise: string): string => `CASE ${ways.map((way) => `WHEN ${way.isThere} THEN ${of(way)}`).join(' ')} ELSE ${otherwise} END`;
  return {
    read: choose(({ path }) => `JSON_EXTRACT(${cell}, ${path})`, 'NULL'),
    isThere: `(${ways.map(({ isThere }) => isThere).join(' OR ')})`,
    replaced: (value) => choose(({ path }) => `JSON_REPLACE(${cell}, ${path}, ${value})`, cell),
  };
}

function waysOf(cell: string, steps: readonly string[]): readonly Way[] {
  let ways: readonly { readonly path: string; readonly arrays: readonly string[] }[] = [{ path: '$', arrays: [] }];
  for (const step of steps) {
    ways = ways.flatMap(({ path, arrays }) => [
      // `$[0]` of what is no array is that itself, to MySQL.
      ...(/^(?:0|[1-9]\d{0,8})$/.test(step) ? [{ path: `${path}[${step}]`, arrays: [...arrays, path] }] : []),
      { path: `${path}.${JSON.stringify(step)}`, arrays },
    ]);
  }
  return ways.map(({ path, arrays }) => ({
    path: literal(path),
    isThere: [`JSON_CONTAINS_PATH(${cell}, 'one', ${literal(path)}) = 1`, ...arrays.map((array) => `JSON_TYPE(JSON_EXTRACT(${cell}, ${literal(array)})) = 'ARRAY'`)].join(' AND '),
  }));
}
