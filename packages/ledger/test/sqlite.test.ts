import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';

import { isRoot, memoryDirectory, missingForMounting, mountSmallDisk } from '@lockfast/testkit';

import { chainMac, EPOCH_ENTRIES, nextEpochKey } from '../src/chain.ts';
import { STEPS } from '../src/stores/sqlite-schema.ts';
import { createSqliteLedger, openSqliteLedger } from '../src/stores/sqlite.ts';
import type { LedgerStore } from '../src/stores/store.ts';
import { startAppender, storeContract } from './contract.ts';
import { refusalOf, scratchDirectory } from './scratch.ts';
import { everyEntry, expectWhole } from './whole.ts';

const NOBODY = 65534;

function closing(store: LedgerStore): LedgerStore {
  onTestFinished(async () => await store.close().catch(() => {}));
  return store;
}

async function newLedger(): Promise<{ path: string; store: LedgerStore }> {
  const path = join(scratchDirectory(), 'ledger.db');
  return { path, store: closing(await createSqliteLedger(path)) };
}

/** A ledger whose append waits ten seconds for another process, while the other tests run. */
let held: Awaited<ReturnType<typeof holdAppend>>;

async function holdAppend() {
  const directory = memoryDirectory('lockfast-ledger-');
  const path = join(directory, 'ledger.db');
  const store = await createSqliteLedger(path);
  const holder = new DatabaseSync(path);
  holder.exec('BEGIN EXCLUSIVE');
  let ticks = 0;
  const timer = setInterval(() => (ticks += 1), 20);
  const refused = refusalOf(store.append([Buffer.from('a')])).then((refusal) => ({ refusal, ticks })).finally(() => clearInterval(timer));
  refused.catch(() => {});
  return { directory, path, store, holder, refused };
}

beforeAll(async () => {
  held = await holdAppend();
});

afterAll(async () => {
  await held.store.close();
  if (held.holder.isOpen) held.holder.close();
  rmSync(held.directory, { recursive: true, force: true });
});

describe('SQLite keeps the contract', () => {
  storeContract({
    keepsMac: true,
    make: async () => {
      const { path, store } = await newLedger();
      return { place: path, store, reopen: async () => closing(await openSqliteLedger(path)) };
    },
  });
});

test('its files are the owner\'s alone, whatever the umask is', async () => {
  const usual = process.umask(0);
  try {
    const { path, store } = await newLedger();
    await store.append([Buffer.from('a')]);
    for (const end of ['', '-wal', '-shm']) expect((statSync(path + end).mode & 0o777).toString(8)).toBe('600');
  } finally {
    process.umask(usual);
  }
});

test('a ledger is made once, and one that was killed on the way is finished', async () => {
  const { path } = await newLedger();
  expect(await refusalOf(createSqliteLedger(path))).toMatchObject({ code: 'exists' });
  const unfinished = join(scratchDirectory(), 'ledger.db');
  writeFileSync(unfinished, '', { mode: 0o600 });
  expect(await refusalOf(openSqliteLedger(unfinished))).toMatchObject({ code: 'ledger-missing' });
  const store = closing(await createSqliteLedger(unfinished));
  expect(await store.append([Buffer.from('a')])).toBe(1);
});

test('what is not there, no ledger, or damaged is told apart', async () => {
  const directory = scratchDirectory();
  expect(await refusalOf(openSqliteLedger(join(directory, 'none.db')))).toMatchObject({ code: 'ledger-missing', message: `there is no ledger at ${directory}/none.db` });
  expect(existsSync(join(directory, 'none.db'))).toBe(false);
  expect(await refusalOf(createSqliteLedger(join(directory, 'none/ledger.db')))).toMatchObject({ code: 'not-found' });
  const text = join(directory, 'text.db');
  writeFileSync(text, 'no database at all '.repeat(500));
  expect(await refusalOf(openSqliteLedger(text))).toMatchObject({ code: 'ledger-tampered' });
  const other = join(directory, 'other.db');
  new DatabaseSync(other).exec('CREATE TABLE t (x)');
  const before = readFileSync(other);
  expect(await refusalOf(openSqliteLedger(other))).toMatchObject({ code: 'unsupported-format' });
  chmodSync(other, 0o600);
  expect(await refusalOf(createSqliteLedger(other))).toMatchObject({ code: 'unsupported-format' });
  expect(readFileSync(other)).toEqual(before);
  expect(await refusalOf(openSqliteLedger(directory))).toMatchObject({ code: 'ledger-unavailable' });
});

