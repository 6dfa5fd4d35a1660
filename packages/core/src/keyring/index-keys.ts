/**
 * The keys of blind indexes, wrapped under the ring's own key RK. They are not derived from data keys: a rotation of those
 * leaves every index as it is, and each index is rotated for itself.
 */
import { LockfastError } from '../errors.ts';
import { type KeyId, newKeyId } from '../formats/key-id.ts';
import { lengthPrefixed } from '../formats/length-prefix.ts';
import { fingerprintOf } from './data-key-wrapping.ts';
import { type IndexKeyRecord, isIndexName } from './index-key-record.ts';
import type { RingDocument } from './ring-document.ts';
import { Secret } from './secret.ts';
import { unwrapKey, wrapKey } from './wrapping.ts';

/** What a wrapped index key is bound to, beside its index and id. */
type Scope = Pick<RingDocument, 'ring' | 'environment'>;
type Records = readonly IndexKeyRecord[];

/** One key of a blind index, opened. */
export interface IndexKey {
  readonly id: KeyId;
  /** 32 bytes. */
  readonly secret: Secret;
}

/** The keys of one blind index that are not destroyed. */
export interface IndexKeys {
  /** What values are written under. */
  readonly current: IndexKey;
  /** What values may be under, too: the staged one, or the older one. */
  readonly others: readonly IndexKey[];
}

/** @param taken ids that it must not have. @throws LockfastError `usage`, `invalid-transition` */
export function newIndexKey(records: Records, index: string, ringKey: Secret, scope: Scope, taken: ReadonlySet<KeyId>, now: string): IndexKeyRecord {
  if (!isIndexName(index)) throw new LockfastError('usage', 'the id of the blind index is not usable', "use lower case letters, digits, underscores and dots, for example 'customers.email.index'");
  const live = records.filter((record) => record.index === index && record.state !== 'destroyed');
  if (live.some(({ state }) => state === 'staged')) {
    throw new LockfastError('invalid-transition', `the blind index ${index} has a staged key already`, `when every program has the key ring: lockfast column index activate ${index}`);
  }
  if (live.some(({ state }) => state === 'older')) {
    throw new LockfastError('invalid-transition', `the rotation of the blind index ${index} is not finished`, `lockfast column index build ${index}, then lockfast column index finish ${index}`);
  }
  const id = newKeyId(taken);
  const secret = Secret.random();
  const first = live.length === 0;
  return {
    id,
    index,
    state: first ? 'current' : 'staged',
    created: now,
    activated: first ? now : null,
    replaced: null,
    destroyed: null,
    fingerprint: fingerprintOf(secret),
    wrapped: wrapIndexKey(ringKey, scope, { id, index }, secret),
  };
}

/** @throws LockfastError `no-such-key` */
export function activated(records: Records, index: string, now: string): Records {
  if (!records.some((record) => record.index === index && record.state === 'staged')) {
    throw new LockfastError('no-such-key', `the blind index ${index} has no staged key`, `make one with \`lockfast column index rotate ${index}\``);
  }
  return records.map((record) => {
    if (record.index !== index) return record;
    if (record.state === 'staged') return { ...record, state: 'current', activated: now };
    return record.state === 'current' ? { ...record, state: 'older', replaced: now } : record;
  });
}

/** @throws LockfastError `no-such-key` */
export function destroyed(records: Records, index: string, now: string): Records {
  const isOlder = (record: IndexKeyRecord): boolean => record.index === index && record.state === 'older';
  if (!records.some(isOlder)) throw new LockfastError('no-such-key', `the blind index ${index} has no older key`, 'it is not being rotated: see `lockfast column index status`');
  return records.map((record) => (isOlder(record) ? { ...record, state: 'destroyed', destroyed: now, wrapped: '' } : record));
}

/** All of them wrapped under another key. @throws LockfastError as `unwrapIndexKey` */
export function rewrapped(records: Records, from: Secret, to: Secret, scope: Scope): Records {
  return records.map((record) => (record.state === 'destroyed' ? record : { ...record, wrapped: wrapIndexKey(to, scope, record, unwrapIndexKey(from, scope, record)) }));
}

/** @throws LockfastError `ring-tampered` when it is not the key that the fingerprint names, and as `unwrapKey` */
export function unwrapIndexKey(ringKey: Secret, scope: Scope, record: IndexKeyRecord): Secret {
  const secret = unwrapKey(ringKey, 'lockfast/index-wrap', record.wrapped, bindingOf(scope, record));
  if (fingerprintOf(secret) !== record.fingerprint) {
    throw new LockfastError('ring-tampered', `the index key ${record.id} does not have the fingerprint that the key ring names`, 'restore the key ring from a backup');
  }
  return secret;
}

function wrapIndexKey(ringKey: Secret, scope: Scope, record: Pick<IndexKeyRecord, 'id' | 'index'>, secret: Secret): string {
  return wrapKey(ringKey, 'lockfast/index-wrap', secret, bindingOf(scope, record));
}

function bindingOf({ ring, environment }: Scope, { index, id }: Pick<IndexKeyRecord, 'id' | 'index'>): Buffer {
  return lengthPrefixed([ring, environment, index, id]);
}
