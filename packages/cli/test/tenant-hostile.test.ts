/** What a tenant's own user can put into its directory, and what operators mistype: nothing of it reaches another tenant, or root's terminal. */
import { chmodSync, chownSync, existsSync, linkSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { emptyDirectory } from '../src/tenant/memory.ts';
import { isRoot, type Project } from './support/project.ts';
import { CANARY, modeOf, SHARED_CANARY, tenantProject } from './support/tenants.ts';

const HOSTILE = '.env.\u001b[2Jred\nlockfast: all is well';
/** Control characters but for the ends of lines. */
const CONTROL = /(?!\n)\p{Cc}/u;

async function create(project: Project, name: string, ...args: string[]): Promise<void> {
  expect(await project.run(['tenant', 'create', name, '--port', '8001', ...args])).toMatchObject({ status: 0 });
}

async function nested(): Promise<Project> {
  const project = await tenantProject();
  project.write('lockfast.toml', project.text('lockfast.toml').replace('path = "tenants/{tenant}"', 'path = "tenants/{tenant}/app"'), 0o644);
  return project;
}

test('[E11] names of files neither forge a line nor steer the terminal, and hide no plaintext from the audit', { timeout: 60_000 }, async () => {
  const project = await tenantProject();
  await create(project, 'acme');
  writeFileSync(project.path(`tenants/acme/${HOSTILE}`), `A=${CANARY}`);
  writeFileSync(project.path(`tenants/acme/${HOSTILE}.encrypted`), '#lockfast-env/1 cut');
  const runs = [['tenant', 'audit'], ['status'], ['secret', 'rotate', 'SECRET_KEY', '--scope', 'all', '--generate'], ['tenant', 'import', `x${HOSTILE}`], ['key', 'usage']];
  for (const args of runs) {
    const { status, stdout, stderr } = await project.run(args);
    expect(status, args.join(' ')).toBe(1);
    expect(`${stdout}${stderr}`, args.join(' ')).not.toMatch(CONTROL);
    expect(`${stdout}${stderr}`, args.join(' ')).not.toMatch(/^lockfast: all is well/m);
    expect(`${stdout}${stderr}`, args.join(' ')).toContain('.env.\\u{1b}[2Jred\\u{a}lockfast');
  }
  const { findings } = JSON.parse((await project.run(['tenant', 'audit', '--json'])).stdout) as { findings: { kind: string; path: string }[] };
  expect(findings).toContainEqual(expect.objectContaining({ kind: 'plaintext', path: project.path(`tenants/acme/${HOSTILE}`) }));
});

test('[E7] a tenant whose directory became a link to another one is no tenant, and that one is left alone', { timeout: 60_000 }, async () => {
  const project = await nested();
  await create(project, 'victim');
  await create(project, 'evil');
  writeFileSync(project.path('tenants/victim/app/.env'), `A=${CANARY}\n`, { mode: 0o600 });
  rmSync(project.path('tenants/evil/app'), { recursive: true });
  symlinkSync('../victim/app', project.path('tenants/evil/app'));
  const before = project.tree();
  const commands = [['show', 'evil'], ['import', 'evil'], ['import', project.path('tenants/evil/app')], ['rollback', 'evil', '--yes'], ['remove', 'evil', '--yes'], ['audit', 'evil', '--fix'], ['open', 'evil', '--into', project.runtime], ['close', 'evil', '--into', project.runtime]];
  for (const args of commands) {
    const { stdout, stderr, status } = await project.run(['tenant', ...args]);
    expect([status, stdout, stderr], args.join(' ')).toEqual([1, '', expect.stringMatching(/no tenant/) as string]);
  }
  expect(project.tree()).toEqual(before);
  expect(readdirSync(project.runtime)).toEqual([]);
});

test.runIf(isRoot)('[E8] [E11] with a path that goes on behind {tenant} no tenant can exchange its directory; where one can, the audit says so', { timeout: 60_000 }, async () => {
  const project = await nested();
  await create(project, 'acme', '--user', 'nobody');
  const above = project.path('tenants/acme');
  expect([lstatSync(above).uid, modeOf(above), lstatSync(join(above, 'app')).uid, modeOf(join(above, 'app'))]).toEqual([0, 0o711, 65_534, 0o700]);
  expect(await project.run(['tenant', 'audit'])).toMatchObject({ status: 0, stdout: '1 tenant, no findings\n' });
  chownSync(above, 65_534, 65_534);
  expect(await project.run(['tenant', 'audit'])).toMatchObject({ status: 1, stdout: expect.stringMatching(/owner +tenants\/acme +nobody may put another directory/) as string });
});

test('[E8] what can not be done is refused before anything is made', { timeout: 60_000 }, async () => {
  const project = await tenantProject();
  const before = project.tree();
  const refusals = [
    [['--port', '1', '--set', 'X'], 'v\r\n', 1, 'no spelling of the value of X'],
    [['--port', '1', '--set', 'X'], '', 2, 'standard input has 0 lines for 1 value:'],
    [['--port', '1', '--set', 'PORT'], '2\n', 2, 'PORT is given twice'],
    [['--port', '1', '--exec', '/bin/true'], '', 2, 'add --install'],
  ] as const;
  for (const [args, input, status, said] of refusals) {
    const refused = await project.run(['tenant', 'create', 'acme', ...args], { input });
    expect([refused.status, refused.stdout, refused.stderr], args.join(' ')).toEqual([status, '', expect.stringContaining(said) as string]);
    expect(project.tree(), args.join(' ')).toEqual(before);
  }
});

test.each([
  ['altered', 'damaged', (path: string) => writeFileSync(path, readFileSync(path, 'utf8').replace('LEVEL', 'LEVEX'))],
  ['a directory', 'link', (path: string) => mkdirSync(path)],
] as const)('[E11] the shared file that is %s is found: no tenant opens with it', async (_, kind, harm) => {
  const project = await tenantProject();
  await create(project, 'acme');
  const path = project.path('shared/defaults.env.encrypted');
  const whole = readFileSync(path);
  rmSync(path);
  if (kind === 'damaged') writeFileSync(path, whole, { mode: 0o400 });
  harm(path);
  const { findings } = JSON.parse((await project.run(['tenant', 'audit', '--json'])).stdout) as { findings: { kind: string; path: string }[] };
  expect(findings).toContainEqual(expect.objectContaining({ kind, path }));
});

test('[E13] a tenant with a plaintext is named by a rotation, which does not change it', async () => {
  const project = await tenantProject();
  await create(project, 'acme');
  await create(project, 'beta');
  expect(await project.run(['tenant', 'rollback', 'beta', '--yes'])).toMatchObject({ status: 0 });
  const { status, stderr } = await project.run(['secret', 'rotate', 'OPENAI_API_KEY', '--scope', 'all'], { input: 'new-key-for-all' });
  expect([status, stderr]).toEqual([0, expect.stringContaining('keeps what it holds: beta:') as string]);
  expect(project.text('tenants/beta/.env')).toContain(SHARED_CANARY);
});

test('[E17] rollback and remove say as JSON what they did', async () => {
  const project = await tenantProject();
  await create(project, 'acme');
  const back = await project.run(['tenant', 'rollback', 'acme', '--yes', '--json']);
  expect(JSON.parse(back.stdout)).toEqual({ tenant: 'acme', file: project.path('tenants/acme/.env'), restarted: false, backup: expect.stringMatching(/^rollback-acme-/) as string });
  expect(await project.run(['tenant', 'import', 'acme', '--yes'])).toMatchObject({ status: 0 });
  const removed = JSON.parse((await project.run(['tenant', 'remove', 'acme', '--yes', '--json'])).stdout) as unknown;
  expect(removed).toEqual({ tenant: 'acme', directory: project.path('tenants/acme'), backup: expect.stringMatching(/^remove-acme-/) as string, left: 0 });
  expect(existsSync(project.path('tenants/acme'))).toBe(false);
});

test('a second name of somebody else\'s file is taken away, and its bytes are left', async () => {
  const project = await tenantProject();
  const [own, theirs] = [join(project.runtime, 'own'), join(project.runtime, 'theirs')];
  mkdirSync(own);
  writeFileSync(theirs, 'of another service');
  linkSync(theirs, join(own, '.env'));
  emptyDirectory(own);
  expect([readdirSync(own), readFileSync(theirs, 'utf8')]).toEqual([[], 'of another service']);
});

test.runIf(isRoot)('[E7] [E13] tenants that can not be listed are not taken for none, and a directory that can not be for one without the variable', { timeout: 60_000 }, async () => {
  const project = await tenantProject();
  await create(project, 'acme');
  await create(project, 'beta');
  for (const path of [project.base, ...readdirSync(project.base, { recursive: true, encoding: 'utf8' }).map((name) => join(project.base, name))]) chownSync(path, 65_534, 65_534);
  chownSync(project.path('tenants/beta'), 0, 0);
  const closed = await project.run(['secret', 'rotate', 'SECRET_KEY', '--scope', 'all', '--generate'], { unprivileged: true });
  expect([closed.status, closed.stderr]).toEqual([1, expect.stringContaining(`nobody can tell whether ${project.path('tenants/beta')} sets it`) as string]);
  const audit = await project.run(['tenant', 'audit', 'beta', '--json'], { unprivileged: true });
  expect((JSON.parse(audit.stdout) as { findings: { kind: string }[] }).findings.map(({ kind }) => kind)).not.toContain('not-encrypted');
  chownSync(project.path('tenants'), 0, 0);
  chmodSync(project.path('tenants'), 0o711);
  for (const args of [['tenant', 'audit'], ['tenant', 'list'], ['tenant', 'import', '--all'], ['secret', 'rotate', 'SECRET_KEY', '--scope', 'all', '--generate']]) {
    const { status, stdout, stderr } = await project.run(args, { unprivileged: true });
    expect([status, stdout, stderr], args.join(' ')).toEqual([1, '', expect.stringMatching(/tenants\/? can not be listed/) as string]);
  }
  expect(await project.run(['tenant', 'show', 'acme'], { unprivileged: true })).toMatchObject({ status: 0 });
});