test('a damaged page is a tampered ledger', async () => {
  const { path, store } = await newLedger();
  await store.append(Array.from({ length: 300 }, () => Buffer.alloc(300, 'a')));
  await store.close();
  const bytes = readFileSync(path);
  bytes.fill(0xee, 4096);
  writeFileSync(path, bytes);
  expect(await refusalOf(openSqliteLedger(path))).toMatchObject({ code: 'ledger-tampered' });
});

test.each([
  'INSERT INTO entries SELECT 9223372036854775807, entry, chain, mac, tree FROM entries',
  'INSERT INTO entries SELECT 0, entry, chain, mac, tree FROM entries',
  'INSERT INTO entries SELECT -9223372036854775807, entry, chain, mac, tree FROM entries',
  'DROP TABLE entries',
  'DROP TABLE ledger',
])('what no append wrote is a tampered ledger when it is opened: %s', async (change) => {
  const { path, store } = await newLedger();
  await store.append([Buffer.from('a')]);
  await store.close();
  const database = new DatabaseSync(path);
  database.exec(change);
  database.close();
  expect(await refusalOf(openSqliteLedger(path))).toMatchObject({ code: 'ledger-tampered' });
});

test('a number that was never written is a tampered ledger, and no defect', async () => {
  const { path, store } = await newLedger();
  await store.append([Buffer.from('a')]);
  await store.addCheckpoint({ size: 1, origin: 'lockfast.ledger/a', note: 'n' });
  const database = new DatabaseSync(path);
  database.exec('UPDATE checkpoints SET size = 9007199254740993; UPDATE ledger SET epoch = 9223372036854775807');
  database.close();
  for (const attempt of [store.checkpoints(), store.newestCheckpoint(), store.append([Buffer.from('b')])]) {
    expect(await refusalOf(attempt)).toMatchObject({ code: 'ledger-tampered', message: expect.stringContaining('a number that was never written') });
  }
});

test('entries are neither changed nor removed by a slip', async () => {
  const { path, store } = await newLedger();
  await store.append([Buffer.from('a')]);
  const database = new DatabaseSync(path);
  expect(() => database.exec("UPDATE entries SET entry = x'00'")).toThrow('entries are never changed');
  expect(() => database.exec('DELETE FROM entries')).toThrow('entries are never removed');
  database.close();
});

test('[B5] the MAC key goes forward with each epoch, and the old one is nowhere in the files', async () => {
  const { path, store } = await newLedger();
  const first = (await store.epochKey())!;
  expect(first.epoch).toBe(0);
  const bytes = first.key.export();
  await store.append(Array.from({ length: EPOCH_ENTRIES - 1 }, (_, i) => Buffer.from(`a ${i}`)));
  expect((await store.epochKey())!.epoch).toBe(0);
  expect([path, `${path}-wal`].some((file) => readFileSync(file).includes(bytes))).toBe(true);
  await store.append([Buffer.from('the last of its epoch')]);
  const second = (await store.epochKey())!;
  expect(second.epoch).toBe(1);
  expect(second.key.equals(nextEpochKey(first.key))).toBe(true);
  for (const end of ['', '-wal', '-shm']) expect(readFileSync(path + end).includes(bytes)).toBe(false);
  await store.append(Array.from({ length: 3 * EPOCH_ENTRIES }, (_, i) => Buffer.from(`b ${i}`)));
  expect((await store.epochKey())!.epoch).toBe(4);
  let key = first.key;
  for (let epoch = 0; epoch < 4; epoch++, key = nextEpochKey(key)) {
    const from = epoch * EPOCH_ENTRIES + 1;
    for (const { chain, mac } of await store.read(from, from + EPOCH_ENTRIES - 1)) expect(mac!.equals(chainMac(key, chain))).toBe(true);
  }
});

