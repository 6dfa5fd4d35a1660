/** Reading while the ledger can't be written, on purpose: what it allows, what it leaves behind, and that it is told. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';

import type { LedgerEntry } from '@lockfast/ledger';
import { missingForTracing, strike, traceFileCalls, type Trial } from '@lockfast/testkit';
import { expect, test } from 'vitest';

import { COMMANDS } from '../src/commands.ts';
import { ledgerEntries } from './support/ledger.ts';
import { copyOf, encryptedProject, LOCKFAST, type Project } from './support/project.ts';

const DATABASE = '.lockfast/ledger.db';
const ENDS = ['', '-wal', '-shm'];
const GLASS = ['--break-glass', '--reason', 'the shop is down, ticket 4711'];

interface Note {
  ledger: string;
  readonly time: string;
  readonly person: string;
  readonly why: string;
  readonly reason: string;
  readonly event: { readonly operation: string; readonly object: string };
}

/** A project whose ledger this machine has written to: one that it never saw would be begun anew. */
async function seenProject(content: string): Promise<Project> {
  const project = await encryptedProject(content);
  expect((await project.run(['env', 'verify'])).status).toBe(0);
  return project;
}

/** The project's ledger is elsewhere until it is put back. */
function takeLedger(project: Project): { putBack(): void } {
  const kept = join(project.base, 'kept');
  mkdirSync(kept);
  for (const end of ENDS) if (existsSync(project.path(DATABASE + end))) renameSync(project.path(DATABASE + end), join(kept, `ledger.db${end}`));
  return {
    putBack: () => {
      for (const name of readdirSync(kept)) renameSync(join(kept, name), project.path(`.lockfast/${name}`));
      rmSync(kept, { recursive: true });
    },
  };
}

function notesOf(project: Project, state = project.state): string[] {
  const directory = join(state, 'break-glass');
  return existsSync(directory) ? readdirSync(directory).map((name) => join(directory, name)) : [];
}

async function broken(project: Project): Promise<LedgerEntry[]> {
  return (await ledgerEntries(project)).filter(({ operation }) => operation === 'break-glass');
}

/** One use without the ledger, which is back then. */
async function noted(): Promise<Project> {
  const project = await seenProject('A=canary-of-a\n');
  const ledger = takeLedger(project);
  const { status, stdout, stderr } = await project.run(['env', 'get', 'A', ...GLASS]);
  expect([status, stdout], stderr).toEqual([0, 'canary-of-a']);
  ledger.putBack();
  return project;
}

test('[E14] what only reads goes on, is noted, and is on record when the ledger is back: once, with who, when, why and what', async () => {
  const project = await seenProject('A=canary-of-a\n');
  const before = (await ledgerEntries(project)).length;
  const ledger = takeLedger(project);
  const reads: [string[], string, string][] = [
    [['env', 'get', 'A'], 'canary-of-a', 'decrypt'],
    [['env', 'list', '--reveal'], 'canary-of-a', 'decrypt'],
    [['env', 'decrypt', '--out', '-'], 'canary-of-a', 'decrypt'],
    [['env', 'verify'], 'good', 'verify'],
    [['run', '--', '/usr/bin/printenv', 'A'], 'canary-of-a', 'decrypt'],
  ];
  for (const [args, shown] of reads) {
    const { status, stdout, stderr } = await project.run([args[0]!, ...(args[0] === 'run' ? GLASS : []), ...args.slice(1), ...(args[0] === 'run' ? [] : GLASS)]);
    expect(status, stderr).toBe(0);
    expect(stdout).toContain(shown);
    expect(stderr).toContain(`warning: the ledger ${project.path(DATABASE)} is gone: this machine has written to it before; going on without it, since --break-glass was given. That is noted in ${project.state}/break-glass`);
    expect(stderr).not.toContain('canary');
  }
  const paths = notesOf(project);
  expect(paths).toHaveLength(reads.length);
  expect(statSync(join(project.state, 'break-glass')).mode & 0o777).toBe(0o700);
  for (const path of paths) {
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const text = readFileSync(path, 'utf8');
    expect(text).not.toContain('canary');
    expect(JSON.parse(text)).toMatchObject({ ledger: `sqlite:${project.path(DATABASE)}`, person: userInfo().username, why: 'ledger-missing', reason: GLASS[2], event: { object: project.path('.env.encrypted') } });
  }
  ledger.putBack();
  expect((await project.run(['env', 'verify'])).status).toBe(0);
  expect(notesOf(project)).toEqual([]);
  const events = await broken(project);
  expect(events.map(({ details }) => String(details?.['read'])).toSorted((a, b) => a.localeCompare(b))).toEqual(['decrypt', 'decrypt', 'decrypt', 'decrypt', 'verify']);
  for (const event of events) {
    expect(event).toMatchObject({ kind: 'event', object: project.path('.env.encrypted'), environment: 'production', reason: GLASS[2], outcome: 'success', code: 'ledger-missing', details: { by: userInfo().username } });
    expect(event.details?.['at']).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  }
  // They stand before what found them: from then on nothing is missing.
  expect((await ledgerEntries(project)).slice(before).map(({ operation }) => operation)).toEqual([...events.map(() => 'break-glass'), 'verify', 'verify']);
});

