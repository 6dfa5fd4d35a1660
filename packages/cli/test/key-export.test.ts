/** The Fernet keys of the ring's data keys, handed out to real Python programs: on record, and nowhere else. */
import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, chmodSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { Fernet, fernetKeyOf, fernetKeyText } from '@lockfast/core/formats';
import { KeyRing } from '@lockfast/core/keyring';
import { keySource } from '@lockfast/keys';
import { PseudoTerminal } from '@lockfast/testkit';
import { describe, expect, onTestFinished, test } from 'vitest';

import { loginUid } from '../src/actor.ts';
import { ledgerEntries } from './support/ledger.ts';
import { encryptedProject, isRoot, LOCKFAST, type Outcome, type Project } from './support/project.ts';

const PYTHON = '/usr/bin/python3';
const missingPython = spawnSync(PYTHON, ['-c', 'import cryptography.fernet'], { stdio: 'ignore' }).status === 0 ? undefined : 'needs /usr/bin/python3 with cryptography';
/** Persons behind sudo can only be played by root, and where nobody has logged in: the login would outrank them. */
const missingForPersons = !isRoot ? 'needs root' : loginUid() === undefined ? undefined : 'needs a session without a login';

const EXPORT = ['key', 'export', '--format', 'fernet', '--reason', 'web.service'];

async function done(project: Project, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const { status, stdout, stderr } = await project.run(args, { env });
  expect(status, stderr).toBe(0);
  return stdout;
}

async function openRing(project: Project): Promise<KeyRing> {
  const source = keySource(`file:${project.rootKey}`, { environment: {}, home: project.home, directory: project.directory, askPassphrase: () => Promise.reject(new Error('asked')) });
  return KeyRing.open(project.text('.lockfast/keyring.json'), 'the ring', [source]);
}

/** A project whose ring has one draining, one active and one staged key, in this order. */
async function rotatedProject(): Promise<{ project: Project; ids: [string, string, string] }> {
  const project = await encryptedProject('A=1\n');
  await done(project, ['key', 'create']);
  await done(project, ['key', 'activate', (await openRing(project)).keys[1]!.id]);
  await done(project, ['key', 'create']);
  return { project, ids: (await openRing(project)).keys.map(({ id }) => id) as [string, string, string] };
}

function fernetTexts(ring: KeyRing, ids: readonly string[]): string[] {
  return ids.map((id) => fernetKeyText(fernetKeyOf(ring.decrypting(id), ring.environment)));
}

/** What a Python program makes of `keys`, one a line on its standard input, as MultiFernet takes them. */
function python(script: string, keys: string, ...args: readonly string[]): string {
  const program = `import sys\nfrom cryptography.fernet import Fernet, MultiFernet\nring = MultiFernet([Fernet(line) for line in sys.stdin.read().split()])\n${script}`;
  return execFileSync(PYTHON, ['-I', '-c', program, ...args], { input: keys, encoding: 'utf8' }).trim();
}

describe.skipIf(missingPython !== undefined)(`with Python's cryptography${missingPython === undefined ? '' : ` (skipped: ${missingPython})`}`, () => {
  test("[W1] a token of Python's under the exported key opens under the ring, and the other way", async () => {
    const project = await encryptedProject('A=1\n');
    const exported = await done(project, EXPORT);
    expect(exported).toMatch(/^[A-Za-z0-9_-]{43}=\n$/);
    const ring = await openRing(project);
    const ours = new Fernet(fernetKeyOf(ring.active(), 'production'));
    expect(ours.decrypt(python("print(ring.encrypt('pässword'.encode()).decode())", exported)).toString()).toBe('pässword');
    expect(python('print(ring.decrypt(sys.argv[1]).decode())', exported, ours.encrypt('wörd'))).toBe('wörd');
  });

  test('[W1] [E2] MultiFernet with all that decrypt: it reads each, and writes under the active one', async () => {
    const { project, ids } = await rotatedProject();
    const ring = await openRing(project);
    const [old, active, staged] = ids;
    const exported = await done(project, [...EXPORT, '--all']);
    expect(exported.trim().split('\n')).toEqual(fernetTexts(ring, [active, staged, old]));
    for (const id of ids) {
      const token = new Fernet(fernetKeyOf(ring.decrypting(id), 'production')).encrypt(id);
      expect(python('print(ring.decrypt(sys.argv[1]).decode())', exported, token)).toBe(id);
    }
    const made = python("print(ring.encrypt(b'new').decode())", exported);
    expect(new Fernet(fernetKeyOf(ring.active(), 'production')).decrypt(made).toString()).toBe('new');
  });

  test('[T7] [W1] a token that MultiFernet rotates keeps its time under the ring', async () => {
    const { project, ids } = await rotatedProject();
    const ring = await openRing(project);
    const token = new Fernet(fernetKeyOf(ring.decrypting(ids[0]), 'production')).seal('x', 499_162_800n);
    const rotated = python('print(ring.rotate(sys.argv[1]).decode())', await done(project, [...EXPORT, '--all']), token);
    expect(new Fernet(fernetKeyOf(ring.active(), 'production')).open(rotated)).toEqual({ value: Buffer.from('x'), seconds: 499_162_800n, key: 0 });
  });
});

