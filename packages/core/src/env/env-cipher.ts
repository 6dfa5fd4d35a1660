/** Encrypts entries into an encrypted env file and opens one: the layout of `encrypted-file.ts` under the keys of a ring. */
import { randomBytes } from 'node:crypto';

import { LockfastError } from '../errors.ts';
import { shownPath } from '../files/shown-path.ts';
import { type Derivation, expand, extract, HKDF, hmac, SALT_BYTES } from '../formats/derivation.ts';
import { isEncrypted } from '../formats/lfv1.ts';
import { lengthPrefixed } from '../formats/length-prefix.ts';
import type { ValueCipher } from '../formats/value-cipher.ts';
import { equalBytes } from '../formats/xaes.ts';
import type { KeyRing } from '../keyring/key-ring.ts';
import { refuseOlderRing } from '../keyring/ring-floor.ts';
import { holdsRootKey } from '../keyring/root-key.ts';
import type { Secret } from '../keyring/secret.ts';
import { type Clock, systemClock } from '../ports.ts';
import { type Entry, printEntries, splitEntries } from './document.ts';
import { type FileHeader, type FileLine, parseFile, printCovered, printFile } from './encrypted-file.ts';

/** Whose file it is. The environment is the ring's. */
export interface EnvScope {
  readonly ring: KeyRing;
  /** Empty for a file that belongs to no tenant. */
  readonly tenant: string;
}

/** An encrypted env file, verified and decrypted. */
export interface OpenedEnvFile {
  /** As it was read. */
  readonly bytes: Buffer;
  readonly header: FileHeader;
  /** One a line, in order. */
  readonly lines: readonly FileLine[];
  readonly entries: readonly Entry[];
}

/** The original bytes of the env file. */
export function plaintextOf(file: OpenedEnvFile): Buffer {
  return printEntries(file.entries);
}

/**
 * Verifies and decrypts. Nothing comes out of a file that is not whole and authentic.
 *
 * @param where how errors name the file
 * @param previous an opened version of it: a line that has the same ciphertext under the same keys is not decrypted again
 * @throws LockfastError `empty-file`, `not-encrypted`, `damaged`, `unsupported-format`, `parameters-out-of-range`,
 *   `wrong-environment`, `wrong-tenant`, `missing-key`, `key-not-usable`, `wrong-key`, `tampered`, `ring-older`
 */
export function openEnvFile(bytes: Uint8Array, scope: EnvScope, where: string, previous?: OpenedEnvFile): OpenedEnvFile {
  return namingFile(where, () => {
    const { header, lines, check, mac, covered } = parseFile(bytes, where);
    checkScope(header, scope, where);
    const keys = fileKeys(scope.ring, header);
    if (!equalBytes(keys.check, check)) {
      throw new LockfastError('wrong-key', `${where} was encrypted under another key`, 'check that key ring and file belong together');
    }
    if (!equalBytes(macOf(keys.mac, covered), mac)) {
      throw new LockfastError('tampered', `${where} was altered by someone without the key`, 'find out who, and restore it from git or a backup');
    }
    refuseOlderRing(scope.ring.version, header.ring, where);
    const cipher = fileCipher(scope, header);
    const known = previous?.header.tenant === header.tenant && haveSameKeys(previous.header, header) ? entriesByLine(previous) : undefined;
    const entries = lines.map((line) => known?.get(textOf(line)) ?? openLine(line, cipher, scope.tenant, where));
    return { bytes: Buffer.from(bytes), header, lines, entries };
  });
}

/**
 * Whether a file of this header could be opened: it is of this environment and tenant, and the ring has its key. Nobody has
 * vouched for the header.
 *
 * @throws LockfastError `wrong-environment`, `wrong-tenant`, `missing-key`, `key-not-usable`, `ring-older`
 */
export function checkHeader(header: FileHeader, scope: EnvScope, where: string): void {
  namingFile(where, () => {
    checkScope(header, scope, where);
    scope.ring.decrypting(header.key);
    tenantSecretOf(scope.ring, header);
    refuseOlderRing(scope.ring.version, header.ring, where);
  });
}

function namingFile<T>(where: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    // Keys and their parameters know of no file.
    if (!(error instanceof LockfastError) || error.message.includes(where)) throw error;
    throw new LockfastError(error.code, `${where}: ${error.message}`, error.hint, error);
  }
}

function entriesByLine({ lines, entries }: OpenedEnvFile): ReadonlyMap<string, Entry> {
  return new Map(lines.map((line, i) => [textOf(line), entries[i]!]));
}

/** All that a line's entry depends on, under one key and tenant. */
function textOf({ kind, name, value }: FileLine): string {
  return `${kind} ${name} ${value}`;
}

