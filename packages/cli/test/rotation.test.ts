/** `key rotate` as a person meets it. What faults do to it is in rotation-faults, rotation-crash-states and rotation-matrix. */
import { chmodSync, existsSync, linkSync, mkdirSync, readdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { plaintextOf, readEnvFile } from '@lockfast/core/env';
import { onTestFinished, expect, test } from 'vitest';

import { PseudoTerminal } from '@lockfast/testkit';
import { missingForMounting, smallDisk } from './support/disk.ts';
import { copyOf, isRoot, LOCKFAST, type Outcome } from './support/project.ts';
import { Fleet, type FleetFile, FILES, makeFleet, NEW_ROOT, ROOT_ARGS } from './support/rotation-fleet.ts';
import { expectFinished, expectWhole, openRecords, records, verifyChain } from './support/rotation-oracle.ts';

const FEW: readonly FleetFile[] = FILES.filter(({ name }) => ['.env.encrypted', '.env.a.encrypted', 'tenants/alpha/.env.encrypted', 'tenants/beta/.env.encrypted'].includes(name));
const ALPHA = 'tenants/alpha/.env.encrypted';
const BETA = 'tenants/beta/.env.encrypted';

const missingRoot = isRoot ? undefined : 'needs root';
const missingMount = missingForMounting();

/** Four files: shared defaults, another shared one, and two tenants'. */
async function fleetOf(files: readonly FleetFile[] = FEW): Promise<Fleet> {
  const fleet = await makeFleet(files);
  onTestFinished(() => fleet[Symbol.dispose]());
  return fleet;
}

function rotate(fleet: Fleet, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  return fleet.project.run(['key', 'rotate', ...args], { env, patience: 60_000 });
}

async function expectDone(fleet: Fleet, outcome: Outcome, files = FEW): Promise<void> {
  expect([outcome.status, outcome.signal], outcome.stderr).toEqual([0, null]);
  await expectFinished(fleet, 'done', files);
}

test('[S3] [S4] [W4] a rotation brings every file under a new key, keeps the old ones encrypted, and is on record', async () => {
  const fleet = await fleetOf();
  const before = new Map(FEW.map(({ name }) => [fleet.project.path(name), fleet.project.read(name)]));
  const old = (await fleet.ring()).active().id;
  const done = await rotate(fleet, ['--reason', 'ticket 4711', '--json']);
  await expectDone(fleet, done);

  const { columns, ...record } = JSON.parse(done.stdout) as Record<string, unknown>;
  expect(columns).toEqual([]);
  const ring = await fleet.ring();
  const fingerprint = (id: string): string => ring.keys.find((key) => key.id === id)!.fingerprint;
  expect(record).toEqual({
    format: 'lockfast-rotation/1',
    id: expect.stringMatching(/^[a-z2-7]{10}$/),
    status: 'completed',
    environment: 'production',
    reason: 'ticket 4711',
    actor: expect.any(String),
    started: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/),
    ended: expect.stringMatching(/Z$/),
    durationMs: expect.any(Number),
    oldKey: { id: old, fingerprint: fingerprint(old) },
    newKey: { id: ring.active().id, fingerprint: fingerprint(ring.active().id) },
    root: null,
    backup: true,
    files: FEW.length,
    unfinished: [],
    verified: true,
    nextDue: expect.stringMatching(/Z$/),
    generation: 1,
  });
  expect(fingerprint(old)).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(records(fleet)).toEqual([{ ...record, seals: [expect.any(String)] }]);
  expect(ring.keys.map(({ state }) => state)).toEqual(['draining', 'active']);

  const backup = fleet.project.path(`.lockfast/backups/${String(record['id'])}`);
  const manifest = JSON.parse(readFileSync(join(backup, 'manifest.json'), 'utf8')) as { files: { path: string; backup: string }[] };
  expect(manifest.files.map(({ path }) => path).toSorted()).toEqual([...before.keys()].toSorted());
  for (const { path, backup: kept } of manifest.files) expect(readFileSync(join(backup, kept)).equals(before.get(path)!), path).toBe(true);

  const { entries } = verifyChain(fleet, 'ledger');
  const outcomes = entries.filter(({ kind }) => kind === 'outcome');
  expect(outcomes.filter(({ operation }) => operation === 're-encrypt')).toHaveLength(FEW.length);
  expect(entries).toContainEqual(expect.objectContaining({ operation: 'key-rotate', kind: 'outcome', outcome: 'success', reason: 'ticket 4711', object: record['id'] }));
});