test('one key by its id, and what is said beside it', async () => {
  const { project, ids } = await rotatedProject();
  const ring = await openRing(project);
  for (const [i, id] of ids.entries()) {
    const { status, stdout, stderr } = await project.run([...EXPORT, id]);
    expect([status, stdout]).toEqual([0, `${fernetTexts(ring, [id])[0]}\n`]);
    expect(stderr).toMatch(new RegExp(`^lockfast: ${id}: ${['draining', 'active', 'staged'][i]}, its Fernet key sha256:[0-9a-f]{16}\\.\\.\\.\\n$`));
  }
  await done(project, ['key', 'compromised', ids[1], '--reason', 'seen']);
  expect((await project.run(EXPORT)).stderr).toContain(`lockfast: warning: the key ${ids[1]} is marked as compromised: rotate with \`lockfast key rotate\`, then export again\n`);
});

test.skipIf(missingPython !== undefined)("[W1] [E2] the guide: an old key of Python's beside the ring's, a rotation, and the old key gone", async () => {
  const project = await encryptedProject('A=1\n');
  const shell = (script: string): string => execFileSync('sh', ['-e', '-c', script], { cwd: project.directory, env: project.env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  const app = (script: string, ...args: readonly string[]): string =>
    execFileSync(join(project.base, 'bin/lockfast'), ['run', '--', PYTHON, '-I', '-c', `import os, sys\nfrom cryptography.fernet import Fernet, MultiFernet\nfernet = MultiFernet([Fernet(key) for key in os.environ["FERNET_KEYS"].split(",")])\n${script}`, ...args], { cwd: project.directory, env: project.env, encoding: 'utf8' }).trim();
  const refresh = (): string => shell("lockfast key export --format fernet --all --reason rotation | paste -sd, - | tr -d '\\n' | lockfast env set FERNET_KEYS");
  const newest = (tokens: readonly string[]): string[] => app('print("\\n".join(fernet.rotate(token).decode() for token in sys.argv[1:]))', ...tokens).split('\n');

  shell("lockfast key generate --format fernet | tr -d '\\n' | lockfast env set ENCRYPTION_KEY");
  const old = execFileSync(join(project.base, 'bin/lockfast'), ['run', '--', PYTHON, '-c', 'import os; from cryptography.fernet import Fernet; print(Fernet(os.environ["ENCRYPTION_KEY"]).encrypt(b"old").decode())'], { cwd: project.directory, env: project.env, encoding: 'utf8' }).trim();
  shell("{ lockfast key export --format fernet --all --reason web.service; lockfast env get ENCRYPTION_KEY; } | paste -sd, - | tr -d '\\n' | lockfast env set FERNET_KEYS");
  expect(app('print(fernet.decrypt(sys.argv[1]).decode())', old)).toBe('old');
  const [taken] = newest([old]) as [string];
  const ring = await openRing(project);
  const first = ring.active().id;
  expect(new Fernet(fernetKeyOf(ring.active(), 'production')).decrypt(taken).toString()).toBe('old');

  shell('lockfast key create');
  refresh();
  shell('lockfast env unset ENCRYPTION_KEY');
  const { id } = (await openRing(project)).keys[1]!;
  // Before the new key is used by anybody, the application reads with it.
  const ahead = new Fernet(fernetKeyOf((await openRing(project)).decrypting(id), 'production')).encrypt('ahead');
  expect(app('print(fernet.decrypt(sys.argv[1]).decode())', ahead)).toBe('ahead');
  shell('lockfast key rotate --no-backup --reason yearly');
  expect((await openRing(project)).active().id).toBe(id);
  refresh();
  const [rotated] = newest([taken]) as [string];
  expect(new Fernet(fernetKeyOf((await openRing(project)).active(), 'production')).decrypt(rotated).toString()).toBe('old');
  shell(`lockfast key retire ${first}`);
  refresh();
  expect(() => app('print(fernet.decrypt(sys.argv[1]).decode())', taken)).toThrow('InvalidToken');
  expect(app('print(fernet.decrypt(sys.argv[1]).decode())', rotated)).toBe('old');
});

describe('--out', () => {
  test('[S2] a new file of mode 0600, and nothing of it on standard output', async () => {
    const project = await encryptedProject('A=1\n');
    const [key] = fernetTexts(await openRing(project), [(await openRing(project)).active().id]);
    const { status, stdout, stderr } = await project.run([...EXPORT, '--out', '../fernet.key']);
    const path = join(project.base, 'fernet.key');
    expect([status, stdout]).toEqual([0, `${path}: 1 Fernet key; bring it where it belongs, then remove it here\n`]);
    expect(stderr).not.toContain(key!);
    expect(readFileSync(path, 'utf8')).toBe(`${key}\n`);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const again = await project.run([...EXPORT, '--out', '../fernet.key']);
    expect([again.status, again.stderr]).toEqual([5, `lockfast: ${path} exists already, and was left alone: name another file, or remove it\n`]);
  });

  test('[S2] in a git work tree it warns', async () => {
    const project = await encryptedProject('A=1\n');
    execFileSync('git', ['init', '--quiet'], { cwd: project.directory, env: project.env });
    expect((await project.run([...EXPORT, '--out', 'fernet.key'])).stderr).toContain(`lockfast: warning: ${project.path('fernet.key')} lies in a git work tree: a key that is committed is in the hands of whoever clones\n`);
  });

  test('a directory that is not there: nothing leaves, and the failure is on record', async () => {
    const project = await encryptedProject('A=1\n');
    const { status, stdout } = await project.run([...EXPORT, '--out', 'nowhere/fernet.key']);
    expect([status, stdout]).toEqual([1, '']);
    expect((await ledgerEntries(project)).at(-1)).toMatchObject({ operation: 'key-export', outcome: 'failure' });
  });
});

test('[E14] [S2] an export is on record with its reason, before the key leaves; and the key is nowhere', async () => {
  const { project, ids } = await rotatedProject();
  const log = project.path('lockfast.log');
  appendFileSync(project.path('lockfast.toml'), `\n[log]\ntext = ${JSON.stringify(log)}\n`);
  const before = (await ledgerEntries(project)).length;
  const said: string[] = [];
  for (const args of [EXPORT, [...EXPORT, '--all'], [...EXPORT, ids[0]], [...EXPORT, '--out', 'nowhere/x'], [...EXPORT, 'zzzzzz']]) said.push((await project.run(args)).stderr);
  const entries = (await ledgerEntries(project)).slice(before).filter(({ operation }) => operation === 'key-export');
  const common = { format: 'fernet', out: 'standard output' };
  expect(entries.filter(({ kind }) => kind === 'intent').map(({ object, reason, details }) => [object, reason, details])).toEqual([
    [project.path('.lockfast/keyring.json'), 'web.service', { ...common, all: false }],
    [project.path('.lockfast/keyring.json'), 'web.service', { ...common, all: true }],
    [ids[0], 'web.service', { ...common, all: false }],
    [project.path('.lockfast/keyring.json'), 'web.service', { format: 'fernet', all: false, out: project.path('nowhere/x') }],
    ['zzzzzz', 'web.service', { ...common, all: false }],
  ]);
  expect(entries.filter(({ kind }) => kind === 'outcome').map(({ outcome, keyId, details, code }) => [outcome, keyId, details?.['keys'], code])).toEqual([
    ['success', ids[1], ids[1], undefined],
    ['success', ids[1], `${ids[1]} ${ids[2]} ${ids[0]}`, undefined],
    ['success', ids[0], ids[0], undefined],
    ['failure', undefined, undefined, expect.any(String)],
    ['failure', 'zzzzzz', undefined, 'no-such-key'],
  ]);
  expect(readFileSync(log, 'utf8')).toMatch(/\| KEY-EXPORT \| .* \| SUCCESS$/m);

  const ring = await openRing(project);
  const files = [project.base, project.runtime].flatMap((directory) => readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)));
  expect(files.length).toBeGreaterThan(5);
  for (const text of fernetTexts(ring, ids)) {
    const bytes = Buffer.from(text, 'base64url');
    for (const form of [text.slice(0, 40), bytes.toString('hex'), bytes.toString('base64').slice(0, 40)]) {
      for (const one of said) expect(one).not.toContain(form);
      expect(files.filter((path) => readFileSync(path).includes(form))).toEqual([]);
    }
    expect(files.filter((path) => readFileSync(path).includes(bytes))).toEqual([]);
  }
});

