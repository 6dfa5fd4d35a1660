/** The life of keys by command: who may, what a move needs as proof, what is due, and the second person. */
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, onTestFinished, test } from 'vitest';

import { KeyRing } from '@lockfast/core/keyring';
import { keySource } from '@lockfast/keys';
import { PseudoTerminal } from '@lockfast/testkit';
import { loginUid } from '../src/actor.ts';
import { type ApprovalRequest, isOpen, sealRequests, unsealRequests } from '../src/approvals.ts';
import { LEDGER_SETTING, ledgerEntries } from './support/ledger.ts';
import { encryptedProject, isRoot, LOCKFAST, type Outcome, type Project } from './support/project.ts';
import { withChecksum } from './support/tampering.ts';

/** Persons behind sudo can only be played by root, and where nobody has logged in: the login would outrank them. */
const missingForPersons = !isRoot ? 'needs root' : loginUid() === undefined ? undefined : 'needs a session without a login';

const HOUR = 3_600_000;

interface ListedKey {
  readonly id: string;
  readonly state: string;
  readonly due: string | null;
  readonly compromised: string | null;
}

/** A project with two values in one file, a ledger, and `settings` as the tables of its configuration. */
async function keyProject(settings = ''): Promise<Project> {
  const project = await encryptedProject('A=1\nB=2\n');
  const configuration = project.text('lockfast.toml').replaceAll(/^ledger = .*\n/gm, '');
  project.write('lockfast.toml', LEDGER_SETTING + configuration + settings, 0o644);
  return project;
}

async function keysOf(project: Project, env: NodeJS.ProcessEnv = {}): Promise<ListedKey[]> {
  const { stdout, stderr } = await project.run(['key', 'list', '--json'], { env });
  expect(stderr).toBe('');
  return (JSON.parse(stdout) as { keys: ListedKey[] }).keys;
}

/** Runs a command that must be done. */
async function done(project: Project, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const { status, stdout, stderr } = await project.run(args, { env });
  expect([status, stderr]).toEqual([0, '']);
  return stdout;
}

/** The keys after a second one has taken over, with the file still under the first. */
async function drainingProject(settings = ''): Promise<{ project: Project; old: string; active: string }> {
  const project = await keyProject(settings);
  await done(project, ['key', 'create']);
  const [old, active] = (await keysOf(project)).map(({ id }) => id) as [string, string];
  await done(project, ['key', 'activate', active]);
  return { project, old, active };
}

/** The project's files under the active key, and none of them kept as it was. */
async function reencrypt(project: Project): Promise<void> {
  const { status, stderr } = await project.run(['env', 'decrypt']);
  expect([status, stderr]).toEqual([0, '']);
  rmSync(project.path('.env.encrypted'));
  expect((await project.run(['env', 'encrypt'])).status).toBe(0);
}

async function openRing(project: Project): Promise<KeyRing> {
  const source = keySource(`file:${project.rootKey}`, { environment: {}, home: project.home, directory: project.directory, askPassphrase: () => Promise.reject(new Error('asked')) });
  return KeyRing.open(project.text('.lockfast/keyring.json'), 'the ring', [source]);
}