test('[W4] [S3] a dry run says what would be done, and changes nothing', async () => {
  const fleet = await fleetOf();
  const before = fleet.project.tree();
  const said = await rotate(fleet, ['--dry-run']);
  expect([said.status, said.stderr]).toEqual([0, '']);
  for (const { name } of FEW) expect(said.stdout).toContain(fleet.project.path(name));
  expect(said.stdout).toContain('4 files would be encrypted anew; nothing was changed');
  const { status, stdout } = await rotate(fleet, ['--dry-run', '--json']);
  expect([status, JSON.parse(stdout)]).toEqual([0, { dryRun: true, resumes: null, from: (await fleet.ring()).active().id, to: null, files: expect.arrayContaining(FEW.map(({ name }) => fleet.project.path(name))) }]);
  expect(fleet.project.tree()).toEqual(before);
});

test('[S3] with --no-backup no copy is kept', async () => {
  const fleet = await fleetOf();
  await expectDone(fleet, await rotate(fleet, ['--no-backup']));
  expect(existsSync(fleet.project.path('.lockfast/backups'))).toBe(false);
});

test('[S3] a key that was staged ahead is the one that is used', async () => {
  const fleet = await fleetOf();
  const created = await fleet.project.run(['key', 'create']);
  expect(created.status, created.stderr).toBe(0);
  const staged = (await fleet.ring()).keys.find(({ state }) => state === 'staged')!.id;
  await expectDone(fleet, await rotate(fleet));
  expect((await fleet.ring()).active().id).toBe(staged);
});

test('[E6] [W4] files of another environment in the same tree are left alone, and not counted', async () => {
  const fleet = await fleetOf();
  const { project } = fleet;
  const other = await fleetOf([FEW[0]!]);
  // Another ring, under the name of another environment.
  const made = await other.project.run(['init', '--dir', join(other.project.base, 'staging'), '--environment', 'staging']);
  expect(made.status, made.stderr).toBe(0);
  writeFileSync(join(other.project.base, 'staging/.env'), 'STAGING=1\n');
  const encrypted = await other.project.run(['env', 'encrypt'], { cwd: join(other.project.base, 'staging') });
  expect(encrypted.status, encrypted.stderr).toBe(0);
  const bytes = readFileSync(join(other.project.base, 'staging/.env.encrypted'));
  project.write('.env.staging.encrypted', bytes, 0o400);

  const planned = await rotate(fleet, ['--dry-run']);
  expect(planned.stdout).not.toContain('.env.staging.encrypted');
  const done = await rotate(fleet);
  expect(done.stderr).toContain('4 files will be encrypted anew');
  await expectDone(fleet, done);
  expect(project.read('.env.staging.encrypted').equals(bytes)).toBe(true);
});

interface Obstacle {
  readonly title: string;
  readonly code: string;
  /** @returns how it is mended */
  readonly put: (fleet: Fleet) => () => void;
}

const tampered: Obstacle = {
  title: 'altered by someone without the key',
  code: 'tampered',
  put: ({ project }) => {
    const whole = project.read(ALPHA);
    const host = project.text(ALPHA).split('\n');
    project.write(ALPHA, [host[0], host[1], host[3], host[2], ...host.slice(4)].join('\n'), 0o400);
    return () => void project.write(ALPHA, whole, 0o400);
  },
};

const OBSTACLES: readonly Obstacle[] = [
  tampered,
  {
    title: "another tenant's in its place",
    code: 'wrong-tenant',
    put: ({ project }) => {
      const whole = project.read(ALPHA);
      project.write(ALPHA, project.read(BETA), 0o400);
      return () => void project.write(ALPHA, whole, 0o400);
    },
  },
  {
    title: 'empty',
    code: 'empty-file',
    put: ({ project }) => {
      const whole = project.read(ALPHA);
      project.write(ALPHA, '', 0o400);
      return () => void project.write(ALPHA, whole, 0o400);
    },
  },
];