/**
 * When each line of an opened file was encrypted, in milliseconds since the Unix epoch; undefined where it does not say.
 * A line that did not change keeps its ciphertext, and so its time; a rotation of the data key gives all of them a new one.
 */
export function encryptedAt({ header, lines }: Pick<OpenedEnvFile, 'header' | 'lines'>, scope: EnvScope): readonly (number | undefined)[] {
  const now = Date.now();
  const cipher = fileCipher(scope, header, { now: () => now });
  return lines.map((line) => {
    const age = cipher.ageOf(line.value, { tenant: scope.tenant, place: [placeOf(line)] });
    return age === undefined ? undefined : now - age;
  });
}

export interface EnvEncryption {
  readonly entries: readonly Entry[];
  /** The file that is replaced, if there is one: an entry that did not change keeps its ciphertext. */
  readonly previous?: OpenedEnvFile | undefined;
  /** For a new file; an existing one keeps its own. */
  readonly derivation?: Derivation | undefined;
  /** The new revision is above this one, also where nothing changed: a merge gives the highest revision of its sides. */
  readonly revisionAbove?: number | undefined;
  /** Also under the same key: derived with the tenant's own secret, if the ring has one. Otherwise an existing file keeps its derivation while its key is the active one. */
  readonly renewed?: boolean | undefined;
  /** Further files whose ciphertext may be kept, where salt and key are the same. */
  readonly alsoKeep?: readonly OpenedEnvFile[] | undefined;
}

/**
 * The bytes of the encrypted file. When nothing changed they are those of `previous`, revision included.
 *
 * @throws LockfastError `root-key-in-env`, `already-encrypted`, `too-large`
 */
export function encryptEnvFile({ entries, previous, derivation, revisionAbove = 0, renewed = false, alsoKeep = [] }: EnvEncryption, scope: EnvScope, clock: Clock = systemClock): Buffer {
  entries.forEach(refuseEntry);
  const { ring, tenant } = scope;
  const key = ring.active().id;
  const keepsDerivation = previous?.header.key === key && !renewed;
  const header: FileHeader = {
    environment: ring.environment,
    tenant,
    key,
    derivation: previous?.header.derivation ?? derivation ?? HKDF,
    // Where every line is new anyway, a file that was made before its tenant's secret comes to be derived with it.
    tenantSecret: keepsDerivation ? previous.header.tenantSecret : (ring.tenantSecretId(tenant) ?? null),
    salt: previous?.header.salt ?? randomBytes(SALT_BYTES),
    ring: ring.version,
    revision: Math.max(previous?.header.revision ?? 0, revisionAbove) + 1,
  };
  const keys = fileKeys(ring, header);
  const kept = keptValues([...(previous === undefined ? [] : [previous]), ...alsoKeep], header);
  const lines = encryptLines(entries, kept, fileCipher(scope, header, clock), tenant);
  // The keys are compared, too: in a file without lines nothing else shows that there are others.
  const same = previous !== undefined && haveSameKeys(previous.header, header) && sameLines(lines, previous.lines);
  if (same && revisionAbove < previous.header.revision) return previous.bytes;
  const covered = printCovered(header, lines, keys.check);
  return printFile(covered, macOf(keys.mac, covered));
}

function encryptLines(entries: readonly Entry[], kept: KeptValues, cipher: ValueCipher, tenant: string): FileLine[] {
  const values = entries.map((entry) => kept.take(entry));
  const missing = entries.filter((_, i) => values[i] === undefined);
  const fresh = cipher.encryptBatch(
    missing.map(({ bytes }) => bytes),
    missing.map((entry) => ({ tenant, place: [placeOf(entry)] })),
  );
  let next = 0;
  return entries.map(({ kind, name }, i) => ({ kind, name, value: values[i] ?? fresh[next++]! }));
}

/** Ciphertext of files under the same key, salt and derivation, by the entry that it holds. */
class KeptValues {
  readonly #known = new Set<string>();
  /** For each entry its values in order, and how many of them serve already. */
  readonly #values = new Map<string, { readonly values: string[]; taken: number }>();

