/** The ledger in a file of its own, by SQLite. Any number of processes append at once. */
import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { chmodSync, closeSync, constants, fsyncSync, lstatSync, openSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite';

import { LockfastError } from '@lockfast/core/errors';
import { giveToOwnerOf, shownPath, systemFailure } from '@lockfast/core/files';
import { Turns } from '@lockfast/core/turns';

import { chainHash, chainMac, epochOf, FIRST_CHAIN, HASH_BYTES, leafHash, nextEpochKey } from '../chain.ts';
import { rootFrom, type Subtree } from '../merkle-tree.ts';
import { isLogId, newLogId } from './log-id.ts';
import { damagedRow, isBusy, sqliteFailure } from './sqlite-failure.ts';
import { APPLICATION_ID, STEPS } from './sqlite-schema.ts';
import type { EpochKey, Head, LedgerStore, StoredCheckpoint, StoredEntry, StoredSigner } from './store.ts';
import { placeOf, placesOf, subtreeIn, treeColumn } from './tree-column.ts';

/** How long to wait for other processes, all in all. */
const WAIT_MS = 10_000;
/** Short and drawn anew each time, so that nobody who waits is always the one too late: SQLite's own wait grows to 100 ms. */
const LONGEST_PAUSE_MS = 6;
const PAGE_ENTRIES = 1000;

type Row = Record<string, SQLOutputValue>;

/**
 * Makes the file, 0600 from its first moment, with an empty ledger in it. One that was killed on the way is finished.
 * Made by root, it belongs to whom its directory belongs to.
 *
 * @throws LockfastError `exists`; `not-found`, `permission-denied`, `ledger-unavailable` when it can't be made
 */
export async function createSqliteLedger(path: string): Promise<LedgerStore> {
  const full = resolve(path);
  reserve(full);
  const database = await connect(full);
  try {
    await patiently(full, () => inTransaction(database, () => layOut(database, full)));
    return await ready(database, full);
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * @throws LockfastError `ledger-missing`; `ledger-tampered` when it is damaged; `unsupported-format` when a newer Lockfast
 *   or another program made it; `ledger-unavailable`
 */
export async function openSqliteLedger(path: string): Promise<LedgerStore> {
  const full = resolve(path);
  refuseUnlessThere(full);
  const database = await connect(full);
  try {
    return await ready(database, full);
  } catch (error) {
    database.close();
    throw error;
  }
}

class SqliteLedger implements LedgerStore {
  readonly logId: string;
  readonly place: string;
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  /** The files that this connection has open, as they were then. */
  readonly #files: string;
  readonly #turns = new Turns();
  #oldKeyInWal = false;

  constructor(database: DatabaseSync, path: string, logId: string) {
    this.#database = database;
    this.#path = path;
    this.#files = filesOf(path);
    this.logId = logId;
    this.place = shownPath(path);
  }

  async append(entries: readonly Buffer[]): Promise<number> {
    return await this.#write(() => this.#appendNow(entries));
  }

  async head(): Promise<Head> {
    return await this.#read(() => this.#headNow());
  }

  async root(size: number): Promise<Buffer> {
    return await this.#read(() => rootFrom(placesOf(size).map(({ seq, level }) => this.#subtree(seq, level))));
  }

  async subtree(subtree: Subtree): Promise<Buffer> {
    const { seq, level } = placeOf(subtree);
    return await this.#read(() => this.#subtree(seq, level));
  }

  async read(from: number, to: number): Promise<readonly StoredEntry[]> {
    return await this.#read(() => {
      const rows = this.#prepared('SELECT seq, entry, chain, mac FROM entries WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?').all(from, to, PAGE_ENTRIES);
      return rows.map((row) => ({ seq: Number(row['seq']), entry: bytesOf(row, 'entry'), chain: bytesOf(row, 'chain'), mac: bytesOf(row, 'mac') }));
    });
  }

  async addCheckpoint({ size, origin, note }: StoredCheckpoint): Promise<void> {
    await this.#write(() => void this.#prepared('INSERT INTO checkpoints (size, origin, note) VALUES (?, ?, ?)').run(size, origin, note));
  }

  async checkpoints(): Promise<readonly StoredCheckpoint[]> {
    return await this.#read(() => this.#prepared('SELECT size, origin, note FROM checkpoints ORDER BY id').all().map(checkpointOf));
  }

  async newestCheckpoint(): Promise<StoredCheckpoint | undefined> {
    return await this.#read(() => {
      const row = this.#prepared('SELECT size, origin, note FROM checkpoints ORDER BY id DESC LIMIT 1').get();
      return row === undefined ? undefined : checkpointOf(row);
    });
  }

  async signer(): Promise<StoredSigner | undefined> {
    return (await this.signers()).at(-1);
  }

  async signers(): Promise<readonly StoredSigner[]> {
    return await this.#read(() =>
      this.#prepared('SELECT id, public_key FROM signers ORDER BY id')
        .all()
        .map((row) => ({
          publicKey: bytesOf(row, 'public_key'),
          wrapped: this.#prepared('SELECT wrapped FROM wrappings WHERE signer = ? ORDER BY id').all(Number(row['id'])).map((each) => String(each['wrapped'])),
        })),
    );
  }

  async setSigner({ publicKey, wrapped }: StoredSigner): Promise<void> {
    await this.#write(() => {
      const newest = this.#prepared('SELECT id, public_key FROM signers ORDER BY id DESC LIMIT 1').get();
      const id =
        newest !== undefined && publicKey.equals(bytesOf(newest, 'public_key'))
          ? Number(newest['id'])
          : Number(this.#prepared('INSERT INTO signers (public_key) VALUES (?)').run(publicKey).lastInsertRowid);
      for (const each of wrapped) this.#prepared('INSERT OR IGNORE INTO wrappings (signer, wrapped) VALUES (?, ?)').run(id, each);
    });
  }

  async epochKey(): Promise<EpochKey | undefined> {
    return await this.#read(() => this.#epochNow());
  }

  async close(): Promise<void> {
    await this.#turns.over();
    if (this.#oldKeyInWal) this.#truncateWal();
    this.#database.close();
  }

  #appendNow(entries: readonly Buffer[]): number {
    const { size, chain: before } = this.#headNow();
    if (entries.length === 0) return size + 1;
    const insert = this.#prepared('INSERT INTO entries (seq, entry, chain, mac, tree) VALUES (?, ?, ?, ?, ?)');
    const epoch = this.#epochNow();
    let { key } = epoch;
    let chain = before;
    let seq = size;
    const columns = new Map<number, Buffer>();
    for (const entry of entries) {
      seq += 1;
      const leaf = leafHash(entry);
      chain = chainHash(this.logId, seq, chain, leaf);
      const column = treeColumn(seq, leaf, (last, level) => subtreeIn(columns.get(last) ?? this.#columnOf(last), level) ?? this.#noSubtree(last));
      columns.set(seq, column);
      insert.run(seq, entry, chain, chainMac(key, chain), column);
      // At once, and not with the next entry: the key of an epoch is gone when its last entry is there.
      if (epochOf(seq + 1) !== epochOf(seq)) key = nextEpochKey(key);
    }
    if (epochOf(seq + 1) !== epoch.epoch) this.#setEpoch(epochOf(seq + 1), key);
    return size + 1;
  }

  #headNow(): Head {
    const row = this.#prepared('SELECT seq, chain FROM entries ORDER BY seq DESC LIMIT 1').get();
    return row === undefined ? { size: 0, chain: FIRST_CHAIN } : { size: Number(row['seq']), chain: this.#hashOf(row, 'chain') };
  }

  #epochNow(): EpochKey {
    const row = this.#prepared('SELECT epoch, epoch_key FROM ledger').get();
    if (row === undefined) throw damagedRow(this.place, 'its MAC key is gone');
    const bytes = this.#hashOf(row, 'epoch_key');
    const key = createSecretKey(bytes);
    bytes.fill(0);
    return { epoch: Number(row['epoch']), key };
  }

  #setEpoch(epoch: number, key: KeyObject): void {
    const bytes = key.export();
    this.#prepared('UPDATE ledger SET epoch = ?, epoch_key = ?').run(epoch, bytes);
    bytes.fill(0);
    this.#oldKeyInWal = true;
  }

  #subtree(seq: number, level: number): Buffer {
    return subtreeIn(this.#columnOf(seq), level) ?? this.#noSubtree(seq);
  }

  #columnOf(seq: number): Buffer {
    const row = this.#prepared('SELECT tree FROM entries WHERE seq = ?').get(seq);
    return row === undefined ? this.#noSubtree(seq) : bytesOf(row, 'tree');
  }

  #noSubtree(seq: number): never {
    throw damagedRow(this.place, `entry ${seq} is missing or cut short`);
  }

  #hashOf(row: Row, column: string): Buffer {
    const hash = bytesOf(row, column);
    if (hash.length !== HASH_BYTES) throw damagedRow(this.place, `a hash has ${hash.length} bytes`);
    return hash;
  }

  /** Compiling a statement costs as much as running it, so only what is used is compiled, and once. */
  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  async #read<T>(action: () => T): Promise<T> {
    return await patiently(this.#path, action);
  }

  /** One after the other within this process: who asked first is served first. */
  async #write<T>(action: () => T): Promise<T> {
    const deadline = performance.now() + WAIT_MS;
    return await this.#turns.take(async () => await patiently(this.#path, () => this.#commit(action), deadline));
  }

  #commit<T>(action: () => T): T {
    this.#refuseIfReplaced();
    const result = inTransaction(this.#database, action);
    // Committed into a file that has no name any more, it would be gone with this process.
    this.#refuseIfReplaced();
    if (this.#oldKeyInWal) this.#truncateWal();
    return result;
  }

  /** SQLite does not notice when the database, or its WAL, is removed or replaced under it. */
  #refuseIfReplaced(): void {
    if (filesOf(this.#path) === this.#files) return;
    throw new LockfastError('ledger-unavailable', `the ledger ${this.place} or its -wal file was removed or replaced while it was open`, 'stop every process that uses it, then run `lockfast ledger verify`');
  }

  /** The frames that held the key of the epoch before. A reader or a writer in another process may prevent it; then the next time. */
  #truncateWal(): void {
    try {
      const row = this.#database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get();
      this.#oldKeyInWal = row?.['busy'] !== 0;
    } catch {
      // What was appended is durable without it.
    }
  }
}

