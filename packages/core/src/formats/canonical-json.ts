/**
 * Strict reading and canonical writing of JSON, for bytes that are authenticated.
 * Canonical is RFC 8785 for what a key ring holds: objects, arrays, strings, booleans, null and safe integers.
 */

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** RFC 8785 text. Anything outside that subset is a defect of the caller. */
export function canonicalJson(value: Json): string {
  // The same, and for the thousand tenants that a key ring may have ten times faster.
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const object = value as { readonly [name: string]: Json };
    // The default order of sort() is that of UTF-16 code units, as RFC 8785 section 3.2.3 asks.
    const members = Object.keys(object)
      .toSorted()
      .map((name) => `${JSON.stringify(name)}:${canonicalJson(object[name]!)}`);
    return `{${members.join(',')}}`;
  }
  if (typeof value === 'number' && !Number.isSafeInteger(value)) throw new TypeError('only safe integers have one canonical form here');
  return JSON.stringify(value);
}

/**
 * As `JSON.parse`, but an object that names a member twice is a SyntaxError. `JSON.parse` keeps the last one, other
 * readers the first: two programs would verify one MAC and act on different keys.
 */
export function parseJson(text: string): Json {
  const value = JSON.parse(text) as Json;
  refuseDuplicates(text);
  return value;
}

/** `text` is valid JSON already, so its strings and braces can be trusted to match. */
function refuseDuplicates(text: string): void {
  const open: (Set<string> | undefined)[] = [];
  for (const [piece, string, colon] of text.matchAll(/("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[{}[\]]/g)) {
    if (piece === '{') open.push(new Set());
    else if (piece === '[') open.push(undefined);
    else if (piece === '}' || piece === ']') open.pop();
    else if (colon !== undefined) {
      const names = open.at(-1);
      const name = JSON.parse(string!) as string;
      if (names?.has(name)) throw new SyntaxError('an object names a member twice');
      names?.add(name);
    }
  }
}
