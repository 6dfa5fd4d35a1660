/** The life of a key: staged -> active -> draining -> retired -> destroyed, and the mark `compromised` beside it. */
import { LockfastError } from '../errors.ts';
import type { KeyId } from '../formats/key-id.ts';
import type { KeyRecord, KeyState } from './ring-document.ts';

type Keys = readonly KeyRecord[];

/** A staged key encrypts from now on; the one that did so until now only decrypts. @throws LockfastError `no-such-key`, `invalid-transition` */
export function activated(keys: Keys, id: KeyId, now: string): Keys {
  const key = inState(keys, id, ['staged'], 'activated');
  if (key.compromised !== null) throw noMove(id, 'is compromised and must not be activated', 'create another key');
  return keys.map((one) => {
    if (one.id === id) return { ...one, state: 'active', activated: now };
    return one.state === 'active' ? { ...one, state: 'draining', drained: now } : one;
  });
}

/** A key is refused from now on. Whoever calls this has proven that nothing needs it. @throws LockfastError `no-such-key`, `invalid-transition` */
export function retired(keys: Keys, id: KeyId, now: string): Keys {
  inState(keys, id, ['staged', 'draining'], 'retired');
  return changed(keys, id, { state: 'retired', retired: now });
}

/** A retired key is gone but for its name. @throws LockfastError `no-such-key`, `invalid-transition` */
export function destroyed(keys: Keys, id: KeyId, now: string): Keys {
  inState(keys, id, ['retired'], 'destroyed');
  return changed(keys, id, { state: 'destroyed', destroyed: now, wrapped: '' });
}

/** The first mark stays: it says since when. @throws LockfastError `no-such-key`, `invalid-transition` */
export function compromised(keys: Keys, id: KeyId, now: string): Keys {
  const key = inState(keys, id, ['staged', 'active', 'draining', 'retired'], 'marked as compromised');
  if (key.compromised !== null) throw noMove(id, 'is marked as compromised already', 'rotate: see `lockfast key schedule`');
  return changed(keys, id, { compromised: now });
}

function changed(keys: Keys, id: KeyId, change: Partial<KeyRecord>): Keys {
  return keys.map((one) => (one.id === id ? { ...one, ...change } : one));
}

function inState(keys: Keys, id: KeyId, states: readonly KeyState[], move: string): KeyRecord {
  const key = keys.find((one) => one.id === id);
  if (key === undefined) throw new LockfastError('no-such-key', 'the key ring has no key of this id', 'see `lockfast key list`');
  if (!states.includes(key.state)) throw noMove(id, `is ${key.state} and can not be ${move}`, `only a key that is ${states.join(' or ')} can: see \`lockfast key list\``);
  return key;
}

function noMove(id: KeyId, what: string, hint: string): LockfastError {
  return new LockfastError('invalid-transition', `the key ${id} ${what}`, hint);
}
