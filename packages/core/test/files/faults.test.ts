/** Every file-changing call of a write, a creation and a removal x {killed before it, EIO, ENOSPC}. */
import { chownSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { buildSync } from 'esbuild';
import { beforeAll, expect, test } from 'vitest';

import { type FileCall, FAULTS, missingForTracing, strike, traceFileCalls, type Trial } from '@lockfast/testkit';
import { identityOf, withFileLock, writeDurably } from '../../src/files/index.ts';
import { asRefusal } from './refusal.ts';
import { entriesOf, isRoot, modeOf, scratchDirectory } from './scratch.ts';

const missing = missingForTracing();
const because = missing === undefined ? '' : ` (${missing})`;
/** In one file of JavaScript: a traced process that strips types from a dozen files takes three times as long. */
let child = '';
beforeAll(() => {
  const directory = mkdtempSync(join(tmpdir(), 'lockfast-child-'));
  child = join(directory, 'child.mjs');
  const source = fileURLToPath(new URL('child.ts', import.meta.url));
  buildSync({ entryPoints: [source], outfile: child, bundle: true, platform: 'node', format: 'esm', target: 'node24', logLevel: 'warning' });
  return () => rmSync(directory, { recursive: true });
});

const OLD = 'old\n'.repeat(2000);
const NEW = 'new\n'.repeat(3000);

/** The steps whose order makes a write durable, without those that only some runs need. */
const stepsOf = (calls: readonly FileCall[]): string[] => calls.filter(({ files }) => !files.some((file) => file.includes('/state'))).map(({ call }) => call);

interface Setting extends Trial {
  readonly path: string;
  readonly directory: string;
  readonly state: string;
}

/** A directory with the old file in it (but for a creation), and what the child is to do there. */
function setting(job: 'replace' | 'create' | 'remove'): Setting {
  const cwd = scratchDirectory();
  // Not a plain name, so that the tracing has to read strace's escapes.
  const directory = join(cwd, 'the\n"target" ключ');
  const path = join(directory, '.env');
  const state = join(cwd, 'state');
  mkdirSync(directory);
  if (job !== 'create') writeFileSync(path, OLD, { mode: 0o640 });
  // Another's file: so that the owner has to be changed, too.
  if (job === 'replace' && isRoot) chownSync(path, 65534, 65534);
  return {
    cwd,
    directory,
    path,
    state,
    command: process.execPath,
    args: [child, job, path, state, NEW],
    env: { PATH: process.env['PATH'] },
    // Making the lock is the same for all: its faults are tried once.
    paths: job === 'create' ? [directory, state] : [directory],
  };
}

/** What a fault may leave: the old file or nothing, or the new one, whole and with the right mode and owner. */
function stateOf(place: Setting): 'old' | 'new' | 'none' {
  if (!existsSync(place.path)) return 'none';
  const text = readFileSync(place.path, 'utf8');
  if (text === OLD) return 'old';
  expect(text).toBe(NEW);
  return 'new';
}

test.skipIf(missing !== undefined)(`a write syncs the file before it takes the name, and the directory after${because}`, { timeout: 20_000 }, async () => {
  const replaced = setting('replace');
  const traced = await traceFileCalls(process.execPath, replaced.args, replaced);
  expect(traced.stdout).toBe('done\n');
  expect(stepsOf(traced.calls)).toEqual(['openat', 'pwrite64', ...(isRoot ? ['fchown'] : []), 'fchmod', 'fsync', 'rename', 'fsync']);
  const [creation] = traced.calls.filter(({ files, call }) => call === 'openat' && files[0]!.startsWith(replaced.directory));
  expect(creation!.text).toMatch(/\/\.\.env\.lockfast-[0-9a-f]{16}\.tmp", O_WRONLY\|O_CREAT\|O_EXCL\|O_NOFOLLOW\|O_CLOEXEC, 0600\)/);
  expect(traced.calls.at(-1)!.files).toEqual([replaced.directory]);

  const created = setting('create');
  const umask = process.umask(0);
  const creating = await traceFileCalls(process.execPath, created.args, created).finally(() => process.umask(umask));
  expect(stepsOf(creating.calls)).toEqual(['openat', 'pwrite64', 'fchmod', 'fsync', 'link', 'unlink', 'fsync']);
  // Nothing is made, even for a moment, that others may read. SQLite's 0644 is for a lock file that is there already.
  const made = creating.calls.filter(({ call }) => call === 'openat' || call === 'mkdir').map(({ text }) => /(O_EXCL.*)?, (0\d+)\)/.exec(text)!);
  expect(made.map(([, exclusive, mode]) => `${exclusive === undefined ? '' : 'exclusive '}${mode}`)).toEqual([
    '0700',
    '0700',
    '0700',
    'exclusive 0600',
    '0644',
    'exclusive 0600',
  ]);

  const removed = setting('remove');
  const removing = await traceFileCalls(process.execPath, removed.args, removed);
  expect(stepsOf(removing.calls)).toEqual(['unlink', 'fsync']);
});

test.skipIf(missing !== undefined).for(['replace', 'create', 'remove'] as const)(
  `after every fault of a %s the file is wholly old or wholly new, and the next run leaves nothing behind${because}`,
  { timeout: 60_000 },
  async (job) => {
    const outcome = { replace: ['old', 'new'], create: ['none', 'new'], remove: ['old', 'none'] }[job];
    const first = setting(job);
    const { calls, stdout } = await traceFileCalls(process.execPath, first.args, first);
    expect(stdout).toBe('done\n');
    const cases = calls.flatMap((call, index) => FAULTS.map((fault) => ({ call, index, fault })));
    const seen = new Set<string>();
    await inPairs(cases, async ({ call, index, fault }) => {
      const name = `${fault} at ${call.text}`;
      const run = await strike(() => setting(job), call, fault);
      const place = run.trial;
      const state = stateOf(place);
      expect(outcome, name).toContain(state);
      seen.add(state);
      const temps = entriesOf(place.directory).filter((entry) => entry.endsWith('.tmp'));
      if (fault === 'KILL') {
        expect(run.signal, name).toBe('SIGKILL');
      } else {
        // Refused in words that somebody chose, never a stack trace; success only if the file is as asked.
        expect(run.stderr, name).toBe('');
        if (run.status === 0) expect(state, name).toBe(outcome[1]);
        else expect(JSON.parse(run.stdout), name).toMatchObject({ code: 'write-failed', message: expect.stringMatching(/disk|can not be taken/) });
        expect(temps, name).toEqual([]);
        // What took effect before the last step is said to have.
        if (run.status !== 0 && state === outcome[1]) expect(run.stdout, name).toMatch(/ was (written|removed), but /);
      }
      if (state === 'new' && job === 'replace') {
        expect(modeOf(place.path), name).toBe('640');
        if (isRoot) expect(lstatSync(place.path).uid, name).toBe(65534);
      }
      if (index === calls.length - 1 && fault === 'KILL') expect(state, name).toBe(outcome[1]);

      await withFileLock(place.state, place.path, () => {
        writeDurably({ path: place.path, bytes: Buffer.from('next\n'), mode: 0o600, expected: identityOf(place.path) ?? 'absent' });
      }).catch((error: unknown) => expect(asRefusal(error), name).toBeUndefined());
      expect(entriesOf(place.directory), name).toEqual(['.env']);
      expect(lstatSync(place.path).nlink, name).toBe(1);
      expect(entriesOf(join(place.state, 'locks')), name).toHaveLength(1);
    });
    expect([...seen].toSorted()).toEqual(outcome.toSorted());
  },
);

const OTHER_FAULTS = [
  { job: 'create', call: 'link', fault: 'EPERM', after: 'new', says: 'done' },
  { job: 'create', call: 'link', fault: 'EOPNOTSUPP', after: 'new', says: 'done' },
  { job: 'create', call: 'link', fault: 'EEXIST', after: 'none', says: 'exists already' },
  { job: 'replace', call: 'pwrite64', fault: 'EDQUOT', after: 'old', says: 'was not written: the disk quota is used up' },
  { job: 'replace', call: 'pwrite64', fault: 'ENOTRECOVERABLE', after: 'old', says: 'was not written: the system reported error 131' },
  { job: 'replace', call: 'rename', fault: 'EXDEV', after: 'old', says: 'was not written: it is on another file system than its directory' },
  { job: 'replace', call: 'rename', fault: 'ENOENT', after: 'old', says: 'was not written: its directory or its temporary file was removed meanwhile' },
  { job: 'replace', call: 'fsync', fault: 'EINVAL', after: 'new', says: 'done' },
  { job: 'remove', call: 'fsync', fault: 'EIO', after: 'none', says: 'was removed, but its directory was not synced, so a power cut may undo it: the disk reported an I/O error' },
] as const;

test.skipIf(missing !== undefined).for(OTHER_FAULTS)(`$fault at the last $call of a $job${because}`, { timeout: 20_000 }, async ({ job, call, fault, after, says }) => {
  const first = setting(job);
  const { calls } = await traceFileCalls(process.execPath, first.args, first);
  const run = await strike(() => setting(job), calls.findLast((traced) => traced.call === call)!, fault);
  expect(run.stdout).toContain(says);
  expect(stateOf(run.trial)).toBe(after);
  expect(entriesOf(run.trial.directory)).toEqual(after === 'none' ? [] : ['.env']);
});

/** Two at a time: strace and its child keep about one core busy. */
async function inPairs<T>(items: readonly T[], action: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await action(item);
  };
  await Promise.all([worker(), worker()]);
}
