/**
 * The layout of an encrypted env file: its text, without any key. `docs/formats/env-file.md` specifies it.
 *
 * header   #lockfast-env/V environment=E tenant=T key=ID derivation=D salt=S ring=R:G:H revision=N
 * lines    NAME=lfv1...   export NAME=lfv1...   #=lfv1...
 * last     #lockfast-end check=C mac=M sha256=H
 */
import { createHash } from 'node:crypto';

import { LockfastError } from '../errors.ts';
import { checkIterations, type Derivation, SALT_BYTES } from '../formats/derivation.ts';
import { isKeyId, type KeyId } from '../formats/key-id.ts';
import type { RingVersion } from '../keyring/key-ring.ts';
import { isEnvironmentName } from '../keyring/ring-document.ts';
import type { TenantSecretId } from '../keyring/tenant-record.ts';
import type { Entry } from './document.ts';

export interface FileHeader {
  readonly environment: string;
  /** Empty for a file that belongs to no tenant. */
  readonly tenant: string;
  readonly key: KeyId;
  readonly derivation: Derivation;
  /** The tenant's own secret that takes part in the derivation; null where none does. */
  readonly tenantSecret: TenantSecretId | null;
  readonly salt: Buffer;
  /** The key ring that the file was written with. */
  readonly ring: RingVersion;
  /** Counts the versions of this file, from 1. */
  readonly revision: number;
}

export interface FileLine {
  readonly kind: Entry['kind'];
  readonly name: string;
  /** An encrypted value as text. */
  readonly value: string;
}

export interface ParsedFile {
  readonly header: FileHeader;
  readonly lines: readonly FileLine[];
  readonly check: Buffer;
  readonly mac: Buffer;
  /** What `mac` covers. */
  readonly covered: Buffer;
}

const MAGIC = '#lockfast-env/';
/** Where a tenant's own secret takes part it is that of the key ring that has it, so that a reader of 1 refuses it as newer. There is no 2. */
const [VERSION, WITH_TENANT_VERSION] = ['1', '3'];
const MAGICS: ReadonlySet<string> = new Set([`${MAGIC}${VERSION}`, `${MAGIC}${WITH_TENANT_VERSION}`]);
const WITH_TENANT_SECRET = /^(.+)\+tenant:([a-z2-7]{16})$/;
const LAST = /\n#lockfast-end check=([A-Za-z0-9_-]{22}) mac=([A-Za-z0-9_-]{43}) sha256=([A-Za-z0-9_-]{43})\n$/;
const LAST_LENGTH = '\n#lockfast-end check= mac= sha256=\n'.length + 22 + 43 + 43;
const LINE = /^(?:(export )?([A-Za-z0-9_.-]+)|#)=(lfv1\.[A-Za-z0-9_.-]+)$/;
const FIELDS = ['environment', 'tenant', 'key', 'derivation', 'salt', 'ring', 'revision'] as const;

/** Whether these bytes are, or were, an encrypted env file: a cut or altered one is still one. */
export function isEncryptedFile(bytes: Uint8Array): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return beginsEncrypted(buffer) || tailOf(buffer).includes('#lockfast-end ');
}

/** Whether these bytes, the first of a file, are those of an encrypted env file; a beginning of that beginning counts. */
export function beginsEncrypted(start: Buffer): boolean {
  return start.length > 0 && MAGIC.startsWith(start.toString('latin1', 0, MAGIC.length));
}

/**
 * The header, from the first bytes of a file. Nothing vouches for it: it serves to look at many files fast.
 *
 * @param where how errors name the file
 * @throws LockfastError `empty-file`, `not-encrypted`, `damaged`, `unsupported-format`, `parameters-out-of-range`
 */
export function parseStart(start: Buffer, where: string): FileHeader {
  if (start.length === 0) throw emptyFile(where);
  const end = start.indexOf('\n');
  if (!beginsEncrypted(start)) throw notEncrypted(where);
  if (end === -1) throw damaged(where, 'is cut short');
  return parseHeader(start.toString('latin1', 0, end), where);
}