describe('the moves of a key', () => {
  test('[S8] activate, retire and destroy say what was and what is, and the ledger has reason, key and outcome of each', async () => {
    const project = await keyProject();
    await done(project, ['key', 'create', '--reason', 'yearly']);
    const [old, active] = (await keysOf(project)).map(({ id }) => id) as [string, string];
    expect(await done(project, ['key', 'activate', active, '--reason', 'all hosts have it'])).toBe(`${old}: active -> draining; ${active}: staged -> active; next: lockfast key rotate\n`);
    await reencrypt(project);
    expect(await done(project, ['key', 'retire', old])).toBe(`${old}: draining -> retired; next: lockfast key destroy ${old}\n`);
    const destroyed = JSON.parse(await done(project, ['key', 'destroy', old, '--yes', '--json', '--reason', 'retired'])) as unknown;
    expect(destroyed).toMatchObject({ changed: [{ id: old, before: 'retired', after: 'destroyed' }], generation: 5 });
    expect((await keysOf(project)).map(({ id, state }) => [id, state])).toEqual([[old, 'destroyed'], [active, 'active']]);
    const entries = (await ledgerEntries(project)).filter(({ operation, kind }) => operation.startsWith('key-') && kind === 'intent');
    expect(entries.map(({ operation, object, keyId, reason }) => [operation, object, keyId, reason])).toEqual([
      ['key-create', project.path('.lockfast/keyring.json'), undefined, 'yearly'],
      ['key-activate', active, active, 'all hosts have it'],
      ['key-retire', old, old, undefined],
      ['key-destroy', old, old, 'retired'],
    ]);
  });

  test.each([
    [['key', 'activate', 'zzzzzz'], 1, 'the key ring has no key of this id: see `lockfast key list`'],
    [['key', 'retire', 's3cret-pasted-by-mistake'], 1, 'a key id has six characters, such as kq2d5x: see `lockfast key list`'],
    [['key', 'activate', 'ACTIVE'], 1, 'the key ACTIVE is active and can not be activated: only a key that is staged can: see `lockfast key list`'],
    [['key', 'retire', 'ACTIVE'], 1, 'the key ACTIVE is active and can not be retired: only a key that is staged or draining can: see `lockfast key list`'],
    [['key', 'destroy', 'ACTIVE', '--yes'], 1, 'the key ACTIVE is active and can not be destroyed: only a key that is retired can: see `lockfast key list`'],
    [['key', 'destroy', 'ACTIVE'], 2, 'key destroy: this would destroy the key ACTIVE for good, and there is no terminal to ask on: if that is meant, give --yes'],
    [['key', 'compromised', 'ACTIVE'], 2, 'key compromised: it needs --reason TEXT: say what happened: whoever reads the ledger wants to know'],
    [['key', 'departure', '--reason', ' '], 2, '--reason is empty: say in a line or two why'],
    [['key', 'retire', 'ACTIVE', '--reason', 'x'.repeat(1001)], 2, '--reason is longer than 1000 characters: say in a line or two why'],
  ])('[S8] %j is refused, and the ring stays as it is', async (args, status, message) => {
    const project = await keyProject();
    const [{ id }] = (await keysOf(project)) as [ListedKey];
    const ring = project.text('.lockfast/keyring.json');
    const outcome = await project.run(args.map((word) => word.replace('ACTIVE', id).replace('LONG', 'x'.repeat(1001))));
    expect([outcome.status, outcome.stderr]).toEqual([status, `lockfast: ${message.replaceAll('ACTIVE', id)}\n`]);
    expect(project.text('.lockfast/keyring.json')).toBe(ring);
    expect(JSON.stringify(await ledgerEntries(project).catch(() => []))).not.toContain('s3cret');
  });

  test('[S8] on a terminal the id of a key that is to be destroyed must be typed', async () => {
    const { project, old } = await drainingProject();
    await reencrypt(project);
    await done(project, ['key', 'retire', old]);
    const destroy = async (typed: string): Promise<[number | null, string]> => {
      const terminal = new PseudoTerminal([process.execPath, LOCKFAST, 'key', 'destroy', old], { cwd: project.directory, env: project.env });
      onTestFinished(() => terminal[Symbol.dispose]());
      await terminal.until(`This will destroy the key ${old} for good. Type ${old} to go on: `);
      terminal.type(typed);
      const { status, shown } = await terminal.end();
      return [status, shown];
    };
    expect(await destroy('yes\n')).toEqual([2, expect.stringContaining('lockfast: broken off: nothing was changed\n')]);
    expect(await destroy(`${old.toUpperCase()}\n`)).toEqual([2, expect.stringContaining('broken off')]);
    expect(await destroy('\u0004')).toEqual([2, expect.stringContaining('broken off')]);
    expect((await keysOf(project))[0]).toMatchObject({ state: 'retired' });
    expect(await destroy(`${old}\n`)).toEqual([0, expect.stringContaining(`${old}: retired -> destroyed`)]);
  });

  test('[S8] on a terminal every other move is asked for, and no is the answer to anything but yes', async () => {
    const { project, active } = await drainingProject();
    for (const [typed, status] of [['\n', 2], ['n\n', 2], ['y\n', 0]] as const) {
      const terminal = new PseudoTerminal([process.execPath, LOCKFAST, 'key', 'compromised', active, '--reason', 'leak'], { cwd: project.directory, env: project.env });
      onTestFinished(() => terminal[Symbol.dispose]());
      await terminal.until(`Mark the key ${active} as known to others? It can not be taken back. [y/N] `);
      terminal.type(typed);
      expect((await terminal.end()).status).toBe(status);
    }
  });

  test('no key moves while a rotation is open', async () => {
    const { project, old } = await drainingProject();
    const rotations = project.path('.lockfast/rotations');
    mkdirSync(rotations, { recursive: true });
    const key = { id: old, fingerprint: `sha256:${'0'.repeat(64)}` };
    writeFileSync(join(rotations, 'aaaaaaaaaa.json'), JSON.stringify({ format: 'lockfast-rotation/1', id: 'aaaaaaaaaa', status: 'in-progress', started: '2026-01-01T00:00:00.000Z', oldKey: key, newKey: null, seals: ['none'] }));
    const { status, stderr } = await project.run(['key', 'retire', old]);
    expect([status, stderr]).toEqual([1, 'lockfast: the rotation aaaaaaaaaa is not finished: finish it with `lockfast key rotate`, then run this again\n']);
  });
});