test('[E14] without a ledger that can be written no key leaves', async () => {
  const project = await encryptedProject('A=1\n');
  const { status, stdout, stderr } = await project.run(EXPORT, { env: { LOCKFAST_LEDGER: `sqlite:${project.path('lockfast.toml')}` } });
  expect([status, stdout]).toEqual([4, '']);
  expect(stderr).toContain('the ledger');
});

describe('[D5] what is refused', () => {
  const refused = async (args: readonly string[]): Promise<Pick<Outcome, 'status' | 'stdout' | 'stderr'>> => {
    const project = await encryptedProject('A=1\n');
    const { status, stdout, stderr } = await project.run(['key', 'export', ...args]);
    expect(stdout).toBe('');
    return { status, stdout, stderr: stderr.trimEnd() };
  };

  test.for<[readonly string[], number, string]>([
    [['--reason', 'r'], 2, 'lockfast: key export: --format is missing: say --format fernet'],
    [['--format', 'aes', '--reason', 'r'], 2, 'lockfast: key export: --format takes one of fernet: see: lockfast key export --help'],
    [['--format', 'fernet'], 2, 'lockfast: key export: it needs --reason TEXT: say what happened: whoever reads the ledger wants to know'],
    [['--format', 'fernet', '--reason', 'r', '--all', 'abcdef'], 2, 'lockfast: key export: ID and --all exclude each other: give one of them'],
    [['--format', 'fernet', '--reason', 'r', 'zzzzzz'], 1, 'lockfast: the key ring has no key of this id: see `lockfast key list`'],
    [['--format', 'fernet', '--reason', 'r', 'a secret, by mistake'], 1, 'lockfast: a key id has six characters, such as kq2d5x: see `lockfast key list`'],
  ])('%j', async ([args, status, stderr]) => {
    expect(await refused(args)).toEqual({ status, stdout: '', stderr });
  });

  test('[E2] a key that was retired, one that was destroyed', async () => {
    const { project, ids } = await rotatedProject();
    rmSync(project.path('.env.encrypted'));
    await done(project, ['key', 'retire', ids[0]]);
    expect(await project.run([...EXPORT, ids[0]])).toMatchObject({ status: 3, stdout: '', stderr: expect.stringContaining(`the key ${ids[0]} is retired`) as string });
    expect((await done(project, [...EXPORT, '--all'])).trim().split('\n')).toHaveLength(2);
    await done(project, ['key', 'destroy', ids[0], '--yes', '--reason', 'over']);
    expect(await project.run([...EXPORT, ids[0]])).toMatchObject({ status: 3, stdout: '', stderr: expect.stringContaining(`the key ${ids[0]} is destroyed`) as string });
  });
});