/**
 * @param where how errors name the file
 * @throws LockfastError `empty-file`, `not-encrypted`, `damaged`, `unsupported-format`, `parameters-out-of-range`
 */
export function parseFile(bytes: Uint8Array, where: string): ParsedFile {
  const { covered, body, check, mac } = parseSummed(bytes, where);
  const [first, ...rest] = body.split('\n');
  return { header: parseHeader(first!, where), lines: rest.map((line) => parseLine(line, where)), check, mac, covered };
}

/**
 * The names that a file sets. Its own checksum and the layout of each line are checked, its header is not looked at.
 *
 * @param where how errors name the file
 * @throws LockfastError `empty-file`, `not-encrypted`, `damaged`
 */
export function parseNames(bytes: Uint8Array, where: string): Set<string> {
  const names = new Set<string>();
  const { body } = parseSummed(bytes, where);
  for (const line of body.split('\n').slice(1)) {
    const { kind, name } = parseLine(line, where);
    if (kind !== 'other') names.add(name);
  }
  return names;
}

/** The header of a file whose own checksum is right. Its lines are not looked at. @throws LockfastError as {@link parseFile} */
export function parseSummedHeader(bytes: Uint8Array, where: string): FileHeader {
  const { body } = parseSummed(bytes, where);
  const end = body.indexOf('\n');
  return parseHeader(end === -1 ? body : body.slice(0, end), where);
}

/** A file whose checksum is right: header and lines as text. @throws LockfastError `empty-file`, `not-encrypted`, `damaged` */
function parseSummed(bytes: Uint8Array, where: string): Pick<ParsedFile, 'check' | 'mac' | 'covered'> & { readonly body: string } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (buffer.length === 0) throw emptyFile(where);
  if (!isEncryptedFile(buffer)) throw notEncrypted(where);
  const [last, check, mac, sha256] = LAST.exec(tailOf(buffer)) ?? [];
  if (last === undefined) throw cut(where);
  const [checkBytes, macBytes] = [Buffer.from(check!, 'base64url'), Buffer.from(mac!, 'base64url')];
  const hashed = buffer.subarray(0, buffer.length - (43 + 1));
  if (createHash('sha256').update(hashed).digest('base64url') !== sha256) throw damaged(where, 'does not match its own checksum');
  // Nothing covers the digits of the MAC itself: their surplus bits would give one file four spellings.
  if (macBytes.toString('base64url') !== mac) throw damaged(where, 'has a last line that is not laid out as it must be');
  return {
    body: buffer.toString('latin1', 0, buffer.length - last.length),
    check: checkBytes,
    mac: macBytes,
    // All before the digits of the MAC: the check value and " mac=" included.
    covered: buffer.subarray(0, hashed.length - ' sha256='.length - 43),
  };
}

/** The bytes that the MAC covers, for a file that is being written. */
export function printCovered(header: FileHeader, lines: readonly FileLine[], check: Buffer): Buffer {
  const text = [printHeader(header), ...lines.map(printLine)].join('\n');
  return Buffer.from(`${text}\n#lockfast-end check=${check.toString('base64url')} mac=`, 'latin1');
}

/** The whole file. */
export function printFile(covered: Buffer, mac: Buffer): Buffer {
  const hashed = Buffer.concat([covered, Buffer.from(`${mac.toString('base64url')} sha256=`, 'latin1')]);
  const sha256 = createHash('sha256').update(hashed).digest('base64url');
  return Buffer.concat([hashed, Buffer.from(`${sha256}\n`, 'latin1')]);
}

function tailOf(buffer: Buffer): string {
  return buffer.toString('latin1', Math.max(0, buffer.length - LAST_LENGTH));
}

