import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { expect, onTestFinished, test } from 'vitest';

import { withFileLock } from '../../src/files/index.ts';
import { laterRefusalOf } from './refusal.ts';
import { entriesOf, isRoot, modeOf, scratchDirectory } from './scratch.ts';

const child = fileURLToPath(new URL('child.ts', import.meta.url));
const NOBODY = 65534;

function place(): { directory: string; state: string; path: string } {
  const directory = scratchDirectory();
  mkdirSync(join(directory, 'target'));
  return { directory: join(directory, 'target'), state: join(directory, 'state'), path: join(directory, 'target/.env') };
}

function startChild(job: string, path: string, state: string): ChildProcess {
  const started = spawn(process.execPath, ['--conditions=lockfast-source', child, job, path, state], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void started.kill('SIGKILL'));
  return started;
}

test('the action runs, gives its result, and its failure is the failure', async () => {
  const { state, path } = place();
  expect(await withFileLock(state, path, () => 7)).toBe(7);
  expect(await withFileLock(state, path, async () => 8)).toBe(8);
  await expect(
    withFileLock(state, path, () => {
      throw new Error('its own');
    }),
  ).rejects.toThrow('its own');
  expect(await withFileLock(state, path, () => 'free again', 0)).toBe('free again');
});

test('the locks stand in the state directory, for the owner alone, and nothing beside the target', async () => {
  const { directory, state, path } = place();
  const usual = process.umask(0o000);
  try {
    await withFileLock(state, path, () => {
      expect(entriesOf(directory)).toEqual([]);
    });
  } finally {
    process.umask(usual);
  }
  expect(entriesOf(state)).toEqual(['locks']);
  expect(modeOf(join(state, 'locks'))).toBe('700');
  const [lock, ...more] = entriesOf(join(state, 'locks'));
  expect(lock).toMatch(/^[0-9a-f]{32}\.db$/);
  expect(more).toEqual([]);
  expect(modeOf(join(state, 'locks', lock!))).toBe('600');
  expect(lstatSync(join(state, 'locks', lock!)).size).toBe(0);
});

test('four processes that count at once lose nothing', { timeout: 30_000 }, async () => {
  const { directory, state, path } = place();
  writeFileSync(path, '0');
  const children = [1, 2, 3, 4].map(() => startChild('count', path, state));
  const codes = await Promise.all(children.map(async (started) => (await once(started, 'close'))[0]));
  expect(codes).toEqual([0, 0, 0, 0]);
  expect(readFileSync(path, 'utf8')).toBe('100');
  expect(entriesOf(directory)).toEqual(['.env']);
});

test('a killed holder frees the lock, and a stopped one keeps it', { timeout: 20_000 }, async () => {
  const { state, path } = place();
  const holder = startChild('hold', path, state);
  await once(holder.stdout!, 'data');
  holder.kill('SIGSTOP');
  const started = performance.now();
  const refusal = await laterRefusalOf(withFileLock(state, path, () => 'ran', 300));
  expect(performance.now() - started).toBeGreaterThan(290);
  const lock = join(state, 'locks', entriesOf(join(state, 'locks'))[0]!);
  expect(refusal).toEqual({
    code: 'busy',
    message: `${path} is in use by another lockfast, which holds the lock of its directory`,
    hint: `wait until it is done, then run it again; \`fuser ${lock}\` names it`,
  });
  // Another directory is not locked by it.
  mkdirSync(join(path, '../other'));
  expect(await withFileLock(state, join(path, '../other/.env'), () => 'ran', 0)).toBe('ran');

  const waiting = withFileLock(state, path, () => 'ran');
  await sleep(50);
  holder.kill('SIGKILL');
  expect(await waiting).toBe('ran');
});

test('waiting does not block the event loop', async () => {
  const { state, path } = place();
  const holder = startChild('hold', path, state);
  await once(holder.stdout!, 'data');
  let ticks = 0;
  const timer = setInterval(() => (ticks += 1), 10);
  await laterRefusalOf(withFileLock(state, path, () => 'ran', 200));
  clearInterval(timer);
  expect(ticks).toBeGreaterThan(5);
});

test('callers in one process exclude each other', async () => {
  const { state, path } = place();
  const events: string[] = [];
  const caller = async (): Promise<void> =>
    await withFileLock(state, path, async () => {
      events.push('in');
      await sleep(5);
      events.push('out');
    });
  await Promise.all([caller(), caller(), caller()]);
  expect(events).toEqual(['in', 'out', 'in', 'out', 'in', 'out']);
});

test('a caller that waits too long for another in its process is refused, and the lock stays held', { timeout: 20_000 }, async () => {
  const { state, path } = place();
  const { promise: until, resolve: release } = Promise.withResolvers<string>();
  const first = withFileLock(state, path, () => until);
  // Its database is closed here. Closing a file takes a process's POSIX locks on it away, unless SQLite prevents it.
  expect(await laterRefusalOf(withFileLock(state, path, () => 'ran', 20))).toMatchObject({ code: 'busy' });
  const other = startChild('hold', path, state);
  const held = once(other.stdout!, 'data').then(() => 'held');
  expect(await Promise.race([held, sleep(1000, 'waits')])).toBe('waits');
  release('first');
  expect(await first).toBe('first');
  expect(await held).toBe('held');
});

test('the lock is re-entrant, by any way to write the directory', async () => {
  const { directory, state, path } = place();
  symlinkSync(directory, join(directory, '../alias'));
  const inner = await withFileLock(state, path, async () =>
    await withFileLock(`${state}/../state`, join(directory, '../alias/other'), async () => await withFileLock(state, `${directory}/../target/third`, () => 'innermost', 0), 0),
  );
  expect(inner).toBe('innermost');
});