test.for(OBSTACLES)('[E6] [S3] [E18] a file that is $title is named, the others are finished; mended, the next run finishes', async ({ put, code }) => {
  const fleet = await fleetOf();
  const mend = put(fleet);
  const stopped = await rotate(fleet);
  expect(stopped.status, stopped.stderr).toBe(1);
  const named = /not under the new key yet: (\S+) \((\S+)\);/.exec(stopped.stderr);
  expect(named?.[1], stopped.stderr).toBe(fleet.project.path(ALPHA));
  expect(['damaged', code]).toContain(named?.[2]);
  const others = FEW.filter(({ name }) => name !== ALPHA);
  const ring = await fleet.ring();
  for (const { name, tenant } of others) expect(readEnvFile(fleet.project.path(name), { ring, tenant }).header.key, name).toBe(ring.active().id);
  const [open] = openRecords(fleet);
  expect(open).toMatchObject({ status: 'in-progress', verified: false, unfinished: [{ path: fleet.project.path(ALPHA), code: named?.[2] }], files: others.length });

  // Still so: the next run does the same, and makes no further key.
  expect((await rotate(fleet)).status).toBe(1);
  expect((await fleet.ring()).keys).toHaveLength(2);

  mend();
  const done = await rotate(fleet, ['--root', '--new-key-out', NEW_ROOT, '--no-backup', '--reason', 'another one']);
  expect(done.stderr).toContain(`finishing the rotation ${open!.id} of`);
  expect(done.stderr).toContain('and only that');
  await expectDone(fleet, done);
  expect(existsSync(fleet.newRoot)).toBe(false);
  expect(records(fleet)).toMatchObject([{ id: open!.id, status: 'completed', reason: null, root: null, backup: true }]);
});

test.skipIf(missingRoot !== undefined)(`[E6] [S3] for a user: a file, a directory that may not be read, one that may not be written, are named${missingRoot === undefined ? '' : ` (${missingRoot})`}`, async () => {
  const fleet = await fleetOf([...FEW, ...FILES.filter(({ name }) => name.startsWith('tenants/gamma/.env.'))]);
  const { project } = fleet;
  const { execFileSync } = await import('node:child_process');
  execFileSync('chown', ['-R', '65534:65534', project.base, project.runtime]);
  execFileSync('chown', ['0:0', project.path(ALPHA)]);
  for (const directory of ['beta', 'gamma']) execFileSync('chown', ['0:0', project.path(`tenants/${directory}`)]);
  chmodSync(project.path('tenants/beta'), 0o755);
  chmodSync(project.path('tenants/gamma'), 0o700);
  const stopped = await project.run(['key', 'rotate'], { unprivileged: true });
  expect(stopped.status, stopped.stderr).toBe(1);
  for (const name of [ALPHA, BETA, 'tenants/gamma']) expect(stopped.stderr).toContain(`${project.path(name)} (permission-denied)`);
  const ring = await fleet.ring();
  for (const name of ['.env.encrypted', '.env.a.encrypted']) expect(readEnvFile(project.path(name), { ring, tenant: '' }).header.key).toBe(ring.active().id);
  execFileSync('chown', ['-R', '65534:65534', project.base]);
  const done = await project.run(['key', 'rotate'], { unprivileged: true });
  expect(done.status, done.stderr).toBe(0);
  await expectFinished(fleet, 'mended', [...FEW, ...FILES.filter(({ name }) => name.startsWith('tenants/gamma/.env.'))]);
});

test('[E6] [W4] what a slow writer put there under the old key while files were done is found at the end, and finished', async () => {
  const fleet = await fleetOf();
  const slow = Fleet.copyOf(fleet);
  onTestFinished(() => slow[Symbol.dispose]());
  // The writer read the ring before the rotation: its file comes when the rotation is over the others, which a file that can't be done holds open.
  const mend = tampered.put(fleet);
  expect((await rotate(fleet)).status).toBe(1);
  const late: FleetFile = { name: 'tenants/beta/.env.late.encrypted', tenant: 'beta', plaintext: 'LATE=1\n' };
  await slow.encrypt(await slow.ring(), late);
  fleet.project.write(late.name, slow.project.read(late.name), 0o400);
  mend();
  await expectDone(fleet, await rotate(fleet), [...FEW, late]);
});