/** Checks what it is, brings it up to date. */
async function ready(database: DatabaseSync, path: string): Promise<SqliteLedger> {
  return await patiently(path, () => {
    const version = pragma(database, 'user_version');
    if (version !== STEPS.length) upgrade(database, path, version);
    const row = database.prepare('SELECT log_id FROM ledger').get();
    const logId = row?.['log_id'];
    if (!isLogId(logId)) throw damagedRow(shownPath(path), 'it does not say which ledger it is');
    // No range that is read would hold it, and the head would be it.
    if (database.prepare('SELECT 1 FROM entries WHERE seq < 1 OR seq > ?').get(Number.MAX_SAFE_INTEGER) !== undefined) {
      throw damagedRow(shownPath(path), 'it holds an entry under a number that no append gives');
    }
    return new SqliteLedger(database, path, logId);
  });
}

function upgrade(database: DatabaseSync, path: string, version: number): void {
  if (isEmpty(database)) throw missing(path);
  if (version > STEPS.length) {
    throw new LockfastError('unsupported-format', `the ledger ${shownPath(path)} has format ${version}, this Lockfast knows up to ${STEPS.length}`, 'install the newest Lockfast');
  }
  inTransaction(database, () => takeSteps(database));
}

function layOut(database: DatabaseSync, path: string): void {
  if (!isEmpty(database)) throw alreadyThere(path);
  takeSteps(database);
  const key = randomBytes(HASH_BYTES);
  database.prepare('INSERT INTO ledger (id, log_id, epoch, epoch_key) VALUES (1, ?, 0, ?)').run(newLogId(), key);
  key.fill(0);
  database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
}