test('what an action leaves running does not inherit the lock', async () => {
  const { state, path } = place();
  let stray: Promise<unknown> = Promise.resolve();
  await withFileLock(state, path, () => {
    stray = sleep(30).then(async () => await laterRefusalOf(withFileLock(state, path, () => 'ran', 0)));
  });
  await withFileLock(state, path, async () => {
    expect(await stray).toMatchObject({ code: 'busy' });
  });
});

test('what killed runs left of this file is swept, and nothing else', async () => {
  const { directory, state, path } = place();
  const left = '.env.lockfast-0123456789abcdef.tmp';
  const kept = [
    '..env.lockfast-0123456789abcdeg.tmp',
    '..env.lockfast-0123456789abcde.tmp',
    '..env.lockfast-0123456789abcdef.tmp.bak',
    '..env.production.lockfast-0123456789abcdef.tmp',
    '.env.lockfast-0123456789abcdef.tmp',
  ];
  for (const name of kept) writeFileSync(join(directory, name), 'kept');
  writeFileSync(join(directory, `.${left}`), 'a plaintext');
  const link = '..env.lockfast-aaaaaaaaaaaaaaaa.tmp';
  const folder = '..env.lockfast-bbbbbbbbbbbbbbbb.tmp';
  symlinkSync('.env', join(directory, link));
  mkdirSync(join(directory, folder));
  await withFileLock(state, path, () => {
    expect(entriesOf(directory)).toEqual([...kept, link, folder].toSorted());
  });
});

test.skipIf(!isRoot)("a temporary file of another user is root's to sweep, and stops nobody else (needs root)", async () => {
  const { directory, state, path } = place();
  const temp = join(directory, '..env.lockfast-0123456789abcdef.tmp');
  mkdirSync(state, { mode: 0o755 });
  chownSync(state, NOBODY, NOBODY);
  chmodSync(directory, 0o1777);
  writeFileSync(temp, 'x');
  const run = spawnSync(process.execPath, ['--conditions=lockfast-source', child, 'create', path, state, 'new'], {
    encoding: 'utf8',
    env: { ...process.env, LOCKFAST_TEST_UID: String(NOBODY) },
  });
  expect(run.stdout).toBe('done\n');
  expect(existsSync(temp)).toBe(true);
  chownSync(temp, NOBODY, NOBODY);
  await withFileLock(state, path, () => expect(existsSync(temp)).toBe(false));
});

test.skipIf(!isRoot)("root does not lock the state directory's owner out (needs root)", async () => {
  const { directory, state, path } = place();
  mkdirSync(state);
  chownSync(state, NOBODY, NOBODY);
  chownSync(directory, NOBODY, NOBODY);
  await withFileLock(state, path, () => undefined);
  expect(statSync(join(state, 'locks')).uid).toBe(NOBODY);
  const run = spawnSync(process.execPath, ['--conditions=lockfast-source', child, 'create', path, state, 'new'], {
    encoding: 'utf8',
    env: { ...process.env, LOCKFAST_TEST_UID: String(NOBODY) },
  });
  expect(run.stdout).toBe('done\n');
});

test.skipIf(!isRoot)('a lock that is not ours to take says so (needs root)', async () => {
  const { directory, state, path } = place();
  chownSync(directory, NOBODY, NOBODY);
  await withFileLock(state, path, () => undefined);
  const locks = join(state, 'locks');
  const lock = join(locks, entriesOf(locks)[0]!);
  const asNobody = (): unknown =>
    JSON.parse(
      spawnSync(process.execPath, ['--conditions=lockfast-source', child, 'create', path, state, 'new'], {
        encoding: 'utf8',
        env: { ...process.env, LOCKFAST_TEST_UID: String(NOBODY) },
      }).stdout,
    );
  expect(asNobody()).toMatchObject({ code: 'permission-denied', message: `no lock can be made in the state directory ${state}: permission is denied` });
  chmodSync(state, 0o777);
  chmodSync(locks, 0o777);
  for (const mode of [0o600, 0o644]) {
    chmodSync(lock, mode);
    expect(asNobody()).toMatchObject({ code: 'permission-denied', message: `the lock ${lock} can not be taken: permission is denied` });
  }
});

test('a lock file that is none, and a place where none can be', async () => {
  const { directory, state, path } = place();
  await withFileLock(state, path, () => undefined);
  const lock = join(state, 'locks', entriesOf(join(state, 'locks'))[0]!);
  writeFileSync(lock, 'not a database'.repeat(1000));
  expect(await laterRefusalOf(withFileLock(state, path, () => 'ran'))).toEqual({
    code: 'write-failed',
    message: `the lock ${lock} can not be taken: file is not a database`,
    hint: 'remove that file while no lockfast runs, then run it again',
  });
  expect(await laterRefusalOf(withFileLock(state, `${directory}/none/.env`, () => 'ran'))).toEqual({
    code: 'not-found',
    message: `the directory ${directory}/none can not be locked: it does not exist`,
    hint: 'check the path',
  });
  expect(await laterRefusalOf(withFileLock(state, `${directory}/`, () => 'ran'))).toMatchObject({ code: 'not-a-file' });
  writeFileSync(path, '');
  expect(await laterRefusalOf(withFileLock(path, path, () => 'ran'))).toMatchObject({
    code: 'not-found',
    message: `no lock can be made in the state directory ${path}: a part of its path is not a directory`,
  });
});
