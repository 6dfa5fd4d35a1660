/** A key of a blind index as the key ring's document has it. */
import type { KeyId } from '../formats/key-id.ts';

export const INDEX_KEY_STATES = ['staged', 'current', 'older', 'destroyed'] as const;
/** `staged`: searched with; `current`: searched and written with; `older`: searched with until nothing is under it. */
export type IndexKeyState = (typeof INDEX_KEY_STATES)[number];

export interface IndexKeyRecord {
  /** No data key and no other index key of the ring has it. */
  readonly id: KeyId;
  /** The id of its blind index. */
  readonly index: string;
  readonly state: IndexKeyState;
  /** ISO 8601, UTC, milliseconds. */
  readonly created: string;
  /** When it became the current one. */
  readonly activated: string | null;
  /** When another one did. */
  readonly replaced: string | null;
  readonly destroyed: string | null;
  /** `sha256:` and the hex of SHA-256("lockfast-fp" | key). */
  readonly fingerprint: string;
  /** Under the ring's own key; empty for a destroyed one. */
  readonly wrapped: string;
}

const MOST_NAME_CHARACTERS = 128;

/** Whether it can be the id of a blind index: `customers.email.index`. */
export function isIndexName(name: string): boolean {
  return name.length <= MOST_NAME_CHARACTERS && /^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$/.test(name);
}

/** Whether no id is there twice, and each index has one key of each state at most, but for destroyed ones. @param taken the ids of data keys */
export function areIndexKeyRecords(records: readonly IndexKeyRecord[], taken: ReadonlySet<KeyId>): boolean {
  const ids = new Set(taken);
  const states = new Set<string>();
  for (const { id, index, state, wrapped } of records) {
    if (ids.has(id) || (wrapped === '') !== (state === 'destroyed')) return false;
    ids.add(id);
    if (state === 'destroyed') continue;
    if (states.has(`${state} ${index}`)) return false;
    states.add(`${state} ${index}`);
  }
  return true;
}
