export { type Actor, type EntryKind, type LedgerEntry, parseEntry, printEntry } from './entry.ts';
export type { LedgerStore, StoredEntry } from './stores/store.ts';
