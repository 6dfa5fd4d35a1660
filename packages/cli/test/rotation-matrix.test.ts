/**
 * The fault matrix of a rotation, row by row: what is neither a call that fails (rotation-faults) nor a power cut
 * (rotation-crash-states). Each test is named after its row; docs/rotation-faults.md is the whole table.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

import { openEnvFile, plaintextOf } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { readRegularFile } from '@lockfast/core/files';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';

import { type FileCall, missingForTracing, strike, traceFileCalls } from '@lockfast/testkit';
import { isRoot, LOCKFAST, type Outcome } from './support/project.ts';
import { Fleet, type FleetFile, FILES, makeFleet, ROOT_ARGS } from './support/rotation-fleet.ts';
import { expectFinished, expectWhole, openRecords, records, temporaryFiles } from './support/rotation-oracle.ts';
import { deep, randomNumbers, sampled, seed } from './support/rotation-sample.ts';

const FEW: readonly FleetFile[] = FILES.filter(({ name }) => /^(?:\.env|\.env\.web|tenants\/(?:alpha|beta)\/\.env(?:\.web)?)\.encrypted$/.test(name));
const ALPHA = FEW.find(({ tenant }) => tenant === 'alpha')!;

const missing = missingForTracing();
const because = missing === undefined ? '' : ` (${missing})`;
const missingRoot = isRoot ? undefined : 'needs root';

/** How often what depends on a moment is tried. */
const MOMENTS = deep ? 40 : 2;

let template: Fleet;
/** A rotation that waits for its ledger, for ten seconds: the other rows run meanwhile, and row 23 looks at what came of it. */
let locked: { readonly fleet: Fleet; readonly holder: DatabaseSync; readonly outcome: Promise<Outcome> };
beforeAll(async () => {
  template = await makeFleet(FEW);
  const fleet = Fleet.copyOf(template);
  expect(await fleet.project.run(['env', 'verify', '.env.encrypted'])).toMatchObject({ status: 0 });
  const holder = new DatabaseSync(fleet.project.path('.lockfast/ledger.db'));
  holder.exec('BEGIN EXCLUSIVE');
  locked = { fleet, holder, outcome: rotate(fleet) };
}, 60_000);
afterAll(async () => {
  await locked.outcome;
  locked.holder.close();
  locked.fleet[Symbol.dispose]();
  template[Symbol.dispose]();
});

function newFleet(): Fleet {
  const fleet = Fleet.copyOf(template);
  onTestFinished(() => fleet[Symbol.dispose]());
  return fleet;
}

function rotate(fleet: Fleet, env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  return fleet.project.run(['key', 'rotate'], { env, patience: 120_000 });
}

async function expectNextFinishes(fleet: Fleet, name: string): Promise<void> {
  await expectWhole(fleet, name, FEW);
  const again = await rotate(fleet);
  expect([again.status, again.signal], `${name}: ${again.stderr}`).toEqual([0, null]);
  await expectFinished(fleet, name, FEW);
}

/** Runs it through a shell that sets limits before. */
function limited(fleet: Fleet, limits: string, after = ''): Promise<Outcome> {
  const { directory, env } = fleet.project;
  const child = spawn('bash', ['-c', `${limits}; exec '${process.execPath}' '${LOCKFAST}' key rotate ${after}`], { cwd: directory, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: 120_000, killSignal: 'SIGKILL' });
  return ended(child);
}

async function ended(child: ChildProcess): Promise<Outcome> {
  const output = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => resolve({ status, signal, ...output }));
  });
}

