/** One entry of the ledger, and its canonical bytes. `docs/formats/ledger.md` specifies them. */
import { canonicalJson, type Json, parseJson } from '@lockfast/core/formats';
import type { AuditEvent, AuditOutcome } from '@lockfast/core/ports';

/** Who did it, as the operating system tells it. */
export interface Actor {
  /** Name of the OS user that the process runs as. */
  readonly user: string;
  readonly uid: number;
  /** The user who called sudo, if one did. */
  readonly sudo?: string;
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

/** @throws SyntaxError for bytes that are no entry in canonical form */
export function parseEntry(bytes: Uint8Array): LedgerEntry {
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  const value = parseJson(text);
  if (canonicalJson(value) !== text) throw new SyntaxError('not canonical');
  return value as unknown as LedgerEntry;
}

function withoutUnset(value: Json): Json {
  if (Array.isArray(value) || value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined).map(([name, member]) => [name, withoutUnset(member as Json)]));
}