function printHeader(header: FileHeader): string {
  const { derivation, tenantSecret, ring } = header;
  const method = derivation.name === 'hkdf' ? 'hkdf' : `${derivation.name}:${derivation.iterations}`;
  const values: Record<(typeof FIELDS)[number], string> = {
    environment: encodeURIComponent(header.environment),
    tenant: encodeURIComponent(header.tenant),
    key: header.key,
    derivation: tenantSecret === null ? method : `${method}+tenant:${tenantSecret}`,
    salt: header.salt.toString('base64url'),
    ring: `${ring.ring}:${ring.generation}:${ring.digest}`,
    revision: String(header.revision),
  };
  return [`${MAGIC}${tenantSecret === null ? VERSION : WITH_TENANT_VERSION}`, ...FIELDS.map((name) => `${name}=${values[name]}`)].join(' ');
}

function parseHeader(line: string, where: string): FileHeader {
  const [magic, ...parts] = line.split(' ');
  if (!MAGICS.has(magic!)) {
    throw new LockfastError('unsupported-format', `${where} has a format that this Lockfast does not know`, 'upgrade Lockfast on this machine');
  }
  const values = parts.map((part, i) => (part.startsWith(`${FIELDS[i]}=`) ? part.slice(FIELDS[i]!.length + 1) : undefined));
  const [environment, tenant, key, derivation, salt, ring, revision] = values;
  // Which version has a tenant's secret, printing the header shows.
  const [, method = derivation, tenantSecret] = WITH_TENANT_SECRET.exec(derivation ?? '') ?? [];
  const [ringId, generation, digest] = ring?.split(':') ?? [];
  const header: FileHeader = {
    environment: decoded(environment) ?? '',
    tenant: decoded(tenant) ?? '',
    key: key ?? '',
    derivation: parseDerivation(method ?? '', where),
    tenantSecret: tenantSecret ?? null,
    salt: Buffer.from(salt ?? '', 'base64url'),
    ring: { ring: ringId ?? '', generation: Number(generation), digest: digest ?? '' },
    revision: Number(revision),
  };
  // One text per header: what does not print back is refused, so no field has a second spelling.
  const whole =
    isEnvironmentName(header.environment) &&
    isKeyId(header.key) &&
    header.salt.length === SALT_BYTES &&
    /^[a-z2-7]{16}$/.test(header.ring.ring) &&
    /^[A-Za-z0-9_-]{43}$/.test(header.ring.digest) &&
    isCount(header.ring.generation) &&
    isCount(header.revision) &&
    printHeader(header) === line;
  if (!whole) throw damaged(where, 'has a header that is not laid out as it must be');
  return header;
}

function parseDerivation(text: string, where: string): Derivation {
  if (text === 'hkdf') return { name: 'hkdf' };
  const [, iterations] = /^pbkdf2-sha256:([1-9][0-9]{0,11})$/.exec(text) ?? [];
  if (iterations === undefined) throw damaged(where, 'has a header that is not laid out as it must be');
  checkIterations(Number(iterations));
  return { name: 'pbkdf2-sha256', iterations: Number(iterations) };
}

function printLine({ kind, name, value }: FileLine): string {
  if (kind === 'other') return `#=${value}`;
  return kind === 'export' ? `export ${name}=${value}` : `${name}=${value}`;
}

function parseLine(line: string, where: string): FileLine {
  const [, exported, name, value] = LINE.exec(line) ?? [];
  if (value === undefined) throw damaged(where, 'has a line that is not laid out as it must be');
  return { kind: name === undefined ? 'other' : exported === undefined ? 'assignment' : 'export', name: name ?? '', value };
}

function decoded(text: string | undefined): string | undefined {
  try {
    return text === undefined ? undefined : decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1;
}

function emptyFile(where: string): LockfastError {
  return new LockfastError('empty-file', `${where} is empty`, 'restore it from git or a backup');
}

function notEncrypted(where: string): LockfastError {
  return new LockfastError('not-encrypted', `${where} is not an encrypted env file`, 'encrypt a plaintext file with: lockfast env encrypt; take one of another tool over with: lockfast env convert');
}

function cut(where: string): LockfastError {
  return damaged(where, 'is cut short, or something follows its last line');
}

function damaged(where: string, what: string): LockfastError {
  return new LockfastError('damaged', `${where} ${what}`, 'restore it from git or a backup');
}