test('[S8] on a terminal it is asked for, and no is the answer to anything but yes', async () => {
  const project = await encryptedProject('A=1\n');
  for (const [typed, status] of [['\n', 2], ['y\n', 0]] as const) {
    const terminal = new PseudoTerminal([process.execPath, LOCKFAST, ...EXPORT, '--out', '../fernet.key'], { cwd: project.directory, env: project.env });
    onTestFinished(() => terminal[Symbol.dispose]());
    await terminal.until("Hand out the active key's Fernet key? [y/N] ");
    terminal.type(typed);
    expect((await terminal.end()).status).toBe(status);
  }
});

describe.skipIf(missingForPersons !== undefined)(`persons${missingForPersons === undefined ? '' : ` (skipped: ${missingForPersons})`}`, () => {
  async function projectOf(tables: string): Promise<Project> {
    const project = await encryptedProject('A=1\n');
    appendFileSync(project.path('lockfast.toml'), tables);
    chmodSync(project.path('lockfast.toml'), 0o644);
    return project;
  }

  test('[E5] only an admin hands a key out; a refusal is on record', async () => {
    const project = await projectOf('\n[roles]\nadmin = ["daemon"]\noperator = ["games"]\n');
    expect(await project.run(EXPORT, { env: { SUDO_USER: 'games' } })).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('key export: games is not an admin') as string });
    expect((await ledgerEntries(project)).at(-1)).toMatchObject({ operation: 'key-export', outcome: 'refused', code: 'not-permitted', reason: 'web.service' });
    expect(await done(project, EXPORT, { SUDO_USER: 'daemon' })).toMatch(/^.{43}=\n$/);
  });

  test('[S8] where changes of keys take two persons, so does this: for this very export, once', async () => {
    const project = await projectOf('\n[roles]\nadmin = ["daemon", "games", "root"]\n[approvals]\nkey = 2\n');
    const first = await project.run(EXPORT, { env: { SUDO_USER: 'daemon' } });
    expect([first.status, first.stdout]).toEqual([1, '']);
    const [, request] = /lockfast key approve (\w+)/.exec(first.stderr) ?? [];
    await done(project, ['key', 'approve', request!], { SUDO_USER: 'games' });
    expect((await project.run([...EXPORT, '--all'], { env: { SUDO_USER: 'daemon' } })).stdout).toBe('');
    expect(await done(project, EXPORT, { SUDO_USER: 'daemon' })).toMatch(/^.{43}=\n$/);
    expect((await project.run(EXPORT, { env: { SUDO_USER: 'daemon' } })).stdout).toBe('');
  });
});