describe('the format', () => {
  test('a ledger of format 1 is brought up to date, with all that is in it', async () => {
    const { path, store } = await newLedger();
    await store.append(Array.from({ length: 10 }, (_, i) => Buffer.from(`old ${i}`)));
    await store.close();
    // As version 1 left it: its step alone, and entries.
    const old = join(scratchDirectory(), 'old.db');
    const database = new DatabaseSync(old);
    database.exec(STEPS[0]!);
    database.exec(`ATTACH '${path}' AS source; INSERT INTO ledger SELECT * FROM source.ledger; INSERT INTO entries SELECT * FROM source.entries`);
    database.exec('PRAGMA application_id = 0x4c6b4c67; PRAGMA user_version = 1');
    database.close();
    const upgraded = closing(await openSqliteLedger(old));
    expect(await expectWhole(upgraded)).toBe(10);
    await upgraded.addCheckpoint({ size: 10, origin: 'o', note: 'n' });
    expect(await upgraded.append([Buffer.from('new')])).toBe(11);
    await expectWhole(upgraded);
  });

  test('a newer one is refused and left as it is', async () => {
    const { path, store } = await newLedger();
    await store.close();
    const database = new DatabaseSync(path);
    database.exec(`PRAGMA user_version = ${STEPS.length + 1}`);
    database.close();
    expect(await refusalOf(openSqliteLedger(path))).toEqual({
      code: 'unsupported-format',
      message: `the ledger ${path} has format 3, this Lockfast knows up to 2`,
      hint: 'install the newest Lockfast',
    });
  });
});