test('[E6] [E18] with --root the new root key alone opens the ring, and lockfast.toml names it with its comments kept', async () => {
  const fleet = await fleetOf();
  const { project } = fleet;
  const [oldSource] = fleet.sources;
  const text = project.text('lockfast.toml');
  const done = await rotate(fleet, ROOT_ARGS.slice(2));
  await expectDone(fleet, done);
  expect(project.text('lockfast.toml')).toBe(text.replace(oldSource!, `file:${fleet.newRoot}`));
  expect(statSync(fleet.newRoot).mode & 0o777).toBe(0o400);
  const old = await project.run(['env', 'get', 'SECRET'], { env: { LOCKFAST_KEY_SOURCE: oldSource } });
  expect([old.status, old.stderr]).toEqual([3, expect.stringContaining('does not open the key ring')]);
  // The old root key does not open the old own key's ring either way: neither does an old copy of the ring help with new files.
  for (const word of ['systemd', 'Kubernetes', 'Compose']) expect(done.stdout).toContain(word);
  expect(done.stdout).toContain(`The old root key opens the key ring no more: ${oldSource}`);
  const got = await project.run(['env', 'get', 'SECRET', '--tenant', 'alpha']);
  expect([got.status, got.stdout.trim()]).toEqual([0, 'canary-5d0f31c9-alpha.env']);
});

test('[S4] --json with --root gives the record alone', async () => {
  const fleet = await fleetOf();
  const done = await rotate(fleet, [...ROOT_ARGS.slice(2), '--json']);
  await expectDone(fleet, done);
  expect(JSON.parse(done.stdout)).toMatchObject({ status: 'completed', root: { source: `file:${fleet.newRoot}`, file: fleet.newRoot } });
});

test('[E6] without a file --root shows the key once, on the terminal, before the old one goes; Ctrl-C keeps that', async () => {
  const fleet = await fleetOf();
  const { project } = fleet;
  const inTerminal = (): PseudoTerminal => {
    const terminal = new PseudoTerminal([process.execPath, LOCKFAST, 'key', 'rotate', '--root', '--yes'], { cwd: project.directory, env: project.env });
    onTestFinished(() => terminal[Symbol.dispose]());
    return terminal;
  };
  const first = inTerminal();
  await first.until('Enter when it is stored');
  first.type('\u0003');
  const broken = await first.end();
  expect([broken.status, broken.shown]).toEqual([1, expect.stringContaining('the old root key stays, and the one that was shown is of no use')]);
  await expectWhole(fleet, 'broken off', FEW);
  const given = openRecords(fleet)[0]!;
  expect((await fleet.ring()).sources).toHaveLength(1);

  const second = inTerminal();
  await second.until('finishing the rotation');
  await second.until('Enter when it is stored');
  second.type('\n');
  const { status, shown } = await second.end();
  expect(status, shown).toBe(0);
  const [key] = /lockfast-root-1\.[A-Za-z0-9_-]{48}/.exec(shown)!;
  expect(broken.shown).not.toContain(key);
  expect(shown.split(key)).toHaveLength(2);
  const old = await project.run(['env', 'get', 'SECRET']);
  expect(old.status).toBe(3);
  chmodSync(project.rootKey, 0o600);
  writeFileSync(project.rootKey, `${key}\n`);
  await expectFinished(fleet, 'stored', FEW);
  expect(records(fleet)).toMatchObject([{ id: given.id, root: { file: null } }]);
});

test('[E6] [E3] every source of the ring that can be reached opens it after --root; one that can not stops it before it begins', { timeout: 90_000 }, async () => {
  const fleet = await fleetOf();
  const { project } = fleet;
  const passphrase = `passphrase:${project.path('../passphrase')}`;
  writeFileSync(project.path('../passphrase'), 'correct horse battery\n', { mode: 0o600 });
  const generated = await project.run(['key', 'generate', '--format', 'root']);
  const env = { CI_ROOT_KEY: generated.stdout.trim() };
  for (const source of [passphrase, 'env:CI_ROOT_KEY']) {
    const added = await project.run(['key', 'source', 'add', source], { env });
    expect(added.status, added.stderr).toBe(0);
  }
  const before = project.tree();
  const refused = await rotate(fleet, ROOT_ARGS.slice(2));
  expect([refused.status, refused.stderr]).toEqual([3, expect.stringContaining('env:CI_ROOT_KEY can not be reached from here')]);
  expect(readdirSync(join(project.base, 'project/.lockfast'))).not.toContain('backups');
  expect(Object.keys(project.tree()).filter((path) => !path.includes('ledger') && !path.includes('rotations'))).toEqual(Object.keys(before).filter((path) => !path.includes('ledger')));

  const done = await rotate(fleet, ROOT_ARGS.slice(2), env);
  await expectDone(fleet, done);
  for (const source of [passphrase, 'env:CI_ROOT_KEY']) {
    const got = await project.run(['env', 'get', 'SECRET'], { env: { ...env, LOCKFAST_KEY_SOURCE: source } });
    expect([got.status, got.stderr], source).toEqual([0, '']);
  }

  const dropped = await rotate(fleet, ['--root', '--new-key-out', '../keys/second.key', '--drop-unreachable']);
  expect([dropped.status, dropped.stderr]).toEqual([0, expect.stringContaining('env:CI_ROOT_KEY was removed: add it again with its key at hand')]);
  await expectFinished(fleet, 'dropped', FEW);
  expect((await fleet.ring()).sources.map(({ source }) => source).toSorted()).toEqual([`file:${project.path('../keys/second.key')}`, passphrase].toSorted());
});