describe('what still uses a key', () => {
  test('[B3] key usage counts files, values and backups of every key, tenants included', async () => {
    const { project, old, active } = await drainingProject('[tenants]\npath = "tenants/{tenant}"\n');
    for (const tenant of ['alpha', 'beta']) {
      project.write(`tenants/${tenant}/.env`, 'ONE=1\nTWO=2\n# three\n');
      await done(project, ['env', 'encrypt', '--tenant', tenant]);
    }
    mkdirSync(project.path('.lockfast/backups/by-hand/deep'), { recursive: true });
    cpSync(project.path('.env.encrypted'), project.path('.lockfast/backups/by-hand/deep/copy'));
    project.write('.lockfast/backups/notes.txt', 'no env file');
    // One more way to the same file is no second file.
    symlinkSync('.env.encrypted', project.path('tenants/beta/.env.link.encrypted'));
    const keys = [
      { id: old, files: 1, values: 2, backups: 1, rows: 0, columns: [], first: [project.path('.env.encrypted'), project.path('.lockfast/backups/by-hand/deep/copy')] },
      { id: active, files: 2, values: 6, backups: 0, rows: 0, columns: [], first: ['alpha', 'beta'].map((tenant) => project.path(`tenants/${tenant}/.env.encrypted`)) },
    ];
    expect(JSON.parse(await done(project, ['key', 'usage', '--json']))).toEqual({ keys, unread: [], indexKeys: [], shredded: [] });
    expect(await done(project, ['key', 'usage', active])).toBe(
      `KEY     STATE   FILES  VALUES  ROWS  BACKUPS\n${active}  active  2      6       0     0\n${keys[1]!.first.map((name) => `  ${name}\n`).join('')}`,
    );
    const missing = await project.run(['key', 'usage', 'zzzzzz']);
    expect([missing.status, missing.stderr]).toEqual([1, 'lockfast: the key ring has no key of this id: see `lockfast key list`\n']);
  });

  test('[B3] a key that a file is under can not be retired, nor one that only a backup is under', async () => {
    const { project, old } = await drainingProject();
    mkdirSync(project.path('.lockfast/backups/old'), { recursive: true });
    cpSync(project.path('.env.encrypted'), project.path('.lockfast/backups/old/1'));
    const used = await project.run(['key', 'retire', old]);
    expect([used.status, used.stderr]).toEqual([
      1,
      `lockfast: the key ${old} is in use: ${project.path('.env.encrypted')}, ${project.path('.lockfast/backups/old/1')}: encrypt them anew with \`lockfast key rotate\`, then run this again\n`,
    ]);
    await reencrypt(project);
    const kept = await project.run(['key', 'retire', old, '--json']);
    expect([kept.status, JSON.parse(kept.stdout)]).toEqual([
      1,
      {
        error: {
          code: 'key-in-use',
          message: `the key ${old} is in use: ${project.path('.lockfast/backups/old/1')}`,
          hint: 'these are backups: `lockfast backup prune` removes them in time, then run this again',
        },
      },
    ]);
    rmSync(project.path('.lockfast/backups/old'), { recursive: true });
    await done(project, ['key', 'retire', old]);
  });

  test('[B3] of many files the first ten are named, and how many more there are', async () => {
    const project = await keyProject();
    for (let i = 1; i <= 12; i++) cpSync(project.path('.env.encrypted'), project.path(`copy${String(i).padStart(2, '0')}.env.encrypted`));
    await done(project, ['key', 'create']);
    const [old, active] = (await keysOf(project)).map(({ id }) => id) as [string, string];
    await done(project, ['key', 'activate', active]);
    const { stderr } = await project.run(['key', 'retire', old]);
    expect(stderr.match(/\.env\.encrypted/g)).toHaveLength(10);
    expect(stderr).toContain(' and 3 more: encrypt them anew');
  });

  test.each([
    ['damaged', (project: Project) => project.write('other.env.encrypted', project.text('.env.encrypted').replace(/lfv1\.(.{40})./, 'lfv1.$1!'), 0o400)],
    ['empty-file', (project: Project) => project.write('other.env.encrypted', '', 0o400)],
    ['wrong-environment', (project: Project) => project.write('other.env.encrypted', relabelled(project.text('.env.encrypted')), 0o400)],
  ])('[B3] a file that can not be read (%s) may be under any key: it is named, and no key goes', async (code, spoil) => {
    const { project, old } = await drainingProject();
    await reencrypt(project);
    spoil(project);
    const path = project.path('other.env.encrypted');
    const usage = await project.run(['key', 'usage', '--json']);
    expect(usage.status).toBe(1);
    expect(JSON.parse(usage.stdout)).toMatchObject({ keys: [{ id: old, files: 0 }, { files: 1 }], unread: [{ path, kind: 'file', code }] });
    const { status, stderr } = await project.run(['key', 'retire', old]);
    expect([status, stderr]).toEqual([
      1,
      `lockfast: nobody can tell whether the key ${old} is in use: ${path} (${code}) can not be read: restore or remove what can not be read, see \`lockfast key usage\`, then run this again\n`,
    ]);
    rmSync(path);
    await done(project, ['key', 'retire', old]);
    // The same holds for the last step.
    spoil(project);
    expect((await project.run(['key', 'destroy', old, '--yes'])).stderr).toContain(`nobody can tell whether the key ${old} is in use: ${path}`);
    expect((await keysOf(project))[0]).toMatchObject({ state: 'retired' });
  });

  test('[B3] a whole file of another environment is none of this ring', async () => {
    const { project, old } = await drainingProject();
    await reencrypt(project);
    expect((await project.run(['init', '--dir', 'staging', '--environment', 'staging'])).status).toBe(0);
    project.write('staging/.env', 'A=1\n');
    expect((await project.run(['env', 'encrypt'], { cwd: project.path('staging') })).status).toBe(0);
    await done(project, ['key', 'retire', old]);
  });

  test.skipIf(!isRoot)('[B3] a directory that can not be listed may hold anything', async () => {
    const { project } = await drainingProject('[tenants]\npath = "tenants/{tenant}"\n');
    project.write('tenants/closed/.env', 'A=1\n');
    chmodSync(project.path('tenants/closed'), 0o700);
    for (const path of [project.directory, project.path('.lockfast'), project.home, join(project.home, '.config'), join(project.home, '.config/lockfast')]) chmodSync(path, 0o755);
    chmodSync(project.rootKey, 0o444);
    for (const path of ['.lockfast/keyring.json', '.env.encrypted']) chmodSync(project.path(path), 0o444);
    project.write('lockfast.toml', project.text('lockfast.toml').replace(LEDGER_SETTING, ''), 0o644);
    const env = { LOCKFAST_KEY_SOURCE: 'env:ROOT', ROOT: readFileSync(project.rootKey, 'utf8').trim(), HOME: '/nonexistent' };
    const usage = await project.run(['key', 'usage', '--json'], { unprivileged: true, env });
    expect(usage.status).toBe(1);
    expect(JSON.parse(usage.stdout)).toMatchObject({ unread: [{ path: project.path('tenants/closed'), kind: 'file', code: 'permission-denied' }] });
    const plain = await project.run(['key', 'usage'], { unprivileged: true, env });
    expect([plain.status, plain.stderr]).toEqual([1, `lockfast: warning: not counted: ${project.path('tenants/closed')} can not be listed\n`]);
  });
});

