/** A tenant's own key by command: files come under it, and are gone with it, wherever their copies are. */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { PseudoTerminal } from '@lockfast/testkit';
import { describe, expect, onTestFinished, test } from 'vitest';

import { loginUid } from '../src/actor.ts';
import { LEDGER_SETTING, ledgerEntries } from './support/ledger.ts';
import { copyOf, initialisedProject, isRoot, LOCKFAST, type Outcome, type Project } from './support/project.ts';

const SECRET = 'canary-tenant-41c7';
const TENANTS = ['acme', 'globex'] as const;
const file = (tenant: string): string => `tenants/${tenant}/.env.encrypted`;
const backups = (project: Project): string[] =>
  readdirSync(project.path('.'), { recursive: true, encoding: 'utf8' }).filter((name) => /backups?\/.*\/files\/\d+$/.test(name));

/** Two tenants with a file each, a shared file and a ledger. */
async function fleet(settings = ''): Promise<Project> {
  const project = await initialisedProject();
  const configuration = project.text('lockfast.toml').replaceAll(/^ledger = .*\n/gm, '');
  project.write('lockfast.toml', `${LEDGER_SETTING}${configuration}\n[tenants]\npath = "${project.path('tenants/{tenant}')}"\n${settings}`, 0o644);
  for (const tenant of TENANTS) {
    project.write(`tenants/${tenant}/.env`, `A=${SECRET}-${tenant}\nB=2\n`);
    expect(await project.run(['env', 'encrypt', '--tenant', tenant])).toMatchObject({ status: 0 });
  }
  project.write('.env', 'SHARED=1\n');
  expect(await project.run(['env', 'encrypt'])).toMatchObject({ status: 0 });
  return project;
}

async function done(project: Project, args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await project.run(args);
  expect([status, stderr]).toEqual([0, '']);
  return stdout;
}

async function valueOf(project: Project, tenant: string): Promise<{ status: number | null; stdout: string; stderr: string }> {
  return project.run(['env', 'get', 'A', '--tenant', tenant]);
}

const derivation = (project: Project, tenant: string): string => / derivation=(\S+) /.exec(project.text(file(tenant)))![1]!;