test('[E14] without a reason it is refused, and the file stays shut', async () => {
  const project = await seenProject('A=canary-of-a\n');
  takeLedger(project);
  for (const [message, ...words] of [['--break-glass needs --reason TEXT', '--break-glass'], ['--reason is empty', '--break-glass', '--reason', ' '], ['--reason is empty', '--break-glass', '--reason', '']]) {
    const { status, stdout, stderr } = await project.run(['env', 'get', 'A', ...words]);
    expect([status, stdout], stderr).toEqual([2, '']);
    expect(stderr).toContain(message);
  }
  expect((await project.run(['env', 'get', 'A', '--reason', 'because'])).status).toBe(1);
  expect(notesOf(project)).toEqual([]);
});

test('[E14] no command that changes anything knows it', async () => {
  const project = await seenProject('A=1\n');
  takeLedger(project);
  expect(COMMANDS.filter(({ options }) => 'break-glass' in options).map(({ name }) => name)).toEqual(['run', 'mask', 'env decrypt', 'env verify', 'env list', 'env lint', 'env get', 'env explain', 'ledger export', 'tenant open', 'tenant export']);
  for (const args of [['env', 'set', 'A'], ['env', 'encrypt'], ['env', 'edit'], ['key', 'create'], ['key', 'rotate']]) {
    const { status, stdout } = await project.run([...args, ...GLASS], { input: '2' });
    expect([status, stdout], args.join(' ')).toEqual([2, '']);
  }
});

test('[E14] with a ledger in order it changes nothing: what is read is on record as always', async () => {
  const project = await seenProject('A=1\n');
  const { status, stderr } = await project.run(['env', 'get', 'A', ...GLASS]);
  expect([status, stderr]).toEqual([0, '']);
  expect(notesOf(project)).toEqual([]);
  expect((await ledgerEntries(project)).slice(-2).map(({ kind, operation }) => [kind, operation])).toEqual([['intent', 'decrypt'], ['outcome', 'decrypt']]);
});

test('[E14] a key that does not open, and a file that was changed, stay shut with it, too', async () => {
  const project = await seenProject('A=canary-of-a\n');
  takeLedger(project);
  const other = (await project.run(['key', 'generate', '--format', 'root'])).stdout.trim();
  expect(await project.run(['env', 'get', 'A', ...GLASS], { env: { LOCKFAST_KEY_SOURCE: 'env:R', R: other } })).toMatchObject({ status: 3, stdout: '' });
  project.write('.env.encrypted', project.text('.env.encrypted').replace('A=', 'B='));
  expect(await project.run(['env', 'list', '--reveal', ...GLASS])).toMatchObject({ status: 4, stdout: '' });
  expect(notesOf(project)).toHaveLength(2);
});