test('[E6] a source that could be reached when --root began, and can not at its end, is not dropped: the rotation stays open', async () => {
  const fleet = await fleetOf();
  const { project } = fleet;
  const env = { CI_ROOT_KEY: (await project.run(['key', 'generate', '--format', 'root'])).stdout.trim() };
  expect((await project.run(['key', 'source', 'add', 'env:CI_ROOT_KEY'], { env })).status).toBe(0);
  const mend = tampered.put(fleet);
  expect((await rotate(fleet, ROOT_ARGS.slice(2), env)).status).toBe(1);
  mend();
  const refused = await rotate(fleet);
  expect([refused.status, refused.stderr]).toEqual([3, expect.stringContaining('env:CI_ROOT_KEY can not be reached from here')]);
  await expectWhole(fleet, 'refused', FEW);
  expect(openRecords(fleet)).toHaveLength(1);
  await expectDone(fleet, await rotate(fleet, [], env));
  expect((await project.run(['env', 'get', 'SECRET'], { env: { ...env, LOCKFAST_KEY_SOURCE: 'env:CI_ROOT_KEY' } })).status).toBe(0);
});

test('[S3] a second rotation at the same time is told so at once', async () => {
  const fleet = await fleetOf();
  const terminal = new PseudoTerminal([process.execPath, LOCKFAST, 'key', 'rotate', '--root'], { cwd: fleet.project.directory, env: fleet.project.env });
  onTestFinished(() => terminal[Symbol.dispose]());
  await terminal.until('[y/N]');
  const second = await rotate(fleet);
  expect([second.status, second.stderr]).toEqual([5, expect.stringContaining('is in use by another lockfast')]);
  terminal.type('n\n');
  expect((await terminal.end()).status).toBe(2);
  expect(records(fleet)).toEqual([]);
  await expectWhole(fleet, 'neither', FEW);
});

test('[S3] outside the maintenance window it takes --force', async () => {
  const fleet = await fleetOf();
  const { project } = fleet;
  const [day] = new Date(Date.now() + 2 * 86_400_000).toUTCString().split(',');
  project.write('lockfast.toml', `${project.text('lockfast.toml')}\n[maintenance]\nwindow = "${day} 02:00-03:00"\n`);
  const refused = await rotate(fleet);
  expect([refused.status, refused.stderr]).toEqual([1, expect.stringContaining('now is outside the maintenance window')]);
  expect(records(fleet)).toEqual([]);
  await expectDone(fleet, await rotate(fleet, ['--force']));
});

test('[E18] a rotation that began is finished outside the maintenance window, too', async () => {
  const fleet = await fleetOf();
  const { project } = fleet;
  const mend = tampered.put(fleet);
  expect((await rotate(fleet)).status).toBe(1);
  mend();
  const [day] = new Date(Date.now() + 2 * 86_400_000).toUTCString().split(',');
  project.write('lockfast.toml', `${project.text('lockfast.toml')}\n[maintenance]\nwindow = "${day} 02:00-03:00"\n`);
  await expectDone(fleet, await rotate(fleet));
});

test('[E18] another key that was activated while a rotation was open is where it goes on to', async () => {
  const fleet = await fleetOf();
  const { project } = fleet;
  const mend = tampered.put(fleet);
  expect((await rotate(fleet)).status).toBe(1);
  expect((await project.run(['key', 'create'])).status).toBe(0);
  const staged = (await fleet.ring()).keys.find(({ state }) => state === 'staged')!.id;
  const activated = await project.run(['key', 'activate', staged, '--yes']);
  mend();
  const done = await rotate(fleet);
  expect(done.status, `${activated.stderr}\n${done.stderr}`).toBe(0);
  const ring = await fleet.ring();
  for (const { name, tenant } of FEW) expect(readEnvFile(project.path(name), { ring, tenant }).header.key, name).toBe(ring.active().id);
  await expectWhole(fleet, 'done', FEW);
  expect(openRecords(fleet)).toEqual([]);
});

