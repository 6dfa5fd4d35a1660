import { createHmac, randomBytes } from 'node:crypto';

import { LockfastError } from '../errors.ts';
import { contextText, isUuid } from '../formats/context.ts';
import type { DataKey, DataKeys } from '../formats/data-keys.ts';
import { expand, extract, HKDF, NO_SALT } from '../formats/derivation.ts';
import type { KeyId } from '../formats/key-id.ts';
import { lengthPrefixed } from '../formats/length-prefix.ts';
import { readableId } from '../formats/readable-id.ts';
import { ValueCipher, type ValueScope } from '../formats/value-cipher.ts';
import { equalBytes } from '../formats/xaes.ts';
import { type Clock, type KeySource, systemClock } from '../ports.ts';
import { newDataKey, unwrapDataKey, wrapDataKey } from './data-key-wrapping.ts';
import { activated as indexActivated, destroyed as indexDestroyed, type IndexKeys, newIndexKey, rewrapped as indexesRewrapped, unwrapIndexKey } from './index-keys.ts';
import type { IndexKeyRecord } from './index-key-record.ts';
import { activated, compromised, destroyed, retired } from './key-states.ts';
import {
  authenticatedBytes,
  isEnvironmentName,
  type KeyRecord,
  parseRing,
  printRing,
  type RingDocument,
  ringDigest,
  ringFormat,
  type SourceRecord,
} from './ring-document.ts';
import { Secret } from './secret.ts';
import { noSource, refuseTooManySources, unwrapBySources, wrapBySources } from './source-wrapping.ts';
import { findLive, isDestroyed, parseTenantRecord, printTenantRecord, type TenantRecord, type TenantSecretId, type TenantSecretRecord } from './tenant-record.ts';
import { rewrapped, secretIsGone, unwrapTenantSecret, withoutSecret, withSecrets } from './tenant-secrets.ts';
import { unwrapKey, wrapKey } from './wrapping.ts';

const LOOKUPS_WITHOUT_INDEX = 8;

/** Which ring this is, and which of its versions: what a floor remembers. */
export interface RingVersion {
  readonly ring: string;
  readonly generation: number;
  /** SHA-256 of the ring in canonical form, base64url. */
  readonly digest: string;
}

/** The MAC key of one epoch of a ledger, as a recovery backup keeps it. */
export interface LedgerKey {
  /** The ledger's id. */
  readonly log: string;
  readonly epoch: number;
  readonly key: Secret;
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
  #tenants: readonly TenantRecord[] | undefined;
  readonly #tenantSecrets = new Map<TenantSecretId, Secret>();
  #liveTenants: ReadonlyMap<string, TenantSecretRecord> | undefined;
  #lookups = 0;
  #version: RingVersion | undefined;

  private constructor(document: RingDocument, ringKey: Secret) {
    this.#document = document;
    this.#ringKey = ringKey;
  }

  /** A new ring with one active key, wrapped by each of `sources`. @throws `source-unavailable` without any, `usage`, and what a source's `wrap` throws */
  static async create(environment: string, sources: readonly KeySource[], clock: Clock = systemClock): Promise<KeyRing> {
    if (!isEnvironmentName(environment)) {
      throw new LockfastError('usage', 'the environment name is not usable', 'use letters, digits, dots, dashes and underscores, at most 64');
    }
    if (sources.length === 0) throw noSource();
    refuseTooManySources(sources.length);
    const ringKey = Secret.random();
    const now = iso(clock);
    const scope = { ring: newRingId(), environment };
    const key: KeyRecord = { ...newDataKey(ringKey, scope, new Set(), now), state: 'active', activated: now };
    const wrapped = await wrapBySources(ringKey, scope, sources, now);
    return KeyRing.#authenticated(
      { format: ringFormat('keyring', { tenants: [], indexes: [] }), ...scope, generation: 1, backup: null, departure: null, ledger: null, sources: wrapped, keys: [key], tenants: [], indexes: [], mac: '' },
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
    const ringKey = await unwrapBySources(document, sources);
    const ring = new KeyRing(document, ringKey);
    if (!ring.#isAuthentic()) {
      throw new LockfastError('ring-tampered', `${where} was altered after it was written`, 'restore it from a backup or from git');
    }
    return ring;
  }

