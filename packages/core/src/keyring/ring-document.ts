/** The key ring as a document: its members, and the check that a parsed file has exactly these. `docs/formats/key-ring.md`. */
import { createHash } from 'node:crypto';

import { LockfastError } from '../errors.ts';
import { isKeyId, type KeyId } from '../formats/key-id.ts';
import { canonicalJson, type Json, parseJson } from '../formats/canonical-json.ts';
import { areIndexKeyRecords, INDEX_KEY_STATES, type IndexKeyRecord, isIndexName } from './index-key-record.ts';
import { areTenantRecords } from './tenant-record.ts';

/** A recovery backup is a key ring whose one source is a passphrase. */
type RingKind = 'keyring' | 'backup';

/**
 * What is written: `/4` from the first index key on, `/3` from the first tenant's secret on, which a reader of an earlier one
 * must refuse, since it would lose them; and `/2` without. `/1`, without the later moments of a key, is still read.
 */
export function ringFormat(kind: RingKind, { tenants, indexes }: Pick<RingDocument, 'tenants' | 'indexes'>): string {
  if (indexes.length > 0) return `lockfast-${kind}/4`;
  return `lockfast-${kind}/${tenants.length === 0 ? 2 : 3}`;
}

/** Each may cost a key derivation of seconds: a file must not be able to burn an hour. */
export const MOST_SOURCES = 64;

const KEY_STATES = ['staged', 'active', 'draining', 'retired', 'destroyed'] as const;
export type KeyState = (typeof KEY_STATES)[number];

export interface KeyRecord {
  readonly id: KeyId;
  readonly state: KeyState;
  /** ISO 8601, UTC, milliseconds. */
  readonly created: string;
  readonly activated: string | null;
  /** When another key took its place; null, too, for one that did so under format 1. */
  readonly drained: string | null;
  readonly retired: string | null;
  readonly destroyed: string | null;
  /** When it was marked as known to somebody who must not know it. Stands beside any state. */
  readonly compromised: string | null;
  /** `sha256:` and the hex of SHA-256("lockfast-fp" | key). */
  readonly fingerprint: string;
  /** Empty for a destroyed key. */
  readonly wrapped: string;
}

export interface SourceRecord {
  /** As the configuration of whoever added it names it. */
  readonly source: string;
  readonly added: string;
  /** The ring's own key, wrapped by this source. */
  readonly wrapped: string;
}

/** The MAC key of one epoch of a ledger, kept in a recovery backup. */
interface LedgerRecord {
  /** The ledger's id. */
  readonly log: string;
  readonly epoch: number;
  /** Under the ring's own key. */
  readonly wrapped: string;
}

/** Any of the formats, with null for what an earlier one does not know. */
export interface RingDocument {
  readonly format: string;
  readonly ring: string;
  readonly environment: string;
  readonly generation: number;
  /** When the last recovery backup was written, or null. */
  readonly backup: string | null;
  /** When somebody with access left after the last rotation, or null. */
  readonly departure: string | null;
  /** Only in a backup. */
  readonly ledger: LedgerRecord | null;
  readonly sources: readonly SourceRecord[];
  readonly keys: readonly KeyRecord[];
  /** The tenants' own secrets as `tenant-record.ts` prints them, in the order of their ids. */
  readonly tenants: readonly string[];
  /** The keys of blind indexes, in the order in which they were made. */
  readonly indexes: readonly IndexKeyRecord[];
  /** base64url of HMAC-SHA256 over the RFC 8785 bytes of all other members of its format. */
  readonly mac: string;
}

/** @throws LockfastError `ring-malformed`, `unsupported-format` */
export function parseRing(text: string, where: string): RingDocument {
  let value: Json;
  try {
    value = parseJson(text);
  } catch {
    throw malformed(where, 'is not JSON, or names a member twice');
  }
  if (!isObject(value) || typeof value['format'] !== 'string') throw malformed(where, 'is no key ring');
  const known = FORMATS.get(value['format']);
  if (known === undefined) {
    if (value['format'].startsWith('lockfast-')) {
      throw new LockfastError('unsupported-format', `${where} has a format that this Lockfast does not know`, 'upgrade Lockfast on this machine');
    }
    throw malformed(where, 'is no key ring');
  }
  if (!matches(value, known.ring)) throw malformed(where, 'lacks a member, or one is not what it must be');
  const document = { ...UNKNOWN_TO_RING, ...(value as unknown as RingDocument) };
  const ids = new Set(document.keys.map(({ id }) => id));
  const active = document.keys.filter(({ state }) => state === 'active').length;
  if (ids.size !== document.keys.length || active > 1) throw malformed(where, 'names a key twice, or has two active keys');
  if (!areTenantRecords(document.tenants)) throw malformed(where, 'names tenants\' keys that are not what they must be, or one twice');
  if (!areIndexKeyRecords(document.indexes, ids)) throw malformed(where, 'names index keys that are not what they must be, or one twice');
  return { ...document, keys: document.keys.map((key) => ({ ...UNKNOWN_TO_KEY, ...key })) };
}

export function isBackup({ format }: RingDocument): boolean {
  return format.startsWith('lockfast-backup/');
}

export function printRing(document: RingDocument): string {
  return `${JSON.stringify(written(document), null, 2)}\n`;
}

/** The bytes that the MAC covers: a ring of an earlier format has exactly the members of that format. */
export function authenticatedBytes(document: RingDocument): Buffer {
  const { mac: _, ...rest } = written(document);
  return Buffer.from(canonicalJson(rest), 'utf8');
}

/** SHA-256 of the whole ring in canonical form, base64url: which of two rings of one generation it is. */
export function ringDigest(document: RingDocument): string {
  return createHash('sha256').update(canonicalJson(written(document))).digest('base64url');
}

