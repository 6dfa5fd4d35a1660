/**
 * The tables of a ledger in SQLite. `user_version` is the number of the steps that were taken. A step that was published
 * never changes: a ledger of every version that ever was is brought up to date by the ones that it lacks.
 */

/** "LkLg": tells a ledger from any other database. */
export const APPLICATION_ID = 0x4c6b4c67;

export const STEPS: readonly string[] = [
  // 1: the entries. A trigger stops nobody who means it; it stops a slip at the prompt of sqlite3.
  `CREATE TABLE ledger (id INTEGER PRIMARY KEY CHECK (id = 1), log_id TEXT NOT NULL, epoch INTEGER NOT NULL, epoch_key BLOB NOT NULL) STRICT;
   CREATE TABLE entries (seq INTEGER PRIMARY KEY, entry BLOB NOT NULL, chain BLOB NOT NULL, mac BLOB NOT NULL, tree BLOB NOT NULL) STRICT;
   CREATE TRIGGER entries_are_not_changed BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'entries are never changed'); END;
   CREATE TRIGGER entries_are_not_removed BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'entries are never removed'); END;`,
  // 2: checkpoints, and the key that signs them.
  `CREATE TABLE checkpoints (id INTEGER PRIMARY KEY, size INTEGER NOT NULL, origin TEXT NOT NULL, note TEXT NOT NULL) STRICT;
   CREATE TABLE signers (id INTEGER PRIMARY KEY, public_key BLOB NOT NULL) STRICT;
   CREATE TABLE wrappings (id INTEGER PRIMARY KEY, signer INTEGER NOT NULL REFERENCES signers, wrapped TEXT NOT NULL, UNIQUE (signer, wrapped)) STRICT;`,
];