function started(fleet: Fleet, args: readonly string[] = ['key', 'rotate'], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const { directory, env: own } = fleet.project;
  return spawn(process.execPath, [LOCKFAST, ...args], { cwd: directory, env: { ...own, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
}

function failedBeforeAnything(fleet: Fleet): void {
  expect(records(fleet)).toEqual([]);
}

interface ErrorRow {
  readonly row: string;
  readonly errors: readonly `E${string}`[];
  readonly hits: RegExp;
}

const ERROR_ROWS: readonly ErrorRow[] = [
  { row: '9: EDQUOT and EFBIG', errors: ['EDQUOT', 'EFBIG'], hits: /^(?:pwrite64|fsync|openat|mkdir)$/ },
  { row: '11: EXDEV on rename and link', errors: ['EXDEV'], hits: /^(?:rename|link)$/ },
  { row: '12: EROFS, EACCES and EPERM in the middle', errors: ['EROFS', 'EACCES', 'EPERM'], hits: /^(?:openat|rename|unlink|mkdir|fchmod|pwrite64)$/ },
  { row: '13: ENFILE', errors: ['ENFILE'], hits: /^openat$/ },
  { row: '14: EINTR and EAGAIN, once', errors: ['EINTR', 'EAGAIN'], hits: /^(?:pwrite64|fsync|openat|rename|link)$/ },
];

test.skipIf(missing !== undefined).for(ERROR_ROWS)(`[E6] row $row${because}`, { timeout: deep ? 1_800_000 : 120_000 }, async ({ row, errors, hits }) => {
  const first = newFleet();
  const trialOf = (fleet: Fleet): { fleet: Fleet; command: string; args: string[]; cwd: string; env: NodeJS.ProcessEnv; paths: string[] } => {
    const { directory, env, base } = fleet.project;
    return { fleet, command: process.execPath, args: [LOCKFAST, ...ROOT_ARGS], cwd: directory, env, paths: [base] };
  };
  const trial = trialOf(first);
  const { calls } = await traceFileCalls(trial.command, trial.args, trial);
  const cases = calls.filter(({ call }) => hits.test(call)).flatMap((call: FileCall) => errors.map((error) => ({ call, error })));
  const chosen = sampled(cases, deep ? 60 : 2);
  for (const { call, error } of chosen) {
    const name = `${error} at ${call.text}`;
    const run = await strike(() => trialOf(Fleet.copyOf(template)), call, error);
    using fleet = run.trial.fleet;
    expect(run.signal, name).toBeNull();
    expect(run.stderr, name).not.toContain('defect');
    await expectNextFinishes(fleet, name);
  }
  process.stdout.write(`row ${row}: ${chosen.length} of ${cases.length}\n`);
});

test.skipIf(missing !== undefined)(`[E6] row 14: every third call interrupted${because}`, { timeout: 60_000 }, async () => {
  const fleet = newFleet();
  const { directory, env } = fleet.project;
  const storm = spawn('strace', ['-f', '-o', '/dev/null', '-e', 'trace=none', '-e', 'inject=pwrite64,rename,link,unlink,fchmod,mkdir:error=EINTR:when=1+3', process.execPath, LOCKFAST, 'key', 'rotate'], { cwd: directory, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const { stderr, signal } = await ended(storm);
  expect(signal).toBeNull();
  expect(stderr).not.toContain('defect');
  await expectNextFinishes(fleet, 'EINTR');
});

test('[E6] rows 9 and 10: files may have a few KiB only: short writes, then EFBIG', { timeout: 120_000 }, async () => {
  for (const size of deep ? [1, 2, 3, 4, 8, 16, 32] : [1, 4]) {
    const fleet = newFleet();
    const { stderr, signal, status } = await limited(fleet, `ulimit -f ${size}`);
    const name = `ulimit -f ${size}: ${stderr}`;
    expect(signal, name).toBeNull();
    expect(stderr, name).not.toContain('defect');
    if (size === 1) expect(status, name).toBe(1);
    expect(temporaryFiles(fleet), name).toEqual([]);
    await expectNextFinishes(fleet, name);
  }
});

test('[E6] row 13: EMFILE', { timeout: 120_000 }, async () => {
  for (const most of deep ? Array.from({ length: 24 }, (_, i) => 16 + i) : [22, 26]) {
    const fleet = newFleet();
    const { stderr } = await limited(fleet, `ulimit -n ${most}`);
    expect(stderr, `ulimit -n ${most}`).not.toContain('a defect');
    await expectNextFinishes(fleet, `ulimit -n ${most}: ${stderr}`);
  }
});

test('[E6] [E18] row 17: a bit flipped in the record or the key ring of an open rotation', { timeout: deep ? 1_800_000 : 120_000 }, async () => {
  const random = randomNumbers(seed);
  const fleet = newFleet();
  const { project } = fleet;
  const whole = project.read(ALPHA.name);
  project.write(ALPHA.name, 'none', 0o400);
  // Named .encrypted and not ours: what is ours is, for one, an empty file.
  project.write(ALPHA.name, '', 0o400);
  expect((await rotate(fleet)).status).toBe(1);
  project.write(ALPHA.name, whole, 0o400);
  const kept = fleet.keep('open');
  const record = `.lockfast/rotations/${openRecords(fleet)[0]!.id}.json`;
  let refused = 0;
  const flips = deep ? 150 : 6;
  for (let i = 0; i < flips; i++) {
    fleet.restore(kept);
    const name = i % 2 === 0 ? record : '.lockfast/keyring.json';
    const good = project.read(name);
    const bytes = Buffer.from(good);
    const [at, bit] = [Math.floor(random() * bytes.length), Math.floor(random() * 8)];
    bytes[at]! ^= 1 << bit;
    const mode = lstatSync(project.path(name)).mode & 0o777;
    project.write(name, bytes, mode);
    const run = await rotate(fleet);
    const what = `bit ${bit} of byte ${at} of ${name}: ${run.stderr}`;
    expect(run.stderr, what).not.toContain('a defect');
    expect(run.signal, what).toBeNull();
    if (run.status === 0) {
      await expectWhole(fleet, what, FEW);
      continue;
    }
    refused += 1;
    // As the message says: the record moved away, or the ring restored.
    project.write(name, good, mode);
    await expectWhole(fleet, what, FEW);
    if (name === record) rmSync(project.path(name));
    const next = await rotate(fleet);
    expect(next.status, `${what}${next.stderr}`).toBe(0);
    await expectWhole(fleet, what, FEW);
  }
  process.stdout.write(`row 17: ${flips} bit flips, ${refused} refused\n`);
});

test('[E6] row 17: a damaged manifest of the backup, and a record of a newer format, stop the rotation before anything is mixed up', async () => {
  const fleet = newFleet();
  const { project } = fleet;
  const whole = project.read(ALPHA.name);
  project.write(ALPHA.name, '', 0o400);
  expect((await rotate(fleet)).status).toBe(1);
  project.write(ALPHA.name, whole, 0o400);
  const { id } = openRecords(fleet)[0]!;
  const manifest = `.lockfast/backups/${id}/manifest.json`;
  const good = project.read(manifest);
  project.write(manifest, good.subarray(0, 40));
  const refused = await rotate(fleet);
  expect([refused.status, refused.stderr]).toEqual([4, expect.stringContaining('manifest.json is damaged')]);
  project.write(manifest, good);
  const record = `.lockfast/rotations/${id}.json`;
  const text = project.text(record);
  project.write(record, text.replace('lockfast-rotation/1', 'lockfast-rotation/2'));
  expect((await rotate(fleet)).status).toBe(4);
  project.write(record, text);
  await expectNextFinishes(fleet, 'mended');
});

test('[E6] [S3] row 18: four rotations at once: one is done at a time', { timeout: 60_000 }, async () => {
  const fleet = newFleet();
  const ends = await Promise.all(Array.from({ length: 4 }, () => ended(started(fleet))));
  for (const { status, stderr } of ends) expect([0, 5], stderr).toContain(status);
  const done = ends.filter(({ status }) => status === 0).length;
  expect(done).toBeGreaterThan(0);
  expect(records(fleet)).toHaveLength(done);
  await expectFinished(fleet, 'all ended', FEW);
});

test('[E6] rows 18, 26 and 27: edits while it rotates are kept, whichever comes first', { timeout: 120_000 }, async () => {
  const fleet = newFleet();
  const { project } = fleet;
  const rotation = ended(started(fleet));
  let last = 'none';
  for (let i = 0; i < 4; i++) {
    const set = await project.run(['env', 'set', 'EDIT', '--tenant', 'alpha'], { input: `edit-${i}` });
    // Someone else was faster: it says so, and changed nothing.
    expect([0, 5], set.stderr).toContain(set.status);
    if (set.status === 0) last = `edit-${i}`;
  }
  const { status, stderr } = await rotation;
  expect([0, 1], stderr).toContain(status);
  const again = await rotate(fleet);
  expect(again.status, again.stderr).toBe(0);
  expect(openRecords(fleet)).toEqual([]);
  const got = await project.run(['env', 'get', 'EDIT', '--tenant', 'alpha']);
  expect(got.stdout.trim()).toBe(last);
  await expectFinished(
    fleet,
    'after the edits',
    FEW.filter((file) => file !== ALPHA),
  );
});

test('[E6] row 18: whoever reads while it rotates gets every value, each time', { timeout: 60_000 }, async () => {
  const fleet = newFleet();
  const { project } = fleet;
  const child = started(fleet, ROOT_ARGS);
  const rotation = ended(child);
  let reads = 0;
  let changed = 0;
  while (child.exitCode === null && child.signalCode === null) {
    for (const { name, tenant, plaintext } of FEW) {
      try {
        // As `run` does it: the file first, so that the ring is not older.
        const { bytes } = readRegularFile(project.path(name), 'follow');
        const ring = await fleet.ring();
        expect(plaintextOf(openEnvFile(bytes, { ring, tenant }, name)).toString()).toBe(plaintext);
        reads += 1;
      } catch (error) {
        // The file, or the ring, was replaced between two looks at it: nothing wrong was read, and the next try reads it.
        if (!(error instanceof LockfastError) || error.code !== 'conflict') throw error;
        changed += 1;
      }
      await sleep(0);
    }
  }
  const { status, stderr } = await rotation;
  expect(status, stderr).toBe(0);
  expect(reads).toBeGreaterThan(10);
  process.stdout.write(`row 18: ${reads} reads during a rotation, ${changed} told to try again\n`);
});

test('[E6] rows 19 and 20: a stopped holder keeps the lock, a killed one leaves none', { timeout: 120_000 }, async () => {
  const random = randomNumbers(seed);
  for (let i = 0; i < MOMENTS; i++) {
    const fleet = newFleet();
    const holder = started(fleet);
    const done = ended(holder);
    await untilOpen(fleet, holder);
    holder.kill('SIGSTOP');
    await sleep(random() * 20);
    const second = await rotate(fleet);
    // It had ended before the signal came.
    if (holder.exitCode === null && openRecords(fleet).length > 0) expect([second.status, second.stderr], String(i)).toEqual([5, expect.stringContaining('is in use by another lockfast')]);
    await expectWhole(fleet, 'stopped', FEW);
    if (i % 2 === 0) {
      holder.kill('SIGCONT');
      const { status, stderr } = await done;
      expect(status, stderr).toBe(0);
      await expectFinished(fleet, 'went on', FEW);
    } else {
      holder.kill('SIGKILL');
      await done;
      await expectNextFinishes(fleet, 'killed');
    }
  }
});

async function untilOpen(fleet: Fleet, child: ChildProcess): Promise<void> {
  while (child.exitCode === null && !(existsSync(fleet.project.path('.lockfast/rotations')) && openRecords(fleet).length > 0)) await sleep(2);
}

/** A clock that is wrong by so many milliseconds, from its n-th look on. */
function wrongClock(byMs: number, from = 0): NodeJS.ProcessEnv {
  const code = `const Real = Date; let looks = 0; const off = () => looks++ < ${from} ? 0 : ${byMs}; globalThis.Date = class extends Real { constructor(...a) { a.length === 0 ? super(Real.now() + off()) : super(...a); } static now() { return Real.now() + off(); } };`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` };
}

test.for([
  ['ten years back', -10 * 365.25 * 86_400_000, 0, 'UTC'],
  ['past 2038', 13 * 365.25 * 86_400_000, 0, 'UTC'],
  ['a day back in the middle', -86_400_000, 6, 'UTC'],
  ['an hour forward in the middle, where there is summer time', 3_600_000, 6, 'Europe/Berlin'],
] as const)('[E6] row 21: the clock is wrong: %s', { timeout: 60_000 }, async ([, by, from, zone]) => {
  const fleet = newFleet();
  const { status, stderr } = await rotate(fleet, { ...wrongClock(by, from), TZ: zone });
  expect(status, stderr).toBe(0);
  await expectFinished(fleet, 'wrong clock', FEW);
  expect(records(fleet)[0]!.durationMs).toBeGreaterThanOrEqual(0);
  // And right again.
  const next = await rotate(fleet);
  expect(next.status, next.stderr).toBe(0);
  await expectFinished(fleet, 'right clock', FEW);
});

test('[E6] row 22: an older key ring put back is refused, and the newer one goes on', { timeout: 60_000 }, async () => {
  const fleet = newFleet();
  const { project } = fleet;
  const old = project.read('.lockfast/keyring.json');
  const whole = project.read(ALPHA.name);
  project.write(ALPHA.name, '', 0o400);
  expect((await rotate(fleet)).status).toBe(1);
  project.write(ALPHA.name, whole, 0o400);
  const newer = project.read('.lockfast/keyring.json');
  project.write('.lockfast/keyring.json', old);
  const refused = await rotate(fleet);
  expect([refused.status, refused.stderr]).toEqual([4, expect.stringContaining('the key ring is of generation')]);
  project.write('.lockfast/keyring.json', newer);
  await expectNextFinishes(fleet, 'newer again');
});

test('[E6] row 23: a ledger that is gone: nothing begins', { timeout: 120_000 }, async () => {
  const fleet = newFleet();
  const { project } = fleet;
  const seen = await project.run(['env', 'verify', '.env.encrypted']);
  expect(seen.status, seen.stderr).toBe(0);
  const ring = project.read('.lockfast/keyring.json');

  renameSync(project.path('.lockfast/ledger.db'), project.path('.lockfast/elsewhere.db'));
  const gone = await rotate(fleet);
  expect([gone.status, gone.stderr]).toEqual([1, expect.stringContaining('is gone: this machine has written to it before')]);
  failedBeforeAnything(fleet);
  renameSync(project.path('.lockfast/elsewhere.db'), project.path('.lockfast/ledger.db'));

  expect(project.read('.lockfast/keyring.json').equals(ring)).toBe(true);
  await expectNextFinishes(fleet, 'ledger back');
});

test('[E6] row 23: a ledger that is locked: nothing begins', { timeout: 120_000 }, async () => {
  const { fleet, holder, outcome } = locked;
  const { status, stderr } = await outcome;
  holder.exec('ROLLBACK');
  expect([1, 5], stderr).toContain(status);
  failedBeforeAnything(fleet);
  expect(fleet.project.read('.lockfast/keyring.json').equals(template.project.read('.lockfast/keyring.json'))).toBe(true);
  await expectNextFinishes(fleet, 'ledger free again');
});

test.skipIf(missingRoot !== undefined)(`[E6] row 23: a ledger that is read-only: nothing begins${missingRoot === undefined ? '' : ` (${missingRoot})`}`, { timeout: 60_000 }, async () => {
  const fleet = newFleet();
  const { project } = fleet;
  const own = (owner: string, ...paths: string[]): void => void execFileSync('chown', [owner, ...paths]);
  own('-R', '65534:65534', project.base, project.runtime);
  own('0:0', project.path('.lockfast/ledger.db'));
  chmodSync(project.path('.lockfast/ledger.db'), 0o444);
  const refused = await project.run(['key', 'rotate'], { unprivileged: true });
  expect(refused.status, refused.stderr).toBe(1);
  failedBeforeAnything(fleet);
  // SQLite's own files take the mode of the database.
  for (const file of readdirSync(project.path('.lockfast')).filter((name) => name.startsWith('ledger.db'))) {
    own('65534:65534', project.path(`.lockfast/${file}`));
    chmodSync(project.path(`.lockfast/${file}`), 0o600);
  }
  const done = await project.run(['key', 'rotate'], { unprivileged: true });
  expect(done.status, done.stderr).toBe(0);
  await expectFinished(fleet, 'writable again', FEW);
});

test('[E6] row 34: out of memory', { timeout: 120_000 }, async () => {
  for (const most of deep ? [4, 5, 6, 7, 8, 9, 10, 12, 16] : [5, 8]) {
    const fleet = newFleet();
    const { stderr } = await rotate(fleet, { NODE_OPTIONS: `--max-old-space-size=${most} --max-semi-space-size=1` });
    await expectNextFinishes(fleet, `${most} MiB: ${stderr.slice(0, 200)}`);
  }
});

test('[E6] [E18] row 35: SIGINT, SIGTERM and SIGHUP at random moments', { timeout: deep ? 1_800_000 : 120_000 }, async () => {
  const random = randomNumbers(seed);
  const counts = { before: 0, open: 0, after: 0 };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    for (let i = 0; i < MOMENTS; i++) {
      const fleet = newFleet();
      const child = started(fleet, i % 2 === 0 ? ['key', 'rotate'] : ROOT_ARGS);
      const done = ended(child);
      if (i % 2 === 1) await untilOpen(fleet, child);
      await sleep(random() * 150);
      child.kill(signal);
      const { status, signal: by } = await done;
      expect(by === signal || status !== null, `${signal}: ${status}`).toBe(true);
      counts[openRecords(fleet).length > 0 ? 'open' : records(fleet).length > 0 ? 'after' : 'before'] += 1;
      await expectNextFinishes(fleet, signal);
    }
  }
  process.stdout.write(`row 35: signals ${JSON.stringify(counts)}\n`);
});

test('[E6] row 35: standard output closed, or read by nobody', { timeout: 60_000 }, async () => {
  for (const after of ['--json >&-', '>&- 2>&-', '--json | true', '2>&1 | true', '> /dev/full']) {
    const fleet = newFleet();
    const { stderr } = await limited(fleet, 'true', after);
    expect(stderr, after).not.toContain('defect');
    await expectFinished(fleet, after, FEW);
  }
});

test('[E6] row 36: umask 000: nothing that it makes is open to others', { timeout: 60_000 }, async () => {
  const fleet = newFleet();
  const { project } = fleet;
  const before = new Set(Object.keys(project.tree()));
  const { status, stderr } = await limited(fleet, 'umask 000', `--root --new-key-out ../keys/new/root.key`);
  expect(status, stderr).toBe(0);
  await expectFinished(fleet, 'umask', FEW);
  for (const [path, what] of Object.entries(project.tree())) {
    if (before.has(path) && !path.endsWith('.encrypted') && !path.endsWith('keyring.json')) continue;
    expect(Number.parseInt(what.split(' ')[0]!, 8) & 0o077, `${path} ${what}`).toBe(0);
  }
});

test.for([
  ['a symbolic link out of the project', (path: string, { project }: Fleet) => {
    copyFileSync(project.path('.env.encrypted'), join(project.base, 'elsewhere.encrypted'));
    symlinkSync(join(project.base, 'elsewhere.encrypted'), path);
  }],
  ['a symbolic link to nothing', (path: string) => symlinkSync('/nowhere', path)],
  ['a FIFO', (path: string) => void execFileSync('mkfifo', [path])],
] as const)('[E6] row 36: %s in the place of a file is named, and left as it is', { timeout: 60_000 }, async ([, put]) => {
  const fleet = newFleet();
  const { project } = fleet;
  const odd = project.path('.env.odd.encrypted');
  put(odd, fleet);
  const { ino } = lstatSync(odd);
  const stopped = await rotate(fleet);
  expect([stopped.status, stopped.stderr]).toEqual([1, expect.stringContaining(odd)]);
  expect(lstatSync(odd).ino).toBe(ino);
  await expectWhole(fleet, 'odd', FEW);
  for (const backup of readdirSync(project.path('.lockfast/backups'), { recursive: true, withFileTypes: true })) expect(backup.isFile() || backup.isDirectory(), backup.name).toBe(true);
  rmSync(odd);
  await expectNextFinishes(fleet, 'removed');
});

test('[E6] row 36: a directory with the name of a file holds nothing up', { timeout: 60_000 }, async () => {
  const fleet = newFleet();
  mkdirSync(fleet.project.path('.env.odd.encrypted'));
  const { status, stderr } = await rotate(fleet);
  expect(status, stderr).toBe(0);
  await expectFinished(fleet, 'directory', FEW);
});

test('[E6] [E18] row 40: everything copied in the middle of a rotation opens on a clean host, and is finished there', { timeout: deep ? 600_000 : 60_000 }, async () => {
  const random = randomNumbers(seed + 40);
  for (let i = 0; i < MOMENTS; i++) {
    const fleet = newFleet();
    const child = started(fleet);
    const done = ended(child);
    await untilOpen(fleet, child);
    await sleep(random() * 60);
    child.kill('SIGSTOP');
    // A backup program: the project and the root key, not this machine's state.
    const host = new Fleet();
    onTestFinished(() => host[Symbol.dispose]());
    cpSync(fleet.project.directory, host.project.directory, { recursive: true });
    cpSync(join(fleet.project.home, '.config'), join(host.project.home, '.config'), { recursive: true });
    child.kill('SIGKILL');
    await done;
    await expectNextFinishes(host, 'clean host');
    await expectNextFinishes(fleet, 'this host');
  }
});

test('[E6] row 33: a tenant whose file can not be read holds up none of the others', { timeout: 60_000 }, async () => {
  const fleet = newFleet();
  const { project } = fleet;
  writeFileSync(project.path('junk'), Buffer.alloc(100_000, 'x'));
  const whole = project.read(ALPHA.name);
  project.write(ALPHA.name, Buffer.concat([whole.subarray(0, whole.length - 30), Buffer.alloc(30, 0xff)]), 0o400);
  const stopped = await rotate(fleet);
  expect([stopped.status, stopped.stderr.includes(project.path(ALPHA.name))]).toEqual([1, true]);
  const others = FEW.filter((file) => file !== ALPHA);
  expect(openRecords(fleet)[0]).toMatchObject({ files: others.length, unfinished: [{ path: project.path(ALPHA.name) }] });
  project.write(ALPHA.name, whole, 0o400);
  await expectNextFinishes(fleet, 'mended');
});

