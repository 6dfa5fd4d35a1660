/** One entry of the ledger, and its canonical bytes. `docs/formats/ledger.md` specifies them. */
import { isUtf8 } from 'node:buffer';

import { canonicalJson, type Json } from '@lockfast/core/formats';
import type { AuditEvent, AuditOutcome } from '@lockfast/core/ports';

/** Who did it, as the operating system tells it. */
export interface Actor {
  /** Name of the OS user that the process runs as. */
  readonly user: string;
  readonly uid: number;
  /** The user who called sudo, if one did. */
  readonly sudo?: string;
  /** The user id that logged in, which the kernel keeps through `su` and `sudo`; absent for services and in containers. */
  readonly login?: number;
  readonly host: string;
  readonly pid: number;
  /** The command, without operands: `lockfast env encrypt`. */
  readonly program: string;
}

/** `intent`: about to happen. `outcome`: how an intent ended. `event`: both at once. */
export type EntryKind = 'intent' | 'outcome' | 'event';

export interface LedgerEntry extends AuditEvent {
  readonly v: 1;
  readonly kind: EntryKind;
  /** ISO 8601, UTC, milliseconds. */
  readonly time: string;
  readonly actor: Actor;
  /** Absent in an intent. */
  readonly outcome?: AuditOutcome['outcome'];
  readonly code?: string;
  /** In an outcome: the number of the intent that it ends. */
  readonly intent?: number;
}

/** RFC 8785 in UTF-8; members that are not set are left out. The number of an entry is its place, and stands outside. */
export function printEntry(entry: LedgerEntry): Buffer {
  return Buffer.from(canonicalJson(withoutUnset(entry as unknown as Json)), 'utf8');
}

/** @throws SyntaxError for bytes that are no JSON in canonical form. Which members an entry has is `isWholeEntry`'s. */
export function parseEntry(bytes: Uint8Array): LedgerEntry {
  let value: Json;
  let isCanonical: boolean;
  try {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
    value = JSON.parse(text) as Json;
    // A member named twice and another spelling do not come back as they were; the first way is three times as fast.
    isCanonical = isUtf8(bytes) && ((isInOrder(value) && JSON.stringify(value) === text) || canonicalJson(value) === text);
  } catch (error) {
    throw new SyntaxError('no JSON, or a fraction, or too deep', { cause: error });
  }
  if (!isCanonical) throw new SyntaxError('not canonical');
  return value as unknown as LedgerEntry;
}

/** Whether members come sorted, and numbers are whole: `JSON.stringify` is canonical then. */
function isInOrder(value: Json): boolean {
  if (typeof value !== 'object' || value === null) return typeof value !== 'number' || Number.isSafeInteger(value);
  if (Array.isArray(value)) return value.every(isInOrder);
  let before: string | undefined;
  for (const [name, member] of Object.entries(value)) {
    if ((before !== undefined && before >= name) || !isInOrder(member)) return false;
    before = name;
  }
  return true;
}

/** Text of the operating system may hold half of a surrogate pair, which UTF-8 and RFC 8785 can't; it becomes U+FFFD. */
function withoutUnset(value: Json): Json {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value) || value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined).map(([name, member]) => [name.toWellFormed(), withoutUnset(member)]));
}