/** Within a transaction: another process may have been faster. */
function takeSteps(database: DatabaseSync): void {
  for (const step of STEPS.slice(pragma(database, 'user_version'))) database.exec(step);
  database.exec(`PRAGMA user_version = ${STEPS.length}`);
}

function isEmpty(database: DatabaseSync): boolean {
  return pragma(database, 'user_version') === 0 && database.prepare('SELECT 1 FROM sqlite_schema').get() === undefined;
}

function pragma(database: DatabaseSync, name: 'user_version' | 'application_id'): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
}

/** `full`: absolute, since SQLite takes `:memory:` and `file:` for something else. */
async function connect(full: string): Promise<DatabaseSync> {
  // Not at the top: most commands need no ledger.
  const { DatabaseSync } = await import('node:sqlite');
  let database: DatabaseSync;
  resetModes(full);
  try {
    database = new DatabaseSync(full, { timeout: 0 });
  } catch (error) {
    throw sqliteFailure(error, full);
  }
  try {
    await patiently(full, () => setUp(database, full));
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * SQLite gives the -wal and -shm files the mode that the database has when they are made, and leaves it so: after a time
 * in which the database was read-only they would be it still. Not as root, whom no mode stops, and whom others could lead
 * to another file; and without opening them, which would cost this process its locks.
 */
function resetModes(path: string): void {
  const user = process.geteuid?.();
  if (user === 0) return;
  try {
    const { mode } = statSync(path);
    for (const file of [`${path}-wal`, `${path}-shm`]) {
      const stats = lstatSync(file, { throwIfNoEntry: false });
      if (stats?.isFile() === true && stats.uid === user && (stats.mode & 0o200) < (mode & 0o200)) chmodSync(file, mode & 0o777);
    }
  } catch {
    // What SQLite can't open, it refuses.
  }
}

function setUp(database: DatabaseSync, path: string): void {
  // Before anything is changed in it.
  if (pragma(database, 'application_id') !== APPLICATION_ID && !isEmpty(database)) {
    throw new LockfastError('unsupported-format', `${shownPath(path)} is a database of another program`, 'name the file of the ledger');
  }
  // FULL: with NORMAL, a power cut takes the last commits back. secure_delete: the MAC key of an epoch that is over.
  database.exec('PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF');
  const mode = database.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode'];
  if (mode !== 'wal') {
    throw new LockfastError('ledger-unavailable', `the ledger ${shownPath(path)} can not be used: its file system has no shared memory`, 'keep it on a local disk');
  }
}

/** In order, all or nothing, down to the disk. */
function inTransaction<T>(database: DatabaseSync, action: () => T): T {
  // IMMEDIATE takes the place of the writer before anything is read, so that what is read is still so when it is written.
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = action();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    // After some errors SQLite has rolled back by itself.
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** Until it is not busy. The waiting is not SQLite's, which would block the event loop, and is unfair. */
async function patiently<T>(path: string, action: () => T, deadline: number = performance.now() + WAIT_MS): Promise<T> {
  for (;;) {
    try {
      return action();
    } catch (error) {
      if (!isBusy(error) || performance.now() >= deadline) throw sqliteFailure(error, path);
    }
    await new Promise((wake) => setTimeout(wake, Math.random() * LONGEST_PAUSE_MS));
  }
}

/** O_EXCL: SQLite's locks go when any descriptor of the file is closed, so only a file that nobody has yet is opened here. */
function reserve(path: string): void {
  const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_DIRECTORY } = constants;
  try {
    // One that is there is a ledger, or was left by a run that was killed before it laid anything out: the database tells.
    if (isOursAlone(path)) return;
    // SQLite gives its own files to the owner of the database.
    sync(openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600), (fd) => giveToOwnerOf(dirname(path), fd, path));
    sync(openSync(dirname(path), O_RDONLY | O_DIRECTORY));
  } catch (error) {
    throw systemFailure(error, `the ledger ${shownPath(path)} was not made`, 'ledger-unavailable');
  }
}

function isOursAlone(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return false;
  if (stats.isFile() && (stats.mode & 0o077) === 0) return true;
  throw alreadyThere(path);
}

function sync(fd: number, before?: (fd: number) => void): void {
  try {
    before?.(fd);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function refuseUnlessThere(path: string): void {
  let found;
  try {
    found = statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw systemFailure(error, `the ledger ${shownPath(path)} can not be opened`, 'ledger-unavailable');
  }
  // SQLite would make one that everybody can read.
  if (found === undefined) throw missing(path);
}

/** Device and inode of the database and of its WAL, which is there as long as any connection is. */
function filesOf(path: string): string {
  return [path, `${path}-wal`]
    .map((name) => statSync(name, { throwIfNoEntry: false }))
    .map((stats) => (stats === undefined ? 'none' : `${stats.dev}:${stats.ino}`))
    .join(' ');
}

function missing(path: string): LockfastError {
  return new LockfastError('ledger-missing', `there is no ledger at ${shownPath(path)}`, 'check the path; a new one is made by `lockfast init`, a lost one is restored from a backup');
}

function alreadyThere(path: string): LockfastError {
  return new LockfastError('exists', `${shownPath(path)} exists already`, 'open it, or choose another name');
}

function bytesOf(row: Row, column: string): Buffer {
  const value = row[column];
  return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : Buffer.alloc(0);
}

function checkpointOf(row: Row): StoredCheckpoint {
  return { size: Number(row['size']), origin: String(row['origin']), note: String(row['note']) };
}