describe('[W10] tenant own-key', () => {
  test('puts the tenant\'s files under a key of its own at once, and only those; again it has nothing to do', async () => {
    const project = await fleet();
    const others = [project.text(file('globex')), project.text('.env.encrypted')];
    expect(await done(project, ['tenant', 'own-key', 'acme', '--reason', 'contract'])).toMatch(/^1 tenant got a key of its own; 1 file encrypted anew with it\n/);
    expect(derivation(project, 'acme')).toMatch(/^hkdf\+tenant:[a-z2-7]{16}$/);
    expect([project.text(file('globex')), project.text('.env.encrypted')]).toEqual(others);
    expect((await valueOf(project, 'acme')).stdout).toContain(SECRET);
    const before = project.text(file('acme'));
    expect(await done(project, ['tenant', 'own-key', 'acme'])).toMatch(/^0 tenants got a key of their own; 0 files/);
    expect(project.text(file('acme'))).toBe(before);
    expect(await done(project, ['env', 'verify', file('acme')])).toBeDefined();
    const entries = (await ledgerEntries(project)).filter(({ operation, kind }) => kind === 'intent' && ['tenant-own-key', 're-encrypt'].includes(operation));
    expect(entries.map(({ operation, tenant, reason }) => [operation, tenant, reason])).toEqual([['tenant-own-key', 'acme', 'contract'], ['re-encrypt', 'acme', undefined]]);
  });

  test('--all does it for every tenant that has a file; a key rotation does it for files that came back', async () => {
    const project = await fleet();
    const old = project.read(file('acme'));
    expect(JSON.parse(await done(project, ['tenant', 'own-key', '--all', '--json']))).toMatchObject({ tenants: TENANTS, made: TENANTS, backupsWithout: [] });
    for (const tenant of TENANTS) expect(derivation(project, tenant)).toContain('+tenant:');
    expect(project.text('.env.encrypted')).toContain(' derivation=hkdf ');
    project.write(file('acme'), old, 0o400);
    await project.run(['key', 'rotate', '--yes']);
    expect(derivation(project, 'acme')).toContain('+tenant:');
    expect((await valueOf(project, 'acme')).stdout).toContain(SECRET);
  });

  test('an edit, a new file and PBKDF2 go on as ever', async () => {
    const project = await fleet();
    await done(project, ['tenant', 'own-key', 'acme']);
    const set = await project.run(['env', 'set', 'NEW', '--tenant', 'acme'], { input: 'x' });
    expect([set.status, derivation(project, 'acme')]).toEqual([0, expect.stringContaining('+tenant:')]);
    project.write('tenants/acme/.env.web', 'A=1\n');
    expect(await project.run(['env', 'encrypt', project.path('tenants/acme/.env.web'), '--derivation', 'pbkdf2-sha256:100000'])).toMatchObject({ status: 0 });
    expect(project.text('tenants/acme/.env.web.encrypted')).toMatch(/ derivation=pbkdf2-sha256:100000\+tenant:/);
    const run = await project.run(['run', '--tenant', 'acme', '--', 'printenv', 'A', 'NEW']);
    expect(run.stdout).toBe(`${SECRET}-acme\nx\n`);
  });

  test.for<[string[], number, string]>([
    [[], 2, 'it takes names of tenants, or --all'],
    [['acme', '--all'], 2, 'it takes names of tenants, or --all'],
    [['acmee'], 1, 'there is neither a file nor a directory of the tenant acmee'],
    [[''], 2, 'that is no tenant name'],
    [['../globex'], 2, 'the tenant name is not usable as a directory'],
  ])('%j is refused, and the ring stays', async ([args, status, message]) => {
    const project = await fleet();
    const ring = project.text('.lockfast/keyring.json');
    const outcome = await project.run(['tenant', 'own-key', ...args]);
    expect([outcome.status, outcome.stderr]).toEqual([status, expect.stringContaining(message)]);
    expect(project.text('.lockfast/keyring.json')).toBe(ring);
  });
});