type Check = (value: Json | undefined) => boolean;

const FINGERPRINT = /^sha256:[0-9a-f]{64}$/;

const text: Check = (value) => typeof value === 'string' && value !== '';
const time: Check = (value) => typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value);
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);

const SOURCE: Record<string, Check> = { source: text, added: time, wrapped: text };
const INDEX_KEY: Record<string, Check> = {
  id: (value) => typeof value === 'string' && isKeyId(value),
  index: (value) => typeof value === 'string' && isIndexName(value),
  state: (value) => INDEX_KEY_STATES.includes(value as IndexKeyRecord['state']),
  created: time,
  activated: orNull(time),
  replaced: orNull(time),
  destroyed: orNull(time),
  fingerprint: (value) => typeof value === 'string' && FINGERPRINT.test(value),
  wrapped: (value) => typeof value === 'string',
};
const LEDGER: Record<string, Check> = { log: text, epoch: (value) => Number.isSafeInteger(value) && (value as number) >= 0, wrapped: text };

/** In the order in which they are printed. @param later what formats after the first added */
function keyMembers(later: Record<string, Check>): Record<string, Check> {
  return {
    id: (value) => typeof value === 'string' && isKeyId(value),
    state: (value) => KEY_STATES.includes(value as KeyState),
    created: time,
    activated: orNull(time),
    ...later,
    fingerprint: (value) => typeof value === 'string' && FINGERPRINT.test(value),
    wrapped: (value) => typeof value === 'string',
  };
}

/** @param last what formats after the second added */
function ringMembers(later: Record<string, Check>, key: Record<string, Check>, last: Record<string, Check>): Record<string, Check> {
  return {
    format: text,
    ring: (value) => typeof value === 'string' && /^[a-z2-7]{16}$/.test(value),
    environment: (value) => typeof value === 'string' && isEnvironmentName(value),
    generation: (value) => Number.isSafeInteger(value) && (value as number) >= 1,
    backup: orNull(time),
    ...later,
    sources: (value) => listOf(SOURCE)(value) && (value as readonly Json[]).length <= MOST_SOURCES,
    keys: listOf(key),
    ...last,
    mac: text,
  };
}

interface Format {
  readonly ring: Record<string, Check>;
  readonly key: Record<string, Check>;
}

function formatOf(key: Record<string, Check>, later: Record<string, Check>, last: Record<string, Check> = {}): Format {
  return { ring: ringMembers(later, key, last), key };
}

const KEY_1 = keyMembers({});
const KEY_2 = keyMembers({ drained: orNull(time), retired: orNull(time), destroyed: orNull(time), compromised: orNull(time) });

const LATER_2 = { departure: orNull(time) };
const LATER_2_OF_BACKUP = { ...LATER_2, ledger: orNull((value) => isObject(value) && matches(value, LEDGER)) };
const texts = (value: Json | undefined): value is readonly string[] => Array.isArray(value) && value.every((item) => typeof item === 'string');
const LAST_3: Record<string, Check> = { tenants: (value) => texts(value) && value.length > 0 };
const LAST_4: Record<string, Check> = { tenants: texts, indexes: listOf(INDEX_KEY) };

const FORMATS: ReadonlyMap<string, Format> = new Map([
  ['lockfast-keyring/1', formatOf(KEY_1, {})],
  ['lockfast-backup/1', formatOf(KEY_1, {})],
  ['lockfast-keyring/2', formatOf(KEY_2, LATER_2)],
  ['lockfast-backup/2', formatOf(KEY_2, LATER_2_OF_BACKUP)],
  ['lockfast-keyring/3', formatOf(KEY_2, LATER_2, LAST_3)],
  ['lockfast-backup/3', formatOf(KEY_2, LATER_2_OF_BACKUP, LAST_3)],
  ['lockfast-keyring/4', formatOf(KEY_2, LATER_2, LAST_4)],
  ['lockfast-backup/4', formatOf(KEY_2, LATER_2_OF_BACKUP, LAST_4)],
]);

/** What earlier formats say nothing about. */
const UNKNOWN_TO_RING = { departure: null, ledger: null, tenants: [], indexes: [] } as const;
const UNKNOWN_TO_KEY = { drained: null, retired: null, destroyed: null, compromised: null } as const;

/** Exactly the members of the document's own format. */
function written(document: RingDocument): { readonly [name: string]: Json } {
  const { ring, key } = FORMATS.get(document.format)!;
  return { ...only(document, ring), keys: document.keys.map((record) => only(record, key)), ...(ring['indexes'] === undefined ? {} : { indexes: document.indexes.map((record) => only(record, INDEX_KEY)) }) };
}

function only(value: RingDocument | KeyRecord | IndexKeyRecord, members: Record<string, Check>): { readonly [name: string]: Json } {
  return Object.fromEntries(Object.keys(members).map((name) => [name, (value as unknown as { readonly [name: string]: Json })[name]!]));
}

/** What an environment may be called: it stands in file headers and on command lines. */
export function isEnvironmentName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name);
}

function listOf(members: Record<string, Check>): Check {
  return (value) => Array.isArray(value) && value.length > 0 && value.every((item) => isObject(item) && matches(item, members));
}

function isObject(value: Json | undefined): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Exactly these members. An unknown one is of a later format, and dropping it on the next write would lose it. */
function matches(value: { readonly [name: string]: Json }, members: Record<string, Check>): boolean {
  const names = Object.keys(value);
  return names.length === Object.keys(members).length && names.every((name) => Object.hasOwn(members, name) && members[name]!(value[name]));
}

function malformed(where: string, what: string): LockfastError {
  return new LockfastError('ring-malformed', `${where} ${what}`, 'restore it from a backup or from git');
}