test('[S3] without a ledger configured it works the same', async () => {
  const fleet = await fleetOf();
  const { project } = fleet;
  const size = verifyChain(fleet, 'before').entries.length;
  project.write('lockfast.toml', project.text('lockfast.toml').replace(/^ledger = .*$/m, ''));
  await expectDone(fleet, await rotate(fleet, ROOT_ARGS.slice(2)));
  expect(verifyChain(fleet, 'after').entries).toHaveLength(size);
});

test('[E6] [E7] tenants elsewhere, and the shared defaults, found from the configuration', async () => {
  const fleet = await fleetOf();
  const { project } = fleet;
  mkdirSync(join(project.base, 'srv'));
  project.write('lockfast.toml', project.text('lockfast.toml').replace('path = "tenants/{tenant}"', `path = "${project.base}/srv/{tenant}/app"`));
  const ring = await fleet.ring();
  const far: readonly FleetFile[] = ['one', 'two'].map((tenant) => ({ name: `../srv/${tenant}/app/.env.encrypted`, tenant, plaintext: `T=${tenant}\n` }));
  for (const file of far) await fleet.encrypt(ring, file);
  for (const tenant of ['alpha', 'beta']) unlinkSync(project.path(`tenants/${tenant}/.env.encrypted`));
  const shared = FEW.filter(({ tenant }) => tenant === '');
  await expectDone(fleet, await rotate(fleet), [...shared, ...far]);
});

test.skipIf(missingMount !== undefined)(`[S3] where hard links are impossible the files are copied${missingMount === undefined ? '' : ` (${missingMount})`}`, async () => {
  const fleet = await fleetOf();
  const { project } = fleet;
  const old = project.read(ALPHA);
  mkdirSync(join(project.base, 'other-disk'));
  smallDisk(join(project.base, 'other-disk'), '1m');
  project.write('lockfast.toml', `${project.text('lockfast.toml')}\n[backups]\ndirectory = "${project.base}/other-disk/backups"\n`);
  await expectDone(fleet, await rotate(fleet));
  const [rotation] = readdirSync(join(project.base, 'other-disk/backups'));
  const copies = readdirSync(join(project.base, 'other-disk/backups', rotation!, 'files')).map((name) => join(project.base, 'other-disk/backups', rotation!, 'files', name));
  expect(copies).toHaveLength(FEW.length);
  expect(copies.some((path) => readFileSync(path).equals(old))).toBe(true);
  for (const path of copies) expect(statSync(path).mode & 0o777).toBe(0o400);
});

test('[W9] [E18] after the new root key is lost, an old copy of root key and ring opens the backup of the files', async () => {
  const fleet = await fleetOf();
  const kept = copyOf(fleet.project);
  await expectDone(fleet, await rotate(fleet, ROOT_ARGS.slice(2)));
  const [rotation] = readdirSync(fleet.project.path('.lockfast/backups'));
  const manifest = JSON.parse(fleet.project.text(`.lockfast/backups/${rotation}/manifest.json`)) as { files: { path: string; backup: string }[] };
  for (const { path, backup } of manifest.files) {
    kept.write(path.slice(fleet.project.directory.length + 1), fleet.project.read(`.lockfast/backups/${rotation}/${backup}`), 0o400);
  }
  const got = await kept.run(['env', 'get', 'SECRET', '--tenant', 'beta']);
  expect([got.status, got.stdout.trim()]).toEqual([0, 'canary-5d0f31c9-beta.env']);
});

test('[E6] a file with a second name is replaced under the one that is configured; the other keeps the old bytes', async () => {
  const fleet = await fleetOf();
  const { project } = fleet;
  linkSync(project.path(ALPHA), join(project.base, 'second-name'));
  const old = project.read(ALPHA);
  await expectDone(fleet, await rotate(fleet));
  expect(readFileSync(join(project.base, 'second-name')).equals(old)).toBe(true);
  // It decrypts still: the old key drains.
  expect(plaintextOf(readEnvFile(join(project.base, 'second-name'), { ring: await fleet.ring(), tenant: 'alpha' })).toString()).toContain('alpha');
});