describe('[W10] [E3] tenant shred', () => {
  test('ends every copy that the key took part in; the other tenants and the ledger stay', async () => {
    const project = await fleet();
    await done(project, ['tenant', 'own-key', '--all']);
    await project.run(['key', 'rotate', '--yes']);
    expect(backups(project)).toHaveLength(3);
    const copy = project.read(file('acme'));
    const kept = backups(project).map((name) => project.read(name)).find((bytes) => bytes.includes(' tenant=acme '))!;
    const dry = await done(project, ['tenant', 'shred', 'acme', '--dry-run']);
    expect(dry).toContain('its key would be destroyed; 2 encrypted files would be removed');
    expect(dry).toContain(project.path(file('acme')));
    expect(existsSync(project.path(file('acme')))).toBe(true);

    expect(await project.run(['tenant', 'shred', 'acme'])).toMatchObject({ status: 2, stderr: expect.stringContaining('this would destroy the key of the tenant acme and remove 2 encrypted files of it for good') as unknown });
    const said = await done(project, ['tenant', 'shred', 'acme', '--yes', '--reason', 'ticket 4711']);
    expect(said).toContain('acme: its key was destroyed; 2 encrypted files removed');
    for (const words of ['covered: every copy', 'not covered:', 'copies of the key ring from before', 'key rotate --root', 'recovery backups from before', 'plaintext']) expect(said).toContain(words);
    expect(existsSync(project.path(file('acme')))).toBe(false);
    expect(backups(project)).toHaveLength(2);

    for (const bytes of [copy, kept]) {
      project.write(file('acme'), bytes, 0o400);
      for (const args of [['env', 'get', 'A', '--tenant', 'acme'], ['env', 'decrypt', project.path(file('acme'))], ['run', '--tenant', 'acme', '--', 'true'], ['env', 'verify', project.path(file('acme'))]]) {
        const { status, stdout, stderr } = await project.run(args);
        expect([status, stdout.includes(SECRET)], args.join(' ')).toEqual([3, false]);
        expect(stderr + stdout).toMatch(/destroyed on purpose at .*: it can't be decrypted/);
      }
    }
    expect((await valueOf(project, 'globex')).stdout).toContain(SECRET);
    const entries = (await ledgerEntries(project)).filter(({ operation, kind }) => operation.startsWith('tenant-') && kind !== 'event' && operation !== 'tenant-own-key');
    expect(entries.map(({ operation, kind, outcome, reason }) => [operation, kind, outcome ?? reason])).toEqual([
      ['tenant-shred', 'intent', 'ticket 4711'],
      ['tenant-shred', 'outcome', 'success'],
      ['tenant-files-remove', 'intent', 'ticket 4711'],
      ['tenant-files-remove', 'outcome', 'success'],
    ]);
    expect((await project.run(['ledger', 'verify'])).status).toBe(0);
    // The copy that was put back goes with the same command.
    expect(await done(project, ['tenant', 'shred', 'acme', '--yes'])).toContain('1 encrypted file removed');
    expect(await done(project, ['tenant', 'shred', 'acme'])).toContain('0 encrypted files removed');
    // Nothing of it is in the way of the life of keys.
    expect((await project.run(['key', 'rotate', '--yes'])).status).toBe(0);
  });

  test('without a key of its own it is refused, with the way out, and nothing goes', async () => {
    const project = await fleet();
    const { status, stderr } = await project.run(['tenant', 'shred', 'acme', '--yes']);
    expect(status).toBe(1);
    expect(stderr).toMatch(/the tenant acme has no key of its own .*first `lockfast tenant own-key acme`/);
    expect((await valueOf(project, 'acme')).stdout).toContain(SECRET);
  });

  test('files from before the key are removed and named as not covered', async () => {
    const project = await fleet();
    await project.run(['key', 'rotate', '--yes']);
    const before = project.read(file('acme'));
    await done(project, ['tenant', 'own-key', 'acme']);
    const shown = JSON.parse(await done(project, ['tenant', 'shred', 'acme', '--yes', '--json'])) as { removed: string[]; notCovered: { neverDerived: string[] } };
    expect(shown.removed).toHaveLength(2);
    expect(shown.notCovered.neverDerived).toEqual([expect.stringContaining('/files/')]);
    // A copy that somebody has elsewhere: it decrypts, as was said.
    project.write(file('acme'), before, 0o400);
    expect((await valueOf(project, 'acme')).stdout).toContain(SECRET);
  });

  test('a tenant of the same name that comes later is not taken for a remnant', async () => {
    const project = await fleet();
    await done(project, ['tenant', 'own-key', 'acme']);
    await done(project, ['tenant', 'shred', 'acme', '--yes']);
    project.write('tenants/acme/.env', 'A=new\n');
    expect((await project.run(['env', 'encrypt', '--tenant', 'acme'])).status).toBe(0);
    expect(await project.run(['tenant', 'shred', 'acme', '--yes'])).toMatchObject({ status: 1, stderr: expect.stringContaining('no key of its own') as unknown });
    await done(project, ['tenant', 'own-key', 'acme']);
    expect((await valueOf(project, 'acme')).stdout.trim()).toBe('new');
    await done(project, ['tenant', 'shred', 'acme', '--yes']);
    expect(existsSync(project.path(file('acme')))).toBe(false);
  });

  test('killed between the ring and the files, or half way through them, the same command finishes', async () => {
    const project = await fleet();
    await project.run(['key', 'rotate', '--yes']);
    await done(project, ['tenant', 'own-key', 'acme']);
    const kept = copyOf(project);
    await done(project, ['tenant', 'shred', 'acme', '--yes']);
    // As a run leaves it that was killed after the ring: all files are there. Their times are from before.
    const put = (names: readonly string[]): void => {
      for (const name of names) {
        mkdirSync(join(project.path(name), '..'), { recursive: true });
        cpSync(kept.path(name), project.path(name), { preserveTimestamps: true });
      }
    };
    const names = [file('acme'), ...backups(kept).filter((name) => kept.text(name).includes(' tenant=acme '))];
    expect(names).toHaveLength(2);
    for (const left of [names, names.slice(0, 1), names.slice(1)]) {
      put(left);
      expect(await done(project, ['tenant', 'shred', 'acme', '--yes'])).toContain(`${left.length} encrypted file${left.length === 1 ? '' : 's'} removed`);
      for (const name of names) expect(existsSync(project.path(name))).toBe(false);
    }
    expect((await valueOf(project, 'globex')).stdout).toContain(SECRET);
  });

  test('killed at any time, every file decrypts or is shredded, and the same command finishes', async () => {
    const project = await fleet();
    for (const [args, pauses] of [[['tenant', 'own-key', 'acme'], [40, 120, 200, 260]], [['tenant', 'shred', 'acme', '--yes'], [40, 120, 200, 260]]] as const) {
      for (const pause of pauses) {
        const child = spawn(process.execPath, [LOCKFAST, ...args], { cwd: project.directory, env: project.env, stdio: 'ignore' });
        const ended = new Promise((resolve) => void child.on('close', resolve));
        setTimeout(() => child.kill('SIGKILL'), pause);
        await ended;
        const { status, stderr } = await valueOf(project, 'acme');
        if (status !== 0) expect(stderr).toMatch(/destroyed on purpose|it does not exist/);
        expect((await valueOf(project, 'globex')).stdout).toContain(SECRET);
      }
      expect(await project.run([...args])).toMatchObject({ status: 0 });
    }
    expect(existsSync(project.path(file('acme')))).toBe(false);
    expect(readFileSync(project.path('.lockfast/keyring.json'), 'utf8')).toMatch(/tenant=acme \S+ destroyed=/);
  }, 60_000);

  test('a second person is asked for, and roles bind', async () => {
    const project = await fleet('[approvals]\nkey = 2\n');
    const { status, stderr } = await project.run(['tenant', 'own-key', 'acme']);
    expect([status === 0, stderr]).toEqual([false, expect.stringMatching(/second person|nobody can tell|who/)]);
    expect(derivation(project, 'acme')).toBe('hkdf');
    const roles = await fleet('[roles]\nadmin = ["somebody-else"]\n');
    for (const args of [['tenant', 'own-key', 'acme'], ['tenant', 'shred', 'acme', '--yes']]) expect(await roles.run(args)).toMatchObject({ stderr: expect.stringContaining('is not an admin') as unknown });
  });

  test('a file that can not be read is named, and plaintext beside it', async () => {
    const project = await fleet();
    await done(project, ['tenant', 'own-key', 'acme']);
    project.write('tenants/acme/.env.old.encrypted', '#lockfast-env/1 cut', 0o400);
    project.write('tenants/acme/.env.plain', 'A=1\n');
    const { status, stdout, stderr } = await project.run(['tenant', 'shred', 'acme', '--yes']);
    expect([status, stderr]).toEqual([0, `lockfast: warning: ${project.path('tenants/acme/.env.old.encrypted')} could not be read: look whether it is of this tenant\n`]);
    expect(stdout).toContain(project.path('tenants/acme/.env.plain'));
    expect(existsSync(project.path('tenants/acme/.env.plain'))).toBe(true);
  });
});

test('a shredded tenant\'s key is in an older key ring still, and the older ring is refused', async () => {
  const project = await fleet();
  await done(project, ['tenant', 'own-key', 'acme']);
  const older = project.read('.lockfast/keyring.json');
  const copy = project.read(file('acme'));
  await done(project, ['tenant', 'shred', 'acme', '--yes']);
  writeFileSync(project.path('.lockfast/keyring.json'), older);
  project.write(file('acme'), copy, 0o400);
  expect((await valueOf(project, 'acme')).stderr).toContain('has seen generation');
  // On purpose, as SECURITY.md says: who has the old ring and its root key has the tenant's key.
  expect((await project.run(['key', 'accept-older', '--above', '3', '--reason', 'test'])).status).toBe(0);
  expect((await valueOf(project, 'acme')).stdout).toContain(SECRET);
  rmSync(project.path(file('acme')));
});

/** Persons behind sudo can only be played by root, and where nobody has logged in. */
const missingForPersons = !isRoot ? 'needs root' : loginUid() === undefined ? undefined : 'needs a session without a login';

describe.skipIf(missingForPersons !== undefined)(`[S8] [W10] a second person${missingForPersons === undefined ? '' : ` (${missingForPersons})`}`, () => {
  const TWO = '[roles]\nadmin = ["daemon", "games", "root"]\n[approvals]\nkey = 2\n';
  const as = (person: string, project: Project, args: readonly string[]): Promise<Outcome> => project.run(args, { env: { SUDO_USER: person } });
  /** Asks, and gives the request's id. */
  async function asked(project: Project, args: readonly string[]): Promise<string> {
    const { status, stderr } = await as('daemon', project, args);
    const [, id] = /waits for a second person: daemon asked for it at .* with: lockfast key approve ([a-z2-9]{8}); then run this again\n$/.exec(stderr) ?? [];
    expect([status, id], stderr).toEqual([1, expect.any(String)]);
    return id!;
  }

  test('own-key: who approves sees the names, it goes ahead once, and for exactly these tenants', async () => {
    const project = await fleet(TWO);
    const more = Array.from({ length: 10 }, (_, i) => `t${String(i).padStart(2, '0')}`);
    for (const tenant of more) {
      project.write(`tenants/${tenant}/.env`, 'A=1\n');
      expect(await project.run(['env', 'encrypt', '--tenant', tenant])).toMatchObject({ status: 0 });
    }
    const id = await asked(project, ['tenant', 'own-key', '--all', '--reason', 'contracts']);
    expect(await asked(project, ['tenant', 'own-key', '--all'])).toBe(id);
    expect(derivation(project, 'acme')).toBe('hkdf');
    const { stdout } = await as('games', project, ['key', 'approve']);
    expect(stdout).toContain('tenant-own-key (tenants=12 names=acme, globex, t00, t01, t02, t03, t04, t05, t06, t07 and 2 more digest=');
    expect(await as('daemon', project, ['key', 'approve', id])).toMatchObject({ status: 1, stderr: expect.stringContaining('can not approve it, too') as unknown });
    expect(await as('games', project, ['key', 'approve', id])).toMatchObject({ status: 0, stdout: expect.stringContaining('because "contracts"') as unknown });
    // As many, and others: that nobody approved.
    expect(await asked(project, ['tenant', 'own-key', ...TENANTS, ...more.slice(1)])).not.toBe(id);
    expect(await as('daemon', project, ['tenant', 'own-key', '--all'])).toMatchObject({ status: 0, stdout: expect.stringMatching(/^12 tenants got a key of their own; 12 files/) as unknown });
    for (const tenant of [...TENANTS, ...more]) expect(derivation(project, tenant)).toContain('+tenant:');
    const approvals = (await ledgerEntries(project)).filter(({ operation, kind }) => operation.startsWith('key-appr') && kind === 'intent');
    expect(approvals.map(({ operation, actor, details }) => [operation, actor.sudo, details?.['change']])).toEqual([
      ['key-approval-request', 'daemon', 'tenant-own-key'],
      ['key-approve', 'games', 'tenant-own-key'],
      ['key-approval-request', 'daemon', 'tenant-own-key'],
      ['key-approval-use', 'daemon', 'tenant-own-key'],
    ]);
  }, 60_000);

  test('shred: nothing goes before it is approved, and another tenant is another request', async () => {
    const project = await fleet(TWO);
    const first = await asked(project, ['tenant', 'own-key', '--all']);
    await as('games', project, ['key', 'approve', first]);
    await as('daemon', project, ['tenant', 'own-key', '--all']);
    const id = await asked(project, ['tenant', 'shred', 'acme', '--yes', '--reason', 'ended']);
    expect((await valueOf(project, 'acme')).stdout).toContain(SECRET);
    expect((await as('games', project, ['key', 'approve'])).stdout).toMatch(new RegExp(`^${id} +tenant-shred +acme +daemon +- +"ended"$`, 'm'));
    expect(await as('games', project, ['key', 'approve', id])).toMatchObject({ status: 0 });
    expect(await asked(project, ['tenant', 'shred', 'globex', '--yes'])).not.toBe(id);
    expect(await as('daemon', project, ['tenant', 'shred', 'acme', '--yes'])).toMatchObject({ status: 0, stdout: expect.stringContaining('acme: its key was destroyed; 1 encrypted file removed') as unknown });
    expect([existsSync(project.path(file('acme'))), (await valueOf(project, 'globex')).stdout]).toEqual([false, expect.stringContaining(SECRET)]);
  });
});

test('[W10] [E3] shred on a terminal: the name must be typed, and anything else changes nothing', async () => {
  const project = await fleet();
  await done(project, ['tenant', 'own-key', 'acme']);
  for (const [typed, status] of [['yes\n', 2], ['Acme\n', 2], ['\u0003', null], ['acme\n', 0]] as const) {
    const terminal = new PseudoTerminal([process.execPath, LOCKFAST, 'tenant', 'shred', 'acme'], { cwd: project.directory, env: project.env });
    onTestFinished(() => terminal[Symbol.dispose]());
    await terminal.until('This will destroy the key of the tenant acme and remove 1 encrypted file of it for good. Type acme to go on: ');
    terminal.type(typed);
    const end = await terminal.end();
    expect([typed, end.status], end.shown).toEqual([typed, status]);
    expect(existsSync(project.path(file('acme')))).toBe(status !== 0);
    if (status !== 0) expect((await valueOf(project, 'acme')).stdout).toContain(SECRET);
  }
});

test('[W10] status and tenant show say whether a tenant has a key of its own, and what has to come under it', async () => {
  const project = await fleet();
  const old = project.read(file('acme'));
  await done(project, ['tenant', 'own-key', 'acme']);
  expect(JSON.parse(await done(project, ['tenant', 'show', 'acme', '--json']))).toMatchObject({ ownKey: true, due: [] });
  expect(await done(project, ['tenant', 'show', 'acme'])).toMatch(/^ {2}key +\w+, since \S+; and one of its own$/m);
  expect(await done(project, ['tenant', 'show', 'globex'])).toMatch(/; none of its own$/m);
  const { files } = JSON.parse((await project.run(['status', '--json'])).stdout) as { files: { tenant: string; ownKey: boolean }[] };
  expect(Object.fromEntries(files.map(({ tenant, ownKey }) => [tenant, ownKey]))).toEqual({ '': false, acme: true, globex: false });
  expect((await project.run(['status'])).stdout).toMatch(/acme +encrypted +\w{6}, own +/);
  project.write(file('acme'), old, 0o400);
  expect(JSON.parse(await done(project, ['tenant', 'show', 'acme', '--json']))).toMatchObject({ ownKey: false, due: ['encryption under its own key'] });
});
