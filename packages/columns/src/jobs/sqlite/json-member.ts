/** The place of one member in a JSON text, so that the text around it stays as it is to the byte. */

/** Where its value stands, in UTF-16 units. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/**
 * Of members with the same name the last one, which is the one that `JSON.parse` keeps.
 *
 * @param text valid JSON
 * @param path names of members; for an array its number
 * @returns undefined where there is no such member
 */
export function memberIn(text: string, path: readonly string[]): Span | undefined {
  let span: Span | undefined = { from: skipSpace(text, 0), to: 0 };
  span = { from: span.from, to: endOfValue(text, span.from) };
  for (const step of path) {
    if (span === undefined) return undefined;
    const opening: string | undefined = text[span.from];
    if (opening === '{') span = inObject(text, span.from, step);
    else if (opening === '[' && /^(?:0|[1-9]\d{0,8})$/.test(step)) span = inArray(text, span.from, Number(step));
    else return undefined;
  }
  return span;
}

function inObject(text: string, from: number, name: string): Span | undefined {
  let found: Span | undefined;
  for (let at = skipSpace(text, from + 1); text[at] !== '}'; ) {
    const endOfName = endOfString(text, at);
    const value = skipSpace(text, skipSpace(text, endOfName) + 1);
    const end = endOfValue(text, value);
    if (JSON.parse(text.slice(at, endOfName)) === name) found = { from: value, to: end };
    at = nextElement(text, end);
  }
  return found;
}

function inArray(text: string, from: number, number: number): Span | undefined {
  let index = 0;
  for (let at = skipSpace(text, from + 1); text[at] !== ']'; index++) {
    const end = endOfValue(text, at);
    if (index === number) return { from: at, to: end };
    at = nextElement(text, end);
  }
  return undefined;
}

/** The next one, or the bracket that ends them. */
function nextElement(text: string, end: number): number {
  const at = skipSpace(text, end);
  return text[at] === ',' ? skipSpace(text, at + 1) : at;
}

function endOfValue(text: string, from: number): number {
  const first = text[from];
  if (first === '"') return endOfString(text, from);
  if (first !== '{' && first !== '[') {
    let at = from;
    while (at < text.length && !',]} \t\r\n'.includes(text[at]!)) at++;
    return at;
  }
  let depth = 0;
  for (let at = from; ; ) {
    const character = text[at];
    if (character === '"') {
      at = endOfString(text, at);
      continue;
    }
    if (character === '{' || character === '[') depth++;
    else if (character === '}' || character === ']') depth--;
    at++;
    if (depth === 0) return at;
  }
}

/** Behind its second quote. */
function endOfString(text: string, from: number): number {
  for (let at = from + 1; ; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at + 1;
  }
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (' \t\r\n'.includes(text[at] ?? 'x')) at++;
  return at;
}