  /**
   * Another version of this ring, opened with the own key that this one holds: no key source is asked.
   *
   * @param text the ring's file
   * @param where how errors name it
   * @returns undefined where that key does not authenticate it: the version has another own key, or it was altered
   * @throws LockfastError `ring-malformed`, `unsupported-format`
   */
  versionIn(text: string, where: string): KeyRing | undefined {
    const ring = new KeyRing(parseRing(text, where), this.#ringKey);
    return ring.#isAuthentic() ? ring : undefined;
  }

  get environment(): string {
    return this.#document.environment;
  }

  get keys(): readonly KeyRecord[] {
    return this.#document.keys;
  }

  /** The tenants' own secrets, and what is left of destroyed ones, in the order of their ids. */
  get tenants(): readonly TenantRecord[] {
    this.#tenants ??= this.#document.tenants.map((text) => parseTenantRecord(text)!);
    return this.#tenants;
  }

  /** The keys of blind indexes, and what is left of destroyed ones, in the order in which they were made. */
  get indexKeys(): readonly IndexKeyRecord[] {
    return this.#document.indexes;
  }

  get sources(): readonly SourceRecord[] {
    return this.#document.sources;
  }

  /** When the last recovery backup was written, ISO 8601, or null. */
  get backup(): string | null {
    return this.#document.backup;
  }

  /** When somebody with access left and no rotation followed yet, ISO 8601, or null. */
  get departure(): string | null {
    return this.#document.departure;
  }

  get version(): RingVersion {
    const { ring, generation } = this.#document;
    // Every env file is compared with it, and the digest is over all of the ring.
    this.#version ??= { ring, generation, digest: ringDigest(this.#document) };
    return this.#version;
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

  held(id: KeyId): DataKey | undefined {
    const record = this.keys.find((key) => key.id === id);
    return record === undefined || record.state === 'destroyed' ? undefined : this.#dataKey(record);
  }

  /** Which secret new files of this tenant are derived with; undefined where it has none of its own. */
  tenantSecretId(tenant: string): TenantSecretId | undefined {
    return this.#liveTenant(tenant)?.id;
  }

  /**
   * How this ring spells a tenant that other places name: a UUID is one in either case, and a database gives it in another than the one it was
   * registered in. The very name where it is there, and where none fits. Files name their tenant exactly, and need none of this.
   */
  tenantSpelt(name: string): string {
    if (!isUuid(name) || this.tenantSecretId(name) !== undefined) return name;
    const same = this.tenants.filter(({ tenant }) => contextText(tenant) === contextText(name));
    return (same.find((record) => !isDestroyed(record)) ?? same.find(({ tenant }) => tenant === name) ?? same[0])?.tenant ?? name;
  }

  /** The secret that a file of this tenant was derived with. Only the one asked for is unwrapped. @throws LockfastError `missing-key`, and as `unwrapKey` */
  tenantSecret(tenant: string, id: TenantSecretId): Secret {
    const record = this.#liveTenant(tenant);
    if (record?.id !== id) throw secretIsGone(this.tenants, tenant, id, this.environment);
    let secret = this.#tenantSecrets.get(id);
    if (secret === undefined) {
      secret = unwrapTenantSecret(this.#ringKey, this.#document, record);
      this.#tenantSecrets.set(id, secret);
    }
    return secret;
  }

  /** The keys that values of a blind index are made and found with. @throws LockfastError `missing-key` where it has none, and as `unwrapKey` */
  indexSecrets(index: string): IndexKeys {
    const live = this.indexKeys.filter((record) => record.index === index && record.state !== 'destroyed');
    const current = live.find(({ state }) => state === 'current');
    if (current === undefined) {
      throw new LockfastError('missing-key', `the key ring of ${this.environment} has no key of the blind index ${index}`, 'make one with `lockfast column index build`, or get the newest key ring');
    }
    const opened = (record: IndexKeyRecord): IndexKeys['current'] => ({ id: record.id, secret: unwrapIndexKey(this.#ringKey, this.#document, record) });
    return { current: opened(current), others: live.filter((record) => record !== current).map(opened) };
  }

  /** A cipher for values of one purpose under this ring's keys. Keep it: it holds derived keys. */
  cipher(scope: ValueScope): ValueCipher {
    return new ValueCipher(this, scope);
  }

  /** With one more key, `staged`: it decrypts and does not encrypt yet. */
  withNewKey(clock: Clock = systemClock): KeyRing {
    const key = newDataKey(this.#ringKey, this.#document, this.#keyIds(), iso(clock));
    return this.#next({ keys: [...this.keys, key] });
  }

  /**
   * With a staged key as the active one; the active one before it drains, which ends the matter of a departure.
   *
   * @throws LockfastError `no-such-key`, `invalid-transition`
   */
  withActive(id: KeyId, clock: Clock = systemClock): KeyRing {
    const keys = activated(this.keys, id, iso(clock));
    const { departure } = this.#document;
    const knownToNobodyGone = departure !== null && keys.some((key) => key.id === id && key.created > departure);
    return this.#next({ keys, departure: knownToNobodyGone ? null : departure });
  }

  /** With a draining or staged key refused from now on: first prove that nothing needs it. @throws LockfastError `no-such-key`, `invalid-transition` */
  withRetired(id: KeyId, clock: Clock = systemClock): KeyRing {
    return this.#next({ keys: retired(this.keys, id, iso(clock)) });
  }

  /** With the bytes of a retired key gone from this ring; earlier copies of the ring and backups still hold them. @throws as `withRetired` */
  withDestroyed(id: KeyId, clock: Clock = systemClock): KeyRing {
    return this.#next({ keys: destroyed(this.keys, id, iso(clock)) });
  }

  /** With the mark that somebody else may know this key; its state stays. @throws as `withRetired` */
  withCompromised(id: KeyId, clock: Clock = systemClock): KeyRing {
    return this.#next({ keys: compromised(this.keys, id, iso(clock)) });
  }

  /** With the note that somebody with access left. An earlier one that still awaits its rotation stays. */
  withDeparture(clock: Clock = systemClock): KeyRing {
    return this.#next({ departure: this.#document.departure ?? iso(clock) });
  }

  /** With a secret of its own for each of these tenants; this very ring where all of them have one. @throws LockfastError `usage` for a name that can't have one */
  withTenantSecrets(names: readonly string[], clock: Clock = systemClock): KeyRing {
    const tenants = withSecrets(this.tenants, names, this.#ringKey, this.#document, iso(clock));
    return tenants === this.tenants ? this : this.#next({ tenants: tenants.map(printTenantRecord) });
  }

  /**
   * With a tenant's secret gone from this ring, for good: files that were derived with it can't be decrypted any more,
   * wherever their copies are. Earlier copies of the ring and backups still hold it. A later secret gets another id.
   *
   * @throws LockfastError `no-such-key` where the tenant has none
   */
  withTenantSecretDestroyed(tenant: string, clock: Clock = systemClock): KeyRing {
    return this.#next({ tenants: withoutSecret(this.tenants, tenant, iso(clock)).map(printTenantRecord) });
  }

  /**
   * With one more key of a blind index: the first is the current one at once, since nothing is searched by it yet; a later one is
   * `staged`, so that every program can know it before the first value is under it.
   *
   * @throws LockfastError `usage` for a name that no index has; `invalid-transition` while the index is between two keys
   */
  withNewIndexKey(index: string, clock: Clock = systemClock): KeyRing {
    const key = newIndexKey(this.indexKeys, index, this.#ringKey, this.#document, this.#keyIds(), iso(clock));
    return this.#next({ indexes: [...this.indexKeys, key] });
  }

  /** With the staged key of a blind index as its current one; the one before is `older` then. @throws LockfastError `no-such-key` where none is staged */
  withIndexKeyActive(index: string, clock: Clock = systemClock): KeyRing {
    return this.#next({ indexes: indexActivated(this.indexKeys, index, iso(clock)) });
  }

  /**
   * With the bytes of the older key of a blind index gone from this ring: first prove that no value is under it. Earlier copies
   * of the ring and backups still hold it.
   *
   * @throws LockfastError `no-such-key` where the index has no older one
   */
  withIndexKeyDestroyed(index: string, clock: Clock = systemClock): KeyRing {
    return this.#next({ indexes: indexDestroyed(this.indexKeys, index, iso(clock)) });
  }

  /** With one more source for the same ring. @throws LockfastError `source-exists`; `usage` when there are too many */
  async withSource(source: KeySource, clock: Clock = systemClock): Promise<KeyRing> {
    if (this.sources.some((known) => known.source === source.uri)) {
      throw new LockfastError('source-exists', 'the key ring has this key source already', 'see `lockfast key source list`');
    }
    return this.withNewRoot(source, clock);
  }

  /**
   * With one more wrapping for the same ring, beside one of the same URI if there is any: where a root key is being
   * replaced, the old and the new one both open the ring until `rewrappedFor` drops the old.
   *
   * @param source gives the new root key
   * @throws LockfastError `usage` when there are too many, and what the source's `wrap` throws
   */
  async withNewRoot(source: KeySource, clock: Clock = systemClock): Promise<KeyRing> {
    refuseTooManySources(this.sources.length + 1);
    return this.#next({ sources: [...this.sources, ...(await wrapBySources(this.#ringKey, this.#document, [source], iso(clock)))] });
  }

  /**
   * Without one source. The ring gets a new own key, as in `rewrappedFor`; that needs each remaining source.
   *
   * @param remaining the sources that stay; one that is not among them goes, too
   * @throws LockfastError `no-such-source`, `last-source`, and what a source's `wrap` throws
   */
  async withoutSource(uri: string, remaining: readonly KeySource[]): Promise<KeyRing> {
    if (!this.sources.some(({ source }) => source === uri)) {
      throw new LockfastError('no-such-source', 'the key ring has no such key source', 'see `lockfast key source list`');
    }
    const stay = new Set(this.sources.map(({ source }) => source));
    stay.delete(uri);
    if (stay.size === 0) {
      throw new LockfastError('last-source', 'this is the only key source of the key ring', 'add another one first: without any, nothing decrypts again');
    }
    return this.rewrappedFor([...stay].flatMap((known) => remaining.find((source) => source.uri === known) ?? []));
  }

  /**
   * With a new own key, wrapped by exactly these sources, and all data keys, tenants' secrets and index keys wrapped anew under it: a kept copy of
   * the old own key opens no later version. What a ledger keeps under the old own key must be wrapped anew, too:
   * `unwrapForLedger` of this ring, `wrapForLedger` of the new one.
   *
   * @throws LockfastError `last-source` without any; `source-exists` when two have one URI; `usage` when there are too many;
   *   what a source's `wrap` throws
   */
  async rewrappedFor(sources: readonly KeySource[], clock: Clock = systemClock): Promise<KeyRing> {
    if (sources.length === 0) throw new LockfastError('last-source', 'no key source would stay', 'keep one that can be reached from here');
    if (new Set(sources.map(({ uri }) => uri)).size !== sources.length) {
      throw new LockfastError('source-exists', 'a key source is named twice', 'name each once');
    }
    refuseTooManySources(sources.length);
    const ringKey = Secret.random();
    const keys = this.keys.map((record) =>
      record.wrapped === '' ? record : { ...record, wrapped: wrapDataKey(ringKey, this.#document, record.id, this.#dataKey(record).secret) },
    );
    const tenants = rewrapped(this.tenants, this.#ringKey, ringKey, this.#document).map(printTenantRecord);
    const indexes = indexesRewrapped(this.indexKeys, this.#ringKey, ringKey, this.#document);
    return this.#next({ sources: await wrapBySources(ringKey, this.#document, sources, iso(clock), this.sources), keys, tenants, indexes }, ringKey);
  }

  /** Wraps 32 bytes that a ledger keeps beside its entries. @param binding what it is, and of which ledger */
  wrapForLedger(secret: Secret, binding: Uint8Array): string {
    return wrapKey(this.#ringKey, 'lockfast/ledger-wrap', secret, binding);
  }

  /** @throws LockfastError `malformed`, `wrong-key`, `moved-or-altered` */
  unwrapForLedger(wrapped: string, binding: Uint8Array): Secret {
    return unwrapKey(this.#ringKey, 'lockfast/ledger-wrap', wrapped, binding);
  }

  /**
   * What only the holder of the ring's own key can have made for exactly this `binding`: a key that is thrown away, wrapped
   * with it. Each call gives another one.
   */
  seal(binding: Uint8Array): string {
    return wrapKey(this.#ringKey, 'lockfast/seal', Secret.random(), binding);
  }

  /** Whether {@link seal} made it, for this binding and under this ring's own key. */
  isSealed(seal: string, binding: Uint8Array): boolean {
    try {
      unwrapKey(this.#ringKey, 'lockfast/seal', seal, binding);
      return true;
    } catch (error) {
      if (error instanceof LockfastError) return false;
      throw error;
    }
  }

  /** The ledger's key that this backup keeps; undefined for one without, and for any ring. @throws as `unwrapForLedger` */
  ledgerKey(): LedgerKey | undefined {
    const { ledger } = this.#document;
    if (ledger === null) return undefined;
    const { log, epoch, wrapped } = ledger;
    return { log, epoch, key: this.unwrapForLedger(wrapped, epochBinding(log, epoch)) };
  }

  /**
   * Notes that a recovery backup was written, and gives that backup: this ring, wrapped by `source` alone.
   *
   * @param ledger what `ledger verify` needs to check MACs, and nothing but a backup keeps
   */
  async withBackup(source: KeySource, clock: Clock = systemClock, ledger?: LedgerKey): Promise<{ ring: KeyRing; backup: string }> {
    const now = iso(clock);
    const next = this.#next({ backup: now });
    const kept =
      ledger === undefined ? null : { log: ledger.log, epoch: ledger.epoch, wrapped: this.wrapForLedger(ledger.key, epochBinding(ledger.log, ledger.epoch)) };
    const copy = { ...next.#document, format: ringFormat('backup', next.#document), ledger: kept, sources: await wrapBySources(this.#ringKey, this.#document, [source], now) };
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
    const next = { ...this.#document, ...change };
    return KeyRing.#authenticated({ ...next, format: ringFormat('keyring', next), ledger: null, generation }, ringKey);
  }

  static #authenticated(document: RingDocument, ringKey: Secret): KeyRing {
    const mac = new KeyRing(document, ringKey).#mac(document).toString('base64url');
    return new KeyRing({ ...document, mac }, ringKey);
  }

  /** A program of one tenant asks once, and need not parse the others' records; a column asks for thousands. */
  #liveTenant(tenant: string): TenantSecretRecord | undefined {
    this.#lookups += 1;
    if (this.#lookups <= LOOKUPS_WITHOUT_INDEX) return findLive(this.#document.tenants, tenant);
    this.#liveTenants ??= new Map(this.tenants.flatMap((record) => (isDestroyed(record) ? [] : [[record.tenant, record]])));
    return this.#liveTenants.get(tenant);
  }

  #isAuthentic(): boolean {
    // As text: another spelling of the same bytes would change the digest of a ring that verifies.
    return equalBytes(Buffer.from(this.#mac(this.#document).toString('base64url')), Buffer.from(this.#document.mac));
  }

  #mac(document: RingDocument): Buffer {
    const prk = extract(this.#ringKey, NO_SALT, HKDF);
    const key = expand(prk, lengthPrefixed(['lockfast/ring-mac']));
    const mac = createHmac('sha256', key).update(authenticatedBytes(document)).digest();
    prk.fill(0);
    key.fill(0);
    return mac;
  }

  /** Those of data keys and index keys: one id never means two keys, whatever a report is about. */
  #keyIds(): Set<KeyId> {
    return new Set([...this.keys, ...this.indexKeys].map(({ id }) => id));
  }

  #dataKey(record: KeyRecord): DataKey {
    let secret = this.#secrets.get(record.id);
    if (secret === undefined) {
      secret = unwrapDataKey(this.#ringKey, this.#document, record);
      this.#secrets.set(record.id, secret);
    }
    return { id: record.id, secret };
  }
}

/** 80 random bits in base32. Floors and wrapped keys are bound to it. */
function newRingId(): string {
  return readableId(randomBytes(16));
}

function epochBinding(log: string, epoch: number): Buffer {
  return lengthPrefixed(['lockfast/ledger-epoch', log, String(epoch)]);
}

function iso(clock: Clock): string {
  return new Date(clock.now()).toISOString();
}
