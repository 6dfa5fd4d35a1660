import { createHash, createHmac, randomBytes } from 'node:crypto';

import { LockfastError } from '../errors.ts';
import type { DataKey, DataKeys } from '../formats/data-keys.ts';
import { expand, extract, HKDF, NO_SALT } from '../formats/derivation.ts';
import { type KeyId, newKeyId } from '../formats/key-id.ts';
import { lengthPrefixed } from '../formats/length-prefix.ts';
import { ValueCipher, type ValueScope } from '../formats/value-cipher.ts';
import { equalBytes } from '../formats/xaes.ts';
import { type Clock, type KeySource, systemClock } from '../ports.ts';
import {
  authenticatedBytes,
  BACKUP_FORMAT,
  isEnvironmentName,
  type KeyRecord,
  MOST_SOURCES,
  parseRing,
  printRing,
  RING_FORMAT,
  type RingDocument,
  ringDigest,
  type SourceRecord,
} from './ring-document.ts';
import { Secret } from './secret.ts';
import { unwrapKey, wrapKey } from './wrapping.ts';

/** Which ring this is, and which of its versions: what a floor remembers. */
export interface RingVersion {
  readonly ring: string;
  readonly generation: number;
  /** SHA-256 of the ring in canonical form, base64url. */
  readonly digest: string;
}

/**
 * The versioned data keys of one environment, opened. It never changes: each edit returns a new ring, one generation on,
 * which the caller must make durable before the first byte is encrypted under a new key.
 */
export class KeyRing implements DataKeys {
  readonly #document: RingDocument;
  /** The ring's own key RK: it wraps the data keys and keys the MAC. */
  readonly #ringKey: Secret;
  readonly #secrets = new Map<KeyId, Secret>();

  private constructor(document: RingDocument, ringKey: Secret) {
    this.#document = document;
    this.#ringKey = ringKey;
  }

