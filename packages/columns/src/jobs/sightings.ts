/** Encrypted values in what a database holds: alone, in longer text, at any depth of JSON. */
import { isEncrypted, type KeyId, keyIdAtStart, looksLikeFernet } from '@lockfast/core/formats';

import type { FormatName } from '../stored-format.ts';
import type { SearchedColumn } from './search.ts';

export interface Sighting {
  readonly format: FormatName;
  /** The members that lead to it, in JSON. An element of a list has its number. */
  readonly path: readonly (string | number)[];
  /** Whether it is all of the text there. */
  readonly whole: boolean;
  /** The key that an lfv1 value names. */
  readonly keyId: KeyId | undefined;
  /** A Fernet token, which names none. */
  readonly token: string | undefined;
}

type Path = Sighting['path'];

const LFV1 = /lfv1\.[a-z][a-z2-7]{5}\.[A-Za-z0-9_-]{98,}/g;
const FERNET = /gAAAAA[A-Za-z0-9_-]{92,}={0,2}/g;
/** The start of an lfv1 value in its binary form, and the least that follows it. */
const LFV1_BINARY = /lfv1\.[a-z][a-z2-7]{5}\./g;
const LEAST_BODY_BYTES = 73;
/** In longer text other characters may follow without a gap: a value is looked for in what is left without them. */
const MOST_FOLLOWING = 24;
/** Deeper than PostgreSQL's own limit nobody nests. */
const MOST_DEPTH = 1000;

/** Well-formed ones: a beginning alone is none. */
export function sightingsIn(value: string | Buffer, form: SearchedColumn['form']): Sighting[] {
  if (typeof value !== 'string') return inBytes(value);
  if (form !== 'json') return inText(value, []);
  try {
    return inJson(JSON.parse(value), []);
  } catch {
    // Not every text is a document; and a long one was cut.
    return inText(value, []);
  }
}

function inJson(value: unknown, path: Path): Sighting[] {
  if (typeof value === 'string') return inText(value, path);
  if (typeof value !== 'object' || value === null || path.length > MOST_DEPTH) return [];
  if (Array.isArray(value)) return value.flatMap((one, at) => inJson(one, [...path, at]));
  // A member's name is text, too.
  return Object.entries(value).flatMap(([name, one]) => [...inText(name, path).map((seen) => ({ ...seen, whole: false })), ...inJson(one, [...path, name])]);
}

function inText(text: string, path: Path): Sighting[] {
  const found: Sighting[] = [];
  for (const [candidate] of text.matchAll(LFV1)) {
    const value = within(candidate, isEncrypted);
    if (value !== undefined) found.push({ format: 'lfv1', path, whole: value === text, keyId: keyIdAtStart(value), token: undefined });
  }
  for (const [candidate] of text.matchAll(FERNET)) {
    const token = within(candidate, looksLikeFernet);
    if (token !== undefined) found.push({ format: 'fernet', path, whole: token === text, keyId: undefined, token });
  }
  return found;
}

function inBytes(bytes: Buffer): Sighting[] {
  const text = bytes.toString('latin1');
  const found = inText(text, []);
  // In its text form it was found already, and counts once.
  if (found.some(({ format }) => format === 'lfv1')) return found;
  const [start] = text.matchAll(LFV1_BINARY);
  if (start === undefined || bytes.length - start.index - start[0].length < LEAST_BODY_BYTES) return found;
  return [...found, { format: 'lfv1', path: [], whole: start.index === 0 && isEncrypted(bytes), keyId: keyIdAtStart(start[0]), token: undefined }];
}

function within(candidate: string, isOne: (text: string) => boolean): string | undefined {
  for (let following = 0; following <= MOST_FOLLOWING; following++) {
    const text = candidate.slice(0, candidate.length - following);
    if (isOne(text)) return text;
  }
  return undefined;
}