describe('a fault', () => {
  const missing = missingForMounting();
  test.skipIf(missing !== undefined)(`of a full disk: nothing of the append is kept${missing === undefined ? '' : ` (${missing})`}`, async () => {
    const { path, store } = await newLedger();
    await store.append([Buffer.from('before')]);
    await store.close();
    const disk = join(scratchDirectory(), 'disk');
    onTestFinished(mountSmallDisk(disk, '256k'));
    copyFileSync(path, join(disk, 'ledger.db'));
    const full = closing(await openSqliteLedger(join(disk, 'ledger.db')));
    const { size } = await full.head();
    const refusal = await refusalOf(full.append(Array.from({ length: 100 }, () => Buffer.alloc(4000, 'x'))));
    expect(refusal).toMatchObject({ code: 'ledger-unavailable' });
    expect(refusal.message).toContain('the disk is full');
    expect(await full.head()).toMatchObject({ size });
    await expectWhole(full);
  });

  test('of another process that holds it: waits, then says so; the event loop goes on meanwhile', { timeout: 30_000 }, async () => {
    const { path, store, holder, refused } = held;
    const { refusal, ticks } = await refused;
    expect(refusal).toMatchObject({ code: 'ledger-unavailable', message: `the ledger ${path} can not be used: another process holds it` });
    expect(ticks).toBeGreaterThan(100);
    const waiting = store.append([Buffer.from('b')]);
    holder.exec('ROLLBACK');
    holder.close();
    expect(await waiting).toBe(1);
  });

  test.skipIf(!isRoot)('of a file that may not be written', async () => {
    const { path, store } = await newLedger();
    await store.close();
    const directory = scratchDirectory();
    const copy = join(directory, 'ledger.db');
    copyFileSync(path, copy);
    chmodSync(copy, 0o444);
    expect(await startAppender(copy, 1, 'x', { LOCKFAST_TEST_UID: String(NOBODY) }).lines).toEqual(['ledger-unavailable']);
  });

  test.skipIf(!isRoot)('of a time in which it was read-only: the next writer mends it, or says what to do', async () => {
    const directory = join(scratchDirectory(), 'theirs');
    mkdirSync(directory);
    chownSync(directory, NOBODY, NOBODY);
    const path = join(directory, 'ledger.db');
    await (await createSqliteLedger(path)).close();
    const append = async (): Promise<readonly string[]> => startAppender(path, 1, 'x', { LOCKFAST_TEST_UID: String(NOBODY) }).lines;
    chmodSync(path, 0o400);
    expect(await append()).toEqual(['ledger-unavailable']);
    expect(statSync(`${path}-shm`).mode & 0o777).toBe(0o400);
    chmodSync(path, 0o600);
    expect(await append()).toEqual(['1']);
    // Not theirs to mend.
    for (const end of ['-wal', '-shm']) {
      for (const left of ['-wal', '-shm']) rmSync(path + left, { force: true });
      writeFileSync(path + end, '', { mode: 0o444 });
      expect(statSync(path + end).uid).toBe(0);
      expect(await append()).toEqual(['ledger-unavailable']);
    }
    for (const left of ['-wal', '-shm']) rmSync(path + left, { force: true });
    expect(await append()).toEqual(['2']);
  });

  test.skipIf(missing !== undefined)(`of a disk that has no room for the -shm file, or is read-only: tells which${missing === undefined ? '' : ` (${missing})`}`, async () => {
    const { path, store } = await newLedger();
    await store.append([Buffer.from('before')]);
    await store.close();
    const disk = join(scratchDirectory(), 'disk');
    onTestFinished(mountSmallDisk(disk, '128k'));
    const copy = join(disk, 'ledger.db');
    copyFileSync(path, copy);
    for (const size of [4096, 1]) {
      try {
        for (;;) writeFileSync(join(disk, 'filler'), Buffer.alloc(size), { flag: 'a' });
      } catch {}
    }
    const full = await refusalOf(openSqliteLedger(copy));
    expect(full).toMatchObject({ code: 'ledger-unavailable', message: `the ledger ${copy} can not be used: the disk is full` });
    rmSync(join(disk, 'filler'));
    await closing(await openSqliteLedger(copy)).append([Buffer.from('after')]);
  });

  test.skipIf(missing !== undefined)(`of a file system that is read-only for a while${missing === undefined ? '' : ` (${missing})`}`, async () => {
    const { path, store } = await newLedger();
    await store.close();
    const disk = join(scratchDirectory(), 'disk');
    onTestFinished(mountSmallDisk(disk, '256k'));
    const copy = join(disk, 'ledger.db');
    copyFileSync(path, copy);
    execFileSync('mount', ['-o', 'remount,ro', disk]);
    expect(await refusalOf(openSqliteLedger(copy))).toEqual({ code: 'ledger-unavailable', message: `the ledger ${copy} can not be used: its file system is read-only`, hint: 'remount it writable' });
    execFileSync('mount', ['-o', 'remount,rw', disk]);
    expect(await closing(await openSqliteLedger(copy)).append([Buffer.from('after')])).toBe(1);
  });

  test('a WAL that is deleted under the ledger stops it', async () => {
    const { path, store } = await newLedger();
    await store.append([Buffer.from('a')]);
    rmSync(`${path}-wal`);
    expect(await refusalOf(store.append([Buffer.from('b')]))).toMatchObject({ code: 'ledger-unavailable', message: `the ledger ${path} or its -wal file was removed or replaced while it was open` });
  });

  test('a database that is put in its place stops it', async () => {
    const { path, store } = await newLedger();
    await store.append([Buffer.from('a')]);
    copyFileSync(path, `${path}.copy`);
    renameSync(`${path}.copy`, path);
    expect(await refusalOf(store.append([Buffer.from('b')]))).toMatchObject({ code: 'ledger-unavailable' });
  });

  test('a copy without its WAL is a shorter ledger, and whole', async () => {
    const { path, store } = await newLedger();
    await store.append([Buffer.from('a')]);
    await store.close();
    const again = closing(await openSqliteLedger(path));
    await again.append([Buffer.from('b')]);
    const copy = join(scratchDirectory(), 'ledger.db');
    copyFileSync(path, copy);
    const shorter = closing(await openSqliteLedger(copy));
    expect(await everyEntry(shorter)).toEqual(['a']);
    await expectWhole(shorter);
  });
});

test.skipIf(!isRoot)('what root appends leaves the ledger usable for the user whose it is', async () => {
  const directory = join(scratchDirectory(), 'theirs');
  mkdirSync(directory);
  chownSync(directory, NOBODY, NOBODY);
  const path = join(directory, 'ledger.db');
  const store = await createSqliteLedger(path);
  await store.append([Buffer.from('by root')]);
  for (const end of ['', '-wal', '-shm']) expect(statSync(path + end).uid).toBe(NOBODY);
  // With root's connection open, and after it.
  expect(await startAppender(path, 1, 'theirs', { LOCKFAST_TEST_UID: String(NOBODY) }).seqs).toEqual([2]);
  await store.close();
  expect(await startAppender(path, 1, 'theirs', { LOCKFAST_TEST_UID: String(NOBODY) }).seqs).toEqual([3]);
  const again = closing(await openSqliteLedger(path));
  expect(await expectWhole(again)).toBe(3);
  expect(execFileSync('ls', [directory], { encoding: 'utf8' })).toContain('ledger.db');
});