  add(entry: Entry, value: string): void {
    if (this.#known.has(value)) return;
    this.#known.add(value);
    const key = identity(entry);
    const kept = this.#values.get(key);
    if (kept === undefined) this.#values.set(key, { values: [value], taken: 0 });
    else kept.values.push(value);
  }

  /** Each value serves once: two equal lines under one ciphertext would show that they are equal. */
  take(entry: Entry): string | undefined {
    const kept = this.#values.get(identity(entry));
    return kept === undefined ? undefined : kept.values[kept.taken++];
  }
}

function keptValues(files: readonly OpenedEnvFile[], header: FileHeader): KeptValues {
  const kept = new KeptValues();
  for (const file of files) {
    if (haveSameKeys(file.header, header)) file.entries.forEach((entry, i) => kept.add(entry, file.lines[i]!.value));
  }
  return kept;
}

/** Whether their values are under one key K. */
function haveSameKeys(a: FileHeader, b: FileHeader): boolean {
  return a.key === b.key && a.salt.equals(b.salt) && a.tenantSecret === b.tenantSecret && sameDerivation(a.derivation, b.derivation);
}

function sameDerivation(a: Derivation, b: Derivation): boolean {
  return a.name === b.name && (a.name === 'hkdf' || b.name === 'hkdf' || a.iterations === b.iterations);
}

function sameLines(a: readonly FileLine[], b: readonly FileLine[]): boolean {
  return a.length === b.length && a.every((line, i) => line.value === b[i]!.value && line.name === b[i]!.name && line.kind === b[i]!.kind);
}

function identity({ kind, name, bytes }: Entry): string {
  return `${kind} ${name} ${bytes.toString('latin1')}`;
}

/** What stands for the variable's name in the context: `#` is no name, so the two can't meet. */
function placeOf({ kind, name }: Pick<Entry, 'kind' | 'name'>): string {
  return kind === 'other' ? '#' : name;
}

function openLine(line: FileLine, cipher: ValueCipher, tenant: string, where: string): Entry {
  const bytes = cipher.decryptBytes(line.value, { tenant, place: [placeOf(line)] });
  const [entry, ...more] = splitEntries(bytes);
  // The name that people see must be the name inside: it is what a review of the encrypted file relies on.
  if (entry === undefined || more.length > 0 || entry.kind !== line.kind || entry.name !== line.name) {
    throw new LockfastError('tampered', `${where} shows a name that is not the one inside`, 'restore it from git or a backup');
  }
  return entry;
}

function checkScope(header: FileHeader, { ring, tenant }: EnvScope, where: string): void {
  if (header.environment !== ring.environment) {
    throw new LockfastError(
      'wrong-environment',
      `${where} is of the environment ${header.environment}, the key ring of ${ring.environment}`,
      `use the key ring of ${header.environment}; to move values, decrypt there and encrypt here`,
    );
  }
  if (header.tenant !== tenant) {
    // Nobody has vouched for the header yet: it may hold a terminal's control characters.
    const [belongs, asked] = [header.tenant, tenant].map((name) => (name === '' ? 'no tenant' : `the tenant ${shownPath(name)}`));
    throw new LockfastError(
      'wrong-tenant',
      `${where} belongs to ${belongs}, not to ${asked}`,
      header.tenant === '' ? 'leave --tenant out' : 'give that one with --tenant if it is the file you mean',
    );
  }
}

function refuseEntry({ kind, name, bytes }: Entry): void {
  const text = bytes.toString('latin1');
  if (holdsRootKey(text)) {
    throw new LockfastError(
      'root-key-in-env',
      kind === 'other' ? 'a comment holds a root key' : `${name} holds a root key`,
      'take it out: a root key beside the file that it opens protects nothing; keep it in a file outside, or in the environment',
    );
  }
  // Whatever follows it: with a comment behind it, it is one all the same.
  const [, value] = kind === 'other' ? [] : (/^[^=]*=[ \t]*['"`]?(lfv1\.[A-Za-z0-9_.-]+)/.exec(text) ?? []);
  if (isEncrypted(value)) {
    throw new LockfastError('already-encrypted', `${name} holds an encrypted value already`, 'decrypt the file that it came from and take the plaintext');
  }
}

interface FileKeys {
  readonly check: Buffer;
  readonly mac: Buffer;
}

function fileKeys(ring: KeyRing, header: FileHeader): FileKeys {
  const { key, salt, derivation, environment, tenant } = header;
  const prk = extract(ring.decrypting(key).secret, salt, derivation, tenantSecretOf(ring, header));
  const keys = {
    check: expand(prk, lengthPrefixed(['lockfast/env-check']), 16),
    mac: expand(prk, lengthPrefixed(['lockfast/env-mac', environment, tenant])),
  };
  prk.fill(0);
  return keys;
}

/** @throws LockfastError `missing-key` */
function tenantSecretOf(ring: KeyRing, { tenant, tenantSecret }: FileHeader): Secret | undefined {
  return tenantSecret === null ? undefined : ring.tenantSecret(tenant, tenantSecret);
}

function macOf(key: Buffer, covered: Buffer): Buffer {
  return hmac(key).update(covered).digest();
}

function fileCipher({ ring }: EnvScope, header: FileHeader, clock: Clock = systemClock): ValueCipher {
  const { salt, derivation } = header;
  return ring.cipher({ purpose: 'env', salt, derivation, tenantSecret: tenantSecretOf(ring, header), clock });
}
