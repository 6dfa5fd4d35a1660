/** `tenant import`, `rollback` and `remove` on files alone; with services: tenant-systemd.test.ts. */
import { chmodSync, existsSync, linkSync, lstatSync, readdirSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { missingForTracing, strike, traceFileCalls, type Trial } from '@lockfast/testkit';
import { copyOf, LOCKFAST, type Project } from './support/project.ts';
import { deep, inPairs, sampled } from './support/rotation-sample.ts';
import { CANARY, filesHolding, modeOf, SHARED_CANARY, tenantProject } from './support/tenants.ts';

const missing = missingForTracing();
const because = missing === undefined ? '' : ` (${missing})`;
const SAMPLE = 8;
const PLAIN = `# wip\nexport PORT=8001\nSECRET_KEY='${CANARY}'\n`;

async function withPlaintext(...names: string[]): Promise<Project> {
  const project = await tenantProject();
  for (const name of names) {
    project.write(`tenants/${name}/.env`, PLAIN, 0o640);
    chmodSync(project.path(`tenants/${name}`), 0o755);
  }
  return project;
}

async function plaintextOf(project: Project, name: string): Promise<string> {
  return (await project.run(['env', 'decrypt', '--out', '-', '--tenant', name])).stdout;
}

test('[E17] a tenant is encrypted with an encrypted backup, which is listed, opened and pruned', { timeout: 60_000 }, async () => {
  const project = await withPlaintext('wip', 'beta');
  const dry = await project.run(['tenant', 'import', '--all', '--dry-run']);
  expect([dry.status, dry.stdout]).toEqual([0, expect.stringContaining('2 tenants would be imported')]);
  expect(await project.run(['tenant', 'import', 'tenants/wip'])).toMatchObject({ status: 0, stderr: '', stdout: expect.stringMatching(/^wip: encrypted and verified; backup import-wip-\d{8}T\d{6}Z\n$/) as string });
  expect(readdirSync(project.path('tenants/wip'))).toEqual(['.env.encrypted']);
  expect([modeOf(project.path('tenants/wip/.env.encrypted')), await plaintextOf(project, 'wip')]).toEqual([0o400, PLAIN]);
  expect(await project.run(['tenant', 'import', '--all', '--json'])).toMatchObject({ status: 0, stdout: expect.stringContaining('"tenant": "beta"') as string });
  expect(filesHolding(project.base, CANARY)).toEqual([]);
  expect(await project.run(['tenant', 'audit'])).toMatchObject({ status: 0 });
  expect(await project.run(['tenant', 'import', '--all'])).toMatchObject({ status: 0, stdout: 'nothing to import\n' });
  const { backups } = JSON.parse((await project.run(['backup', 'list', '--json'])).stdout) as { backups: { rotation: string; directory: string; fromKey: string }[] };
  expect(backups.map(({ rotation, fromKey }) => `${rotation.slice(0, 11)} ${fromKey}`).toSorted()).toEqual(['import-beta plaintext', 'import-wip- plaintext']);
  const copy = join(backups.find(({ rotation }) => rotation.startsWith('import-wip'))!.directory, 'files/1');
  expect((await project.run(['env', 'decrypt', copy, '--tenant', 'wip', '--out', '-'])).stdout).toBe(PLAIN);
  // Within 30 days nothing of it is removed.
  expect(await project.run(['backup', 'prune', '--yes'])).toMatchObject({ status: 0, stdout: 'no backup is older than 30d; 2 kept\n' });
  expect((await project.run(['key', 'usage', '--json'])).stdout).toContain('"backups": 2');
});

test('[E17] what can not be taken over is refused before any tenant is touched', { timeout: 60_000 }, async () => {
  const project = await withPlaintext('acme', 'beta', 'gamma');
  await project.run(['env', 'encrypt', '--tenant', 'beta', '--keep']);
  project.write('tenants/beta/.env', 'PORT=other\n', 0o640);
  linkSync(project.path('tenants/gamma/.env'), project.path('copy'));
  const before = project.tree();
  const refused = await project.run(['tenant', 'import', '--all']);
  expect([refused.status, refused.stderr]).toEqual([5, expect.stringContaining('hold different things')]);
  const linked = await project.run(['tenant', 'import', 'acme', 'gamma']);
  expect([linked.status, linked.stderr]).toEqual([5, expect.stringContaining('has another name (a hard link)')]);
  expect(project.tree()).toMatchObject(before);
  for (const args of [['acme', '--all'], [], ['tenants/none'], ['shared'], ['/etc']]) expect((await project.run(['tenant', 'import', ...args])).status, args.join(' ')).toBe(args.length === 1 ? 1 : 2);
  const some = await project.run(['tenant', 'import', '--all', '--keep-going']);
  expect([some.status, existsSync(project.path('tenants/acme/.env')), existsSync(project.path('tenants/beta/.env'))]).toEqual([0, false, true]);
  // Nothing is done, and yet there is something to do.
  expect((await project.run(['tenant', 'import', '--all', '--keep-going'])).stdout).toMatch(/^0 tenants imported, 2 left as before: beta, gamma\n$/);
  expect(JSON.parse((await project.run(['tenant', 'import', '--all', '--keep-going', '--json'])).stdout)).toEqual({ imported: [], left: ['beta', 'gamma'] });
});

test('[E17] rollback gives all layers back in plaintext, after a plain warning; import is the way back', { timeout: 60_000 }, async () => {
  const project = await withPlaintext('wip');
  await project.run(['tenant', 'import', 'wip']);
  const asked = await project.run(['tenant', 'rollback', 'wip']);
  expect([asked.status, asked.stderr]).toEqual([2, expect.stringContaining('give --yes')]);
  const back = await project.run(['tenant', 'rollback', 'wip', '--yes']);
  expect([back.status, back.stderr]).toEqual([0, expect.stringContaining('warning: from now on the secrets of wip lie in plaintext')]);
  expect(project.text('tenants/wip/.env')).toBe(`# shared by all tenants\nOPENAI_API_KEY=${SHARED_CANARY}\nLEVEL=info\n${PLAIN}`);
  expect([readdirSync(project.path('tenants/wip')), modeOf(project.path('tenants/wip/.env'))]).toEqual([['.env'], 0o600]);
  expect(await project.run(['tenant', 'rollback', 'wip', '--yes'])).toMatchObject({ status: 1, stderr: expect.stringContaining('in plaintext already') as string });
  expect(await project.run(['tenant', 'import', 'wip'])).toMatchObject({ status: 0 });
  const { stdout } = await project.run(['ledger', 'list', '--tenant', 'wip', '--json']);
  expect(stdout).toContain('"operation": "tenant-rollback"');
});

test('[E17] rollback writes over nothing', { timeout: 60_000 }, async () => {
  const project = await withPlaintext('wip');
  await project.run(['tenant', 'import', 'wip']);
  project.write('tenants/wip/.env', 'MINE=1\n');
  expect(await project.run(['tenant', 'rollback', 'wip', '--yes'])).toMatchObject({ status: 5, stderr: expect.stringContaining('holds something else') as string });
  expect(project.text('tenants/wip/.env')).toBe('MINE=1\n');
});

test('remove takes the encrypted file away after a backup, and leaves the deployment', { timeout: 60_000 }, async () => {
  const project = await tenantProject();
  await project.run(['tenant', 'create', 'acme', '--port', '1']);
  await project.run(['tenant', 'create', 'beta', '--port', '2']);
  project.write('tenants/beta/app.py', 'print()\n');
  expect(await project.run(['tenant', 'remove', 'acme'])).toMatchObject({ status: 2, stderr: expect.stringContaining('give --yes') as string });
  expect(await project.run(['tenant', 'remove', 'acme', '--yes'])).toMatchObject({ status: 0, stderr: '' });
  expect(existsSync(project.path('tenants/acme'))).toBe(false);
  const { stdout } = await project.run(['tenant', 'remove', 'beta', '--yes']);
  expect(readdirSync(project.path('tenants/beta')).toSorted()).toEqual(['.env.example', '.gitignore', 'app.py']);
  const copy = /(\/\S+\/remove-beta-\S+)/.exec(stdout)![1]!;
  expect((await project.run(['env', 'get', 'PORT', '--file', join(copy, 'files/1'), '--tenant', 'beta'])).stdout).toBe('2');
  expect(await project.run(['tenant', 'remove', 'acme', '--yes'])).toMatchObject({ status: 1 });
});

test('[E17] a link in the place of the plaintext is not followed', { timeout: 60_000 }, async () => {
  const project = await tenantProject();
  project.write('elsewhere', PLAIN);
  project.write('tenants/acme/README', '');
  symlinkSync(project.path('elsewhere'), project.path('tenants/acme/.env'));
  expect(await project.run(['tenant', 'import', 'acme'])).toMatchObject({ status: 0, stderr: expect.stringContaining('acme has no plaintext') as string });
  expect(project.text('elsewhere')).toBe(PLAIN);
});

test('[E17] killed on its way back, the same command puts the plaintext back as it was', { timeout: 60_000 }, async () => {
  const project = await withPlaintext('wip');
  const plain = project.path('tenants/wip/.env');
  utimesSync(plain, 1_700_000_000, 1_700_000_000);
  const { backups } = JSON.parse((await project.run(['tenant', 'import', 'wip', '--json'])).stdout.replace('"imported"', '"backups"')) as { backups: { backup: string }[] };
  const journal = { format: 'lockfast-tenant-import/1', tenant: 'wip', started: '2026-11-22T10:00:00.000Z', direction: 'back', because: 'it was not well', backup: backups[0]!.backup, plain: { mode: 0o640, uid: process.getuid!(), gid: process.getgid!(), changedMs: 1_700_000_000_000 }, directoryMode: 0o755, wasEncrypted: false, wasRunning: false };
  project.write('.lockfast/imports/wip.json', JSON.stringify(journal));
  const finished = await project.run(['tenant', 'import', 'wip']);
  expect([finished.status, finished.stderr]).toEqual([1, expect.stringContaining('1 tenant could not be imported, and has the plaintext back: wip: it was not well')]);
  expect([project.text('tenants/wip/.env'), modeOf(plain), lstatSync(plain).mtimeMs, modeOf(project.path('tenants/wip')), readdirSync(project.path('tenants/wip')), readdirSync(project.path('.lockfast/imports'))]).toEqual([PLAIN, 0o640, 1_700_000_000_000, 0o755, ['.env'], []]);
  project.write('.lockfast/imports/wip.json', '{"format":"lockfast-tenant-import/1","tenant":"wip"}');
  expect(await project.run(['tenant', 'import', 'wip'])).toMatchObject({ status: 4, stderr: expect.stringContaining('wip.json is damaged') as string });
});

interface Attempt extends Trial {
  readonly project: Project;
}

function attempt(before: Project, args: readonly string[]): Attempt {
  const project = copyOf(before);
  // A copy has the time of its making.
  const plain = project.path('tenants/wip/.env');
  if (existsSync(plain)) utimesSync(plain, 1_700_000_000, 1_700_000_000);
  return { project, command: process.execPath, args: [LOCKFAST, ...args], cwd: project.directory, env: project.env, paths: [project.base] };
}

/** Nothing half, and nothing in plaintext where it must not be. */
const STORIES = [
  {
    title: '[E17] tenant import',
    before: () => withPlaintext('wip'),
    args: ['tenant', 'import', '--all', '--yes'],
    whole: async (project: Project, name: string) => {
      const plain = existsSync(project.path('tenants/wip/.env'));
      if (plain) expect(project.text('tenants/wip/.env'), name).toBe(PLAIN);
      else expect(await plaintextOf(project, 'wip'), name).toBe(PLAIN);
    },
    finished: async (project: Project, name: string) => {
      expect(readdirSync(project.path('tenants/wip')), name).toEqual(['.env.encrypted']);
      expect([modeOf(project.path('tenants/wip/.env.encrypted')), await plaintextOf(project, 'wip')], name).toEqual([0o400, PLAIN]);
      expect(readdirSync(project.path('.lockfast/imports')), name).toEqual([]);
    },
  },
  {
    title: '[E8] tenant create',
    before: () => tenantProject(),
    args: ['tenant', 'create', 'wip', '--port', '8001', '--copy'],
    whole: async (project: Project, name: string) => {
      const at = project.path('tenants/wip/.env.encrypted');
      if (existsSync(at)) expect(await plaintextOf(project, 'wip'), name).toContain('PORT=8001');
    },
    finished: async (project: Project, name: string) => {
      expect(readdirSync(project.path('tenants/wip')).toSorted(), name).toEqual(['.env.encrypted', '.env.example', '.gitignore']);
      expect(lstatSync(project.path('tenants/wip')).mode & 0o777, name).toBe(0o700);
      expect(await plaintextOf(project, 'wip'), name).toMatch(/^SECRET_KEY=[\w-]{43}\nPORT=8001\nDOMAIN=wip\nOPENAI_API_KEY=.*\nLEVEL=info\n$/);
      expect((await project.run(['tenant', 'audit'])).stdout, name).toBe('1 tenant, no findings\n');
    },
  },
];

test.skipIf(missing !== undefined).for(STORIES)(`$title: killed, or refused by the disk, at any call, the same command finishes it${because}`, { timeout: deep ? 1_800_000 : 240_000 }, async ({ title, before, args, whole, finished }) => {
  const start = await before();
  const first = attempt(start, args);
  const { calls, status, stderr } = await traceFileCalls(first.command, first.args, first);
  expect([status, stderr]).toEqual([0, '']);
  const all = calls.flatMap((call) => (['KILL', 'ENOSPC'] as const).map((fault) => ({ call, fault })));
  const cases = deep ? all : sampled(all, SAMPLE);
  process.stdout.write(`${title}: ${calls.length} calls, ${cases.length} of ${all.length} faults\n`);
  await inPairs(cases, async ({ call, fault }) => {
    const name = `${fault} at ${call.text}`;
    const run = await strike(() => attempt(start, args), call, fault);
    const { project } = run.trial;
    expect(run.stderr, name).not.toContain('defect');
    expect(filesHolding(project.base, CANARY).filter((path) => path !== 'project/tenants/wip/.env'), name).toEqual([]);
    await whole(project, name);
    const again = await project.run(args);
    expect([again.status, again.stderr.replace(/^lockfast: finishing.*\n/, '')], name).toEqual([0, '']);
    await finished(project, name);
    expect(filesHolding(project.base, CANARY), name).toEqual([]);
    expect(readdirSync(project.base, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.tmp')), name).toEqual([]);
    project[Symbol.dispose]();
  });
});