test('[E14] of a ledger that was put back to an older state, it is on record once that is accepted', async () => {
  const project = await seenProject('A=1\n');
  const older = join(project.base, 'older.db');
  writeFileSync(older, project.read(DATABASE));
  for (let i = 0; i < 2; i++) expect((await project.run(['key', 'create'])).status).toBe(0);
  for (const end of ENDS) rmSync(project.path(DATABASE + end), { force: true });
  renameSync(older, project.path(DATABASE));
  expect((await project.run(['env', 'get', 'A'])).status).toBe(4);
  expect((await project.run(['env', 'get', 'A', ...GLASS])).stdout).toBe('1');
  expect(notesOf(project)).toHaveLength(1);
  const accepted = await project.run(['ledger', 'accept-restored', '--reason', 'restored']);
  expect(accepted.status, accepted.stderr).toBe(0);
  expect((await project.run(['env', 'get', 'A'])).status).toBe(0);
  expect(await broken(project)).toEqual([expect.objectContaining({ code: 'ledger-rewound', reason: GLASS[2] })]);
  expect(notesOf(project)).toEqual([]);
});

test('[E14] where it can not be noted it is refused', async () => {
  const project = await seenProject('A=canary-of-a\n');
  takeLedger(project);
  // On one that can not be made, for root either.
  const { status, stdout, stderr } = await project.run(['env', 'get', 'A', ...GLASS], { env: { XDG_STATE_HOME: '/proc/none', LOCKFAST_LEDGER: 'sqlite:/proc/none/ledger.db' } });
  expect([status, stdout]).toEqual([1, '']);
  expect(stderr).not.toMatch(/canary|defect/);
});

test("[E14] another ledger's notes stay for that one", async () => {
  const [one, two] = [await encryptedProject('A=1\n'), await encryptedProject('B=2\n')];
  const shared = { env: { XDG_STATE_HOME: join(one.base, 'shared') } };
  for (const project of [one, two]) expect((await project.run(['env', 'verify'], shared)).status).toBe(0);
  const ledger = takeLedger(one);
  expect((await one.run(['env', 'get', 'A', ...GLASS], shared)).stdout).toBe('1');
  const state = join(one.base, 'shared/lockfast');
  expect((await two.run(['env', 'verify'], shared)).status).toBe(0);
  expect([notesOf(one, state).length, (await broken(two)).length]).toEqual([1, 0]);
  ledger.putBack();
  expect((await one.run(['env', 'verify'], shared)).status).toBe(0);
  expect([notesOf(one, state).length, (await broken(one)).length]).toEqual([0, 1]);
});

test('[E14] a note that is none stops whatever would go on record, until somebody has looked at it', async () => {
  const project = await noted();
  for (const text of ['', '{', '[]', 'null', '{"ledger":"sqlite:x"}']) {
    const [path] = notesOf(project) as [string];
    writeFileSync(path, text);
    const { status, stdout, stderr } = await project.run(['env', 'get', 'A']);
    expect([status, stdout]).toEqual([4, '']);
    expect(stderr).toContain(`${path} is no note of what was read without the ledger`);
  }
});

const missing = missingForTracing();
test.skipIf(missing !== undefined)(`[E14] killed between the record and the end of the note, it is on record twice at most, never lost${missing === undefined ? '' : ` (${missing})`}`, { timeout: 60_000 }, async () => {
  const original = await noted();
  const prepare = (): Trial & { readonly project: Project } => {
    const project = copyOf(original);
    for (const path of notesOf(project)) {
      const note = JSON.parse(readFileSync(path, 'utf8')) as Note;
      note.ledger = `sqlite:${project.path(DATABASE)}`;
      writeFileSync(path, JSON.stringify(note));
    }
    return { project, command: process.execPath, args: [LOCKFAST, 'env', 'get', 'A'], cwd: project.directory, env: project.env, paths: [join(project.state, 'break-glass')] };
  };
  const traced = prepare();
  const { calls } = await traceFileCalls(traced.command, traced.args, traced);
  const removal = calls.filter(({ call }) => call.startsWith('unlink'));
  expect(removal).toHaveLength(1);
  for (const call of calls) {
    const { trial } = await strike(prepare, call, 'KILL');
    const { status, stderr } = await trial.project.run(['env', 'get', 'A']);
    expect(status, stderr).toBe(0);
    expect(notesOf(trial.project)).toEqual([]);
    const count = (await broken(trial.project)).length;
    expect([1, 2], call.text).toContain(count);
    if (call === removal[0]) expect(count).toBe(2);
  }
});