/** Whole, of another environment by its header, and yet naming a key of this ring. */
function relabelled(text: string): string {
  return withChecksum(text.replace('environment=production', 'environment=staging'));
}

describe('what is due', () => {
  test('[W6] [S5] key schedule: the periods of the environment, what is configured, and the exit status for a timer', async () => {
    const project = await keyProject();
    const [{ due }] = (await keysOf(project)) as [ListedKey];
    const schedule = JSON.parse(await done(project, ['key', 'schedule', '--json', '--check'])) as { last: string; next: string };
    expect(schedule).toMatchObject({ environment: 'production', every: '90d', afterDeparture: '24h', overdue: false, cause: 'age', next: due });
    expect(Date.parse(schedule.next) - Date.parse(schedule.last)).toBe(90 * 24 * HOUR);
    expect(await done(project, ['key', 'schedule'])).toMatch(/^production {3}90d {4}24h .* in 90 days {2}age$/m);
    const configured = await keyProject('[schedule]\nrotate = "2w"\ndeparture = "30m"\n');
    expect(JSON.parse(await done(configured, ['key', 'schedule', '--json']))).toMatchObject({ every: '14d', afterDeparture: '30m' });
  });

  test('[W6] [S5] after a departure a rotation is due within a day, after a compromise at once; the reason is on record', async () => {
    const project = await keyProject();
    const [{ id }] = (await keysOf(project)) as [ListedKey];
    expect(await done(project, ['key', 'departure', '--reason', 'ticket 4711'])).toMatch(
      /^departure noted; next: lockfast key rotate, due \d{4}-\d\d-\d\d \d\d:\d\d UTC, because somebody with access has left\n$/,
    );
    const left = JSON.parse(await done(project, ['key', 'schedule', '--json', '--check'])) as { next: string };
    expect(left).toMatchObject({ overdue: false, cause: 'departure' });
    expect(Math.abs(Date.parse(left.next) - Date.now() - 24 * HOUR)).toBeLessThan(HOUR);
    expect(await done(project, ['key', 'compromised', id, '--reason', 'root key in a support ticket'])).toBe(
      `${id}: active -> active and compromised; next: lockfast key rotate, due now, because a key is compromised\n`,
    );
    const { status, stdout, stderr } = await project.run(['key', 'schedule', '--check']);
    expect([status, stderr]).toEqual([1, 'lockfast: warning: a rotation is due: lockfast key rotate\n']);
    expect(stdout).toContain('now  a key is compromised');
    expect((await project.run(['key', 'schedule'])).status).toBe(0);
    const [key] = await keysOf(project);
    expect(key?.compromised).toBe(key?.due);
    expect((await ledgerEntries(project)).filter(({ operation, kind }) => operation.startsWith('key-') && kind === 'intent').map(({ operation, reason }) => [operation, reason])).toEqual([
      ['key-departure', 'ticket 4711'],
      ['key-compromised', 'root key in a support ticket'],
    ]);
    const again = await project.run(['key', 'compromised', id, '--reason', 'again']);
    expect([again.status, again.stderr]).toEqual([1, `lockfast: the key ${id} is marked as compromised already: rotate: see \`lockfast key schedule\`\n`]);
  });
});