  /** A new ring with one active key, wrapped by each of `sources`. @throws `source-unavailable` without any, and what a source's `wrap` throws */
  static async create(environment: string, sources: readonly KeySource[], clock: Clock = systemClock): Promise<KeyRing> {
    if (!isEnvironmentName(environment)) {
      throw new LockfastError('usage', 'the environment name is not usable', 'use letters, digits, dots, dashes and underscores, at most 64');
    }
    if (sources.length === 0) throw noSource();
    const ring = newRingId();
    const ringKey = Secret.random();
    const now = iso(clock);
    const key: KeyRecord = { ...newKey(ringKey, ring, environment, new Set(), now), state: 'active', activated: now };
    return KeyRing.#authenticated(
      { format: RING_FORMAT, ring, environment, generation: 1, backup: null, sources: await wrapped(ringKey, ring, environment, sources, now), keys: [key], mac: '' },
      ringKey,
    );
  }

  /**
   * Opens a ring with the first of `sources` that fits.
   *
   * @param text the ring's file
   * @param where how errors name it
   * @throws LockfastError `ring-malformed`, `unsupported-format`, `ring-tampered`, `wrong-key`, `source-unavailable`,
   *   and what else a source's `unwrap` throws
   */
  static async open(text: string, where: string, sources: readonly KeySource[]): Promise<KeyRing> {
    const document = parseRing(text, where);
    const ringKey = await unwrapped(document, sources);
    const ring = new KeyRing(document, ringKey);
    // As text: another spelling of the same bytes would change the digest of a ring that verifies.
    if (!equalBytes(Buffer.from(ring.#mac(document).toString('base64url')), Buffer.from(document.mac))) {
      throw new LockfastError('ring-tampered', `${where} was altered after it was written`, 'restore it from a backup or from git');
    }
    return ring;
  }

  get environment(): string {
    return this.#document.environment;
  }

  get keys(): readonly KeyRecord[] {
    return this.#document.keys;
  }

  get sources(): readonly SourceRecord[] {
    return this.#document.sources;
  }

  /** When the last recovery backup was written, ISO 8601, or null. */
  get backup(): string | null {
    return this.#document.backup;
  }

  get version(): RingVersion {
    const { ring, generation } = this.#document;
    return { ring, generation, digest: ringDigest(this.#document) };
  }

  /** The text of the ring's file. */
  print(): string {
    return printRing(this.#document);
  }

  active(): DataKey {
    const record = this.keys.find(({ state }) => state === 'active');
    if (record === undefined) throw new LockfastError('missing-key', 'the key ring has no active key', 'create one with `lockfast key create`');
    return this.#dataKey(record);
  }

  decrypting(id: KeyId): DataKey {
    const record = this.keys.find((key) => key.id === id);
    if (record === undefined) {
      throw new LockfastError(
        'missing-key',
        `the key ${id} is not in the key ring of ${this.environment}`,
        'check that this is the right environment, or restore the newer key ring',
      );
    }
    if (record.state === 'retired' || record.state === 'destroyed') {
      throw new LockfastError('key-not-usable', `the key ${id} is ${record.state}`, 'restore the value from a copy under a newer key');
    }
    return this.#dataKey(record);
  }

  /** A cipher for values of one purpose under this ring's keys. Keep it: it holds derived keys. */
  cipher(scope: ValueScope): ValueCipher {
    return new ValueCipher(this, scope);
  }

  /** With one more key, `staged`: it decrypts and does not encrypt yet. */
  withNewKey(clock: Clock = systemClock): KeyRing {
    const { ring, environment, keys } = this.#document;
    const key = newKey(this.#ringKey, ring, environment, new Set(keys.map(({ id }) => id)), iso(clock));
    return this.#next({ keys: [...keys, key] });
  }

  /** With one more source for the same ring. @throws LockfastError `source-exists`; `usage` when there are too many */
  async withSource(source: KeySource, clock: Clock = systemClock): Promise<KeyRing> {
    const { ring, environment, sources } = this.#document;
    if (sources.some((known) => known.source === source.uri)) {
      throw new LockfastError('source-exists', 'the key ring has this key source already', 'see `lockfast key source list`');
    }
    if (sources.length === MOST_SOURCES) {
      throw new LockfastError('usage', `the key ring has ${MOST_SOURCES} key sources, as many as it may have`, 'remove one with `lockfast key source remove`');
    }
    return this.#next({ sources: [...sources, ...(await wrapped(this.#ringKey, ring, environment, [source], iso(clock)))] });
  }

  /**
   * Without one source. The ring gets a new own key, so that a kept copy of the old one opens no later version;
   * that needs each remaining source, to wrap the new key.
   *
   * @param remaining the sources that stay; one that is not among them goes, too
   * @throws LockfastError `no-such-source`, `last-source`, and what a source's `wrap` throws
   */
  async withoutSource(uri: string, remaining: readonly KeySource[]): Promise<KeyRing> {
    const { ring, environment, sources, keys } = this.#document;
    if (!sources.some(({ source }) => source === uri)) {
      throw new LockfastError('no-such-source', 'the key ring has no such key source', 'see `lockfast key source list`');
    }
    const stay = sources.filter(({ source }) => source !== uri);
    if (stay.length === 0) {
      throw new LockfastError('last-source', 'this is the only key source of the key ring', 'add another one first: without any, nothing decrypts again');
    }
    const ringKey = Secret.random();
    const rewrapped = keys.map((record) =>
      record.wrapped === ''
        ? record
        : { ...record, wrapped: wrapKey(ringKey, 'lockfast/key-wrap', this.#dataKey(record).secret, keyBinding(ring, environment, record.id)) },
    );
    const again = stay.flatMap((record) => {
      const source = remaining.find((one) => one.uri === record.source);
      return source === undefined ? [] : [source.wrap(ringKey, ringBinding(ring, environment)).then((bytes) => ({ ...record, wrapped: bytes }))];
    });
    if (again.length === 0) throw new LockfastError('last-source', 'no key source would stay', 'keep one that can be reached from here');
    return this.#next({ sources: await Promise.all(again), keys: rewrapped }, ringKey);
  }

  /**
   * Notes that a recovery backup was written, and gives that backup: this ring, wrapped by `source` alone.
   */
  async withBackup(source: KeySource, clock: Clock = systemClock): Promise<{ ring: KeyRing; backup: string }> {
    const now = iso(clock);
    const next = this.#next({ backup: now });
    const { ring, environment } = this.#document;
    const copy = { ...next.#document, format: BACKUP_FORMAT, sources: await wrapped(this.#ringKey, ring, environment, [source], now) };
    return { ring: next, backup: KeyRing.#authenticated(copy, this.#ringKey).print() };
  }

  /**
   * This ring as the newest there is: with a generation above `above`. It is how an older ring is accepted on purpose.
   *
   * @param above the highest generation that was ever seen
   */
  reissued(above: number): KeyRing {
    return this.#next({}, this.#ringKey, above);
  }

  #next(change: Partial<RingDocument>, ringKey = this.#ringKey, above = 0): KeyRing {
    const generation = Math.max(this.#document.generation, above) + 1;
    // A recovery backup that was put in the ring's place becomes a ring with its first change.
    return KeyRing.#authenticated({ ...this.#document, ...change, format: RING_FORMAT, generation }, ringKey);
  }

  static #authenticated(document: RingDocument, ringKey: Secret): KeyRing {
    const mac = new KeyRing(document, ringKey).#mac(document).toString('base64url');
    return new KeyRing({ ...document, mac }, ringKey);
  }

  #mac(document: RingDocument): Buffer {
    const prk = extract(this.#ringKey, NO_SALT, HKDF);
    const key = expand(prk, lengthPrefixed(['lockfast/ring-mac']));
    const mac = createHmac('sha256', key).update(authenticatedBytes(document)).digest();
    prk.fill(0);
    key.fill(0);
    return mac;
  }

  #dataKey({ id, wrapped: bytes, fingerprint }: KeyRecord): DataKey {
    let secret = this.#secrets.get(id);
    if (secret === undefined) {
      const { ring, environment } = this.#document;
      secret = unwrapKey(this.#ringKey, 'lockfast/key-wrap', bytes, keyBinding(ring, environment, id));
      if (fingerprintOf(secret) !== fingerprint) {
        throw new LockfastError('ring-tampered', `the key ${id} does not have the fingerprint that the key ring names`, 'restore the key ring from a backup');
      }
      this.#secrets.set(id, secret);
    }
    return { id, secret };
  }
}

/** 80 random bits in base32. Floors and wrapped keys are bound to it. */
function newRingId(): string {
  return Array.from(randomBytes(16), (byte) => 'abcdefghijklmnopqrstuvwxyz234567'[byte & 31]).join('');
}

function newKey(ringKey: Secret, ring: string, environment: string, taken: ReadonlySet<KeyId>, now: string): KeyRecord {
  const id = newKeyId(taken);
  const secret = Secret.random();
  return {
    id,
    state: 'staged',
    created: now,
    activated: null,
    fingerprint: fingerprintOf(secret),
    wrapped: wrapKey(ringKey, 'lockfast/key-wrap', secret, keyBinding(ring, environment, id)),
  };
}

async function wrapped(ringKey: Secret, ring: string, environment: string, sources: readonly KeySource[], now: string): Promise<SourceRecord[]> {
  return Promise.all(
    sources.map(async (source) => ({ source: source.uri, added: now, wrapped: await source.wrap(ringKey, ringBinding(ring, environment)) })),
  );
}

/** Tries each source on each record of its scheme: what opens is found by opening, for paths differ between machines. */
async function unwrapped(document: RingDocument, sources: readonly KeySource[]): Promise<Secret> {
  const binding = ringBinding(document.ring, document.environment);
  const failures: LockfastError[] = [];
  for (const source of sources) {
    const scheme = schemeOf(source.uri);
    const records = document.sources.filter((record) => schemeOf(record.source) === scheme || sharesWrapping(schemeOf(record.source), scheme));
    if (records.length === 0) {
      failures.push(new LockfastError('wrong-key', `the key ring has no key source of the kind ${scheme}:`, 'see the sources that it names'));
    }
    for (const record of records) {
      try {
        return await source.unwrap(record.wrapped, binding);
      } catch (error) {
        if (!(error instanceof LockfastError)) throw error;
        failures.push(error);
        if (error.code === 'source-unavailable' || error.code === 'invalid-key') break;
      }
    }
  }
  throw worst(failures);
}

/** One root key may be kept in a file here, in a variable there and as a credential elsewhere. */
const ROOT_KEY_SCHEMES: ReadonlySet<string> = new Set(['file', 'env', 'credential']);

function sharesWrapping(a: string, b: string): boolean {
  return ROOT_KEY_SCHEMES.has(a) && ROOT_KEY_SCHEMES.has(b);
}

function schemeOf(uri: string): string {
  return uri.slice(0, uri.indexOf(':'));
}

/** An altered ring says more than a wrong key, and a wrong key more than a source that is not there. */
function worst(failures: readonly LockfastError[]): LockfastError {
  for (const code of ['moved-or-altered', 'malformed', 'parameters-out-of-range', 'wrong-key']) {
    const found = failures.find((failure) => failure.code === code);
    if (found?.code === 'wrong-key') {
      return new LockfastError('wrong-key', 'no root key at hand opens the key ring', 'use the root key that it was made with: see key-source in lockfast.toml');
    }
    if (found !== undefined) return found;
  }
  return failures[0] ?? noSource();
}

function noSource(): LockfastError {
  return new LockfastError('source-unavailable', 'no key source is named', 'set key-source in lockfast.toml or LOCKFAST_KEY_SOURCE');
}

function ringBinding(ring: string, environment: string): Buffer {
  return lengthPrefixed(['lockfast/ring', ring, environment]);
}

function keyBinding(ring: string, environment: string, id: KeyId): Buffer {
  return lengthPrefixed([ring, environment, id]);
}

function fingerprintOf(secret: Secret): string {
  return secret.use((bytes) => `sha256:${createHash('sha256').update('lockfast-fp').update(bytes).digest('hex')}`);
}

function iso(clock: Clock): string {
  return new Date(clock.now()).toISOString();
}