test('a key source that is removed and that the configuration still names: it says so, and what to name instead', async () => {
  const project = await keyProject();
  const env = { SECOND: (await project.run(['key', 'generate', '--format', 'root'])).stdout.trim(), THIRD: (await project.run(['key', 'generate', '--format', 'root'])).stdout.trim() };
  const [named] = /file:[^"]+/.exec(project.text('lockfast.toml'))!;
  const remove = async (uri: string): Promise<string> => (await project.run(['key', 'source', 'remove', uri], { env: { ...env, LOCKFAST_KEY_SOURCE: 'env:SECOND' } })).stderr;
  for (const uri of ['env:SECOND', 'env:THIRD']) expect((await project.run(['key', 'source', 'add', uri], { env })).status).toBe(0);
  expect(await remove('env:THIRD')).toBe('');
  const still = `lockfast: warning: ${project.path('lockfast.toml')} still names ${named} as key-source: take that out`;
  expect(await remove(named)).toBe(`${still}, and name env:SECOND there\n`);
  await project.run(['key', 'source', 'add', named], { env: { ...env, LOCKFAST_KEY_SOURCE: 'env:SECOND' } });
  project.write('lockfast.toml', project.text('lockfast.toml').replace(`"${named}"`, `["${named}", "env:SECOND"]`), 0o644);
  expect(await remove(named)).toBe(`${still}\n`);
});

const ROLES = '[roles]\nadmin = ["daemon", "@games"]\noperator = ["nobody"]\nauditor = ["www-data"]\n';

describe.skipIf(missingForPersons !== undefined)(`who may${missingForPersons === undefined ? '' : ` (skipped: ${missingForPersons})`}`, () => {
  test('[S8] without [roles] everybody may; with it only admins change keys, and every role may look', async () => {
    const open = await keyProject();
    await done(open, ['key', 'create'], { SUDO_USER: 'nobody' });
    const project = await keyProject(ROLES);
    for (const person of ['daemon', 'games']) await done(project, ['key', 'create'], { SUDO_USER: person });
    for (const person of ['daemon', 'nobody', 'www-data']) {
      await done(project, ['key', 'list'], { SUDO_USER: person });
      await done(project, ['key', 'usage'], { SUDO_USER: person });
      await done(project, ['key', 'schedule'], { SUDO_USER: person });
    }
    const stranger = await project.run(['key', 'list'], { env: { SUDO_USER: 'backup' } });
    expect([stranger.status, stranger.stderr]).toEqual([
      1,
      'lockfast: key list: backup is not an auditor: ask one of those that [roles] in lockfast.toml names; whoever uses sudo counts, not root\n',
    ]);
  });

  test.each([
    ['create', []],
    ['activate', ['kq2d5x']],
    ['retire', ['kq2d5x']],
    ['destroy', ['kq2d5x', '--yes']],
    ['compromised', ['kq2d5x', '--reason', 'r']],
    ['departure', ['--reason', 'r']],
    ['approve', ['abcdefgh']],
  ])('[S8] key %s: an operator is refused, which is on record, and the ring stays as it is', async (command, words) => {
    const project = await keyProject(ROLES);
    const ring = project.text('.lockfast/keyring.json');
    const { status, stderr } = await project.run(['key', command, ...words], { env: { SUDO_USER: 'nobody' } });
    expect([status, stderr]).toEqual([1, `lockfast: key ${command}: nobody is not an admin: ask one of those that [roles] in lockfast.toml names; whoever uses sudo counts, not root\n`]);
    expect(project.text('.lockfast/keyring.json')).toBe(ring);
    expect((await ledgerEntries(project)).at(-1)).toMatchObject({ kind: 'event', operation: `key-${command}`, outcome: 'refused', code: 'not-permitted', actor: { user: 'root', sudo: 'nobody' } });
  });

  test('[S8] bug class 17: another case, a prefix, a blank are other names; root itself is not whoever it may become', async () => {
    for (const admin of ['Daemon', 'DAEMON', 'daemo', 'daemon ', '@Games', '@', 'root2', '']) {
      const project = await keyProject(`[roles]\nadmin = [${JSON.stringify(admin === '' ? 'x' : admin)}]\n`);
      for (const person of ['daemon', 'games', undefined]) {
        const { status, stderr } = await project.run(['key', 'create'], { env: person === undefined ? {} : { SUDO_USER: person } });
        expect([admin, person, status]).toEqual([admin, person, 1]);
        expect(stderr).toContain(`${person ?? 'root'} is not an admin`);
      }
    }
    const root = await keyProject('[roles]\nadmin = ["root"]\n');
    await done(root, ['key', 'create']);
    expect((await root.run(['key', 'create'], { env: { SUDO_USER: 'daemon' } })).stderr).toContain('daemon is not an admin');
  });

  test('[S8] SUDO_USER is not believed of a process that is not root', async () => {
    const project = await keyProject(ROLES);
    project.write('lockfast.toml', project.text('lockfast.toml').replace(LEDGER_SETTING, ''), 0o644);
    const { status, stderr } = await project.run(['key', 'create'], { unprivileged: true, env: { SUDO_USER: 'daemon' } });
    expect([status, stderr]).toEqual([1, expect.stringContaining('lockfast: key create: nobody is not an admin: ')]);
  });

  test('[S8] where a refusal can not be recorded, it is one all the same, and says so', async () => {
    const project = await keyProject(ROLES);
    project.write('.lockfast/ledger.db', 'no database at all, but long enough to be looked at as if it were one');
    const { status, stderr } = await project.run(['key', 'create'], { env: { SUDO_USER: 'nobody' } });
    expect([status, stderr]).toEqual([1, expect.stringMatching(/^lockfast: key create: nobody is not an admin; this was not recorded, since .+: ask one of those/)]);
  });
});

const TWO = '[roles]\nadmin = ["daemon", "games", "root"]\n[approvals]\nkey = 2\n';
const A = { SUDO_USER: 'daemon' };
const B = { SUDO_USER: 'games' };

interface Waiting {
  readonly requests: readonly ApprovalRequest[];
}

async function waiting(project: Project): Promise<readonly ApprovalRequest[]> {
  return (JSON.parse(await done(project, ['key', 'approve', '--json'], A)) as Waiting).requests;
}

/** A project in which daemon has asked to activate a staged key. */
async function askedProject(): Promise<{ project: Project; key: string; request: string }> {
  const project = await keyProject(TWO);
  await done(project, ['key', 'create'], A);
  const key = (await keysOf(project, A)).at(-1)!.id;
  const { status, stderr } = await project.run(['key', 'activate', key, '--reason', 'yearly'], { env: A });
  const [, request] = /^lockfast: key activate waits for a second person: daemon asked for it at \S+ \S+ UTC: somebody else approves it within 24 hours with: lockfast key approve ([a-z2-9]{8}); then run this again\n$/.exec(stderr) ?? [];
  expect([status, request]).toEqual([1, expect.any(String)]);
  return { project, key, request: request! };
}

describe.skipIf(missingForPersons !== undefined)(`a second person${missingForPersons === undefined ? '' : ` (skipped: ${missingForPersons})`}`, () => {
  test('[S8] one asks, another approves, then it is done, once; all of it is on record', async () => {
    const { project, key, request } = await askedProject();
    // Asking again makes no second request.
    expect((await project.run(['key', 'activate', key], { env: A })).stderr).toContain(`lockfast key approve ${request}`);
    expect(await waiting(project)).toMatchObject([{ id: request, operation: 'key-activate', object: key, reason: 'yearly', asked: { by: 'daemon', uid: 1 }, approved: null }]);
    expect(await done(project, ['key', 'approve', request], B)).toBe(`${request}: approved, key-activate of ${key}, asked for by daemon because "yearly"; next: run that command again, it goes ahead once\n`);
    expect(await done(project, ['key', 'approve'], A)).toMatch(new RegExp(`^${request} +key-activate +${key} +daemon +games +"yearly"$`, 'm'));
    await done(project, ['key', 'activate', key], A);
    expect((await keysOf(project, A)).at(-1)).toMatchObject({ id: key, state: 'active' });
    expect(await waiting(project)).toEqual([]);
    expect(await done(project, ['key', 'approve'], A)).toBe('Nothing waits for a second person.\n');
    const recorded = (await ledgerEntries(project)).filter(({ operation, kind }) => operation.startsWith('key-appr') && kind === 'intent');
    expect(recorded.map(({ operation, object, details, actor }) => [operation, object, details, actor.sudo])).toEqual([
      ['key-approval-request', key, { request, change: 'key-activate', askedBy: 'daemon' }, 'daemon'],
      ['key-approve', key, { request, change: 'key-activate', askedBy: 'daemon' }, 'games'],
      ['key-approval-use', key, { request, change: 'key-activate', askedBy: 'daemon', approvedBy: 'games' }, 'daemon'],
    ]);
  });

  test('[S8] whoever approved may run it, too', async () => {
    const { project, key, request } = await askedProject();
    await done(project, ['key', 'approve', request], B);
    await done(project, ['key', 'activate', key], B);
  });

  test('[S8] bug class 11: who asked can not approve, strangers can neither ask, approve nor end it', async () => {
    const { project, key, request } = await askedProject();
    const own = await project.run(['key', 'approve', request], { env: A });
    expect([own.status, own.stderr]).toEqual([1, 'lockfast: daemon asked for this, and can not approve it, too: ask somebody else to approve it\n']);
    expect((await ledgerEntries(project)).at(-1)).toMatchObject({ operation: 'key-approve', outcome: 'refused', code: 'not-permitted', actor: { sudo: 'daemon' } });
    // Somebody without a role.
    for (const args of [['key', 'approve', request], ['key', 'approve'], ['key', 'activate', key]]) {
      expect((await project.run(args, { env: { SUDO_USER: 'nobody' } })).stderr).toContain('nobody is not an admin');
    }
    // Root is an admin here, but nobody knows who is behind it: it might be daemon.
    for (const args of [['key', 'approve', request], ['key', 'activate', key]]) {
      const { status, stderr } = await project.run(args);
      expect([status, stderr]).toEqual([1, `lockfast: key ${args[1]}: nobody can tell which person this is, and two are needed: run it from a login of your own, with sudo where it needs root\n`]);
    }
    // A name that the system does not know is no second person either.
    project.write('lockfast.toml', project.text('lockfast.toml').replace('"games"', '"games", "no-such-user"'), 0o644);
    expect((await project.run(['key', 'approve', request], { env: { SUDO_USER: 'no-such-user' } })).stderr).toContain('nobody can tell which person this is');
    // A real other user, who may not even read the ring.
    expect((await project.run(['key', 'approve', request], { unprivileged: true, env: B })).status).not.toBe(0);
    expect(await waiting(project)).toMatchObject([{ id: request, approved: null }]);
    expect((await project.run(['key', 'activate', key], { env: A })).stderr).toContain('waits for a second person');
    expect((await project.run(['key', 'approve', 'zzzzzzzz'], { env: B })).stderr).toBe(
      'lockfast: there is no such request: it ends after 24 hours, and with every change of the key ring: `lockfast key approve` lists those that wait\n',
    );
  });

  test('[S8] two real users: SUDO_USER in the environment of one makes no second person', async () => {
    const project = await keyProject('[roles]\nadmin = ["nobody", "games"]\n[approvals]\nkey = 2\n');
    const source = { LOCKFAST_KEY_SOURCE: `file:${project.rootKey}` };
    execFileSync('chown', ['-R', '65534:65534', project.base]);
    const nobody = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> => project.run(args, { unprivileged: true, env: { ...source, ...env } });
    expect((await nobody(['key', 'create'])).stderr).toBe('');
    const { keys } = JSON.parse((await nobody(['key', 'list', '--json'])).stdout) as { keys: readonly ListedKey[] };
    const activate = ['key', 'activate', keys.at(-1)!.id];
    const [, request] = /key approve (\w+)/.exec((await nobody(activate)).stderr) ?? [];
    expect((await nobody(['key', 'approve', request!], B)).stderr).toContain('nobody asked for this, and can not approve it, too');
    // The other one comes by sudo, with a home of its own.
    mkdirSync(join(project.base, 'other'));
    await done(project, ['key', 'approve', request!], { ...source, ...B, HOME: join(project.base, 'other') });
    expect(await nobody(activate)).toMatchObject({ status: 0, stderr: '' });
  });

  test('[S8] an approval is for one change: another key, another command need their own', async () => {
    const { project, key, request } = await askedProject();
    await done(project, ['key', 'approve', request], B);
    const other = await project.run(['key', 'retire', key], { env: A });
    expect(other.stderr).toContain('key retire waits for a second person');
    expect(other.stderr).not.toContain(request);
    expect(await waiting(project)).toHaveLength(2);
  });

  test('[S8] an approval that was used can not be put back, nor one that was made for an earlier ring', async () => {
    const { project, key, request } = await askedProject();
    await done(project, ['key', 'approve', request], B);
    const kept = project.read('.lockfast/approvals.json');
    // The ring changes: what was approved was approved for another one.
    await done(project, ['key', 'create'], A);
    const later = await project.run(['key', 'activate', key], { env: A });
    const [, second] = /key approve (\w+)/.exec(later.stderr) ?? [];
    expect(second).not.toBe(request);
    await done(project, ['key', 'approve', second!], B);
    await done(project, ['key', 'activate', key], A);
    project.write('.lockfast/approvals.json', kept);
    expect(await waiting(project)).toEqual([]);
  });

  test('[S8] what cannot open the ring can not forge, approve or alter a request: such a file counts as empty', async () => {
    const { project, key, request } = await askedProject();
    const whole = project.text('.lockfast/approvals.json');
    const act = '{ "by": "games", "uid": 5, "time": "2026-01-01T00:00:00.000Z" }';
    for (const forged of [
      whole.replace('"approved": null', `"approved": ${act}`),
      whole.replace('"uid": 1,', '"uid": 5,'),
      whole.replace('key-activate', 'key-destroy'),
      whole.replace(/(?<="seal": ")./, (first) => (first === 'A' ? 'B' : 'A')),
      whole.replace(/"seal": "[^"]*"/, '"seal": ""'),
      whole.replace(/^\{/, '{ "format": "lockfast-approvals/1",'),
      whole.slice(0, 100),
      '',
      '[]',
      'null',
    ]) {
      project.write('.lockfast/approvals.json', forged);
      expect(await waiting(project)).toEqual([]);
      expect((await project.run(['key', 'approve', request], { env: B })).stderr).toContain('there is no such request');
    }
    // It does not stand in the way of a new one.
    expect((await project.run(['key', 'activate', key], { env: A })).stderr).toContain('waits for a second person');
    expect(await waiting(project)).toHaveLength(1);
  });

  test('[S8] [E4] an older key ring is gone on with when a second person has approved that very ring, once', async () => {
    const project = await keyProject(TWO);
    const older = project.read('.lockfast/keyring.json');
    await done(project, ['key', 'create'], A);
    const other = project.read('.lockfast/keyring.json');
    await done(project, ['key', 'create'], A);
    project.write('.lockfast/keyring.json', older);
    const accept = ['key', 'accept-older', '--above', '3', '--reason', 'lost with the disk'];
    const asked = await project.run(accept, { env: A });
    const [, request] = /key accept-older waits for a second person: .* lockfast key approve (\w+);/.exec(asked.stderr) ?? [];
    expect([asked.status, request]).toEqual([1, expect.any(String)]);
    expect(project.read('.lockfast/keyring.json').equals(older)).toBe(true);
    expect(await waiting(project)).toMatchObject([{ id: request, operation: 'key-accept-older', details: { above: 3, generation: 1, digest: expect.any(String) }, approved: null }]);
    expect((await project.run(['key', 'approve', request!], { env: A })).stderr).toContain('can not approve it, too');
    await done(project, ['key', 'approve', request!], B);

    // Another old ring in its place is not what was approved.
    project.write('.lockfast/keyring.json', other);
    const second = await project.run(accept, { env: A });
    expect(second.stderr).toContain('waits for a second person');
    expect(second.stderr).not.toContain(request);
    // That it was asked for ended what was approved: the file is for one ring.
    project.write('.lockfast/keyring.json', older);
    const [, third] = /key approve (\w+);/.exec((await project.run(accept, { env: A })).stderr) ?? [];
    await done(project, ['key', 'approve', third!], B);
    const approved = project.read('.lockfast/approvals.json');
    await done(project, accept, A);
    expect(JSON.parse(project.text('.lockfast/keyring.json'))).toMatchObject({ generation: 4 });

    // Ring and approval of before, put back together, do nothing.
    project.write('.lockfast/keyring.json', older);
    project.write('.lockfast/approvals.json', approved);
    expect(await project.run(accept, { env: A })).toMatchObject({ status: 2, stderr: 'lockfast: key accept-older: this machine has seen generation 4: give --above 4\n' });
    expect((await project.run(['key', 'accept-older', '--above', '4', '--reason', 'again'], { env: A })).stderr).toContain('waits for a second person');
  });

  test('[S8] with an older key ring nothing but going on with it can be approved', async () => {
    const { project, request } = await askedProject();
    const ring = project.read('.lockfast/keyring.json');
    await done(project, ['key', 'create'], A);
    project.write('.lockfast/keyring.json', ring);
    expect(await waiting(project)).toEqual([]);
    expect((await project.run(['key', 'approve', request], { env: B })).stderr).toContain('there is no such request');
  });

  test('[S8] a mark that a rotation is due needs no second person; a move that can not be made asks for none', async () => {
    const project = await keyProject(TWO);
    const [{ id }] = (await keysOf(project, A)) as [ListedKey];
    await done(project, ['key', 'departure', '--reason', 'left'], A);
    await done(project, ['key', 'compromised', id, '--reason', 'leak'], A);
    expect((await project.run(['key', 'retire', id], { env: A })).stderr).toContain(`the key ${id} is active and can not be retired`);
    expect(await waiting(project)).toEqual([]);
  });
});

test('[S8] bug class 17: a request lives for 24 hours, to the millisecond, and no longer by a clock that is set back', async () => {
  const project = await keyProject();
  const ring = await openRing(project);
  const asked = Date.parse('2026-03-01T12:00:00.000Z');
  const act = { by: 'a', uid: 1, time: new Date(asked).toISOString() };
  const request: ApprovalRequest = { id: 'abcdefgh', operation: 'key-rotate', object: 'x', details: { root: true }, reason: null, generation: ring.version.generation, asked: act, approved: null };
  expect([0, 1, 24 * HOUR - 1, 24 * HOUR, 24 * HOUR + 1, -24 * HOUR].map((ms) => isOpen(request, ring, asked + ms))).toEqual([true, true, true, false, false, false]);
  expect(isOpen({ ...request, generation: request.generation - 1 }, ring, asked)).toBe(false);
  expect(isOpen({ ...request, asked: { ...act, time: 'never' } }, ring, asked)).toBe(false);
  const sealed = sealRequests([request], ring);
  expect(unsealRequests(sealed, ring)).toEqual([request]);
  expect(unsealRequests(sealed, ring.withNewKey())).toEqual([request]);
  expect(unsealRequests(sealed, await openRing(await keyProject('# another copy\n')))).toEqual([request]);
});
