/** The command with its ledger on PostgreSQL, set up as docs/guides/ledger.md says. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { missingForPostgres } from '@lockfast/testkit';
import { PG_PASSWORD, startPostgresLedger, useLedger } from './support/postgres-ledger.ts';
import { type Around, encryptedProject, type Outcome, type Project } from './support/project.ts';

const missing = missingForPostgres();
const because = missing === undefined ? '' : ` (${missing})`;

function filesWith(directory: string, text: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path).includes(text));
}

async function done(project: Project, args: readonly string[], around: Around): Promise<Outcome> {
  const outcome = await project.run(args, around);
  expect([outcome.status, outcome.signal], `${args.join(' ')}: ${outcome.stderr}`).toEqual([0, null]);
  expect(outcome.stdout + outcome.stderr, args.join(' ')).not.toContain(PG_PASSWORD);
  return outcome;
}

describe.skipIf(missing !== undefined)(`[B5] [E14] a ledger on PostgreSQL${because}`, { timeout: 240_000 }, () => {
  test('env:LEDGER_URL: everything works and is on record; the password is nowhere, and no program gets it', async () => {
    const project = await encryptedProject('A=1\n');
    for (const end of ['', '-wal', '-shm']) rmSync(project.path(`.lockfast/ledger.db${end}`), { force: true });
    const { server, url, ownerUrl } = await startPostgresLedger();
    useLedger(project, 'env:LEDGER_URL');
    writeFileSync(project.path('lockfast.toml'), `${project.text('lockfast.toml')}\n[log]\ntext = "lockfast.log"\n`);
    const around: Around = { env: { LEDGER_URL: url } };
    await done(project, ['ledger', 'create', '--owner', 'env:OWNER_URL', '--role', 'shop'], { env: { LEDGER_URL: url, OWNER_URL: ownerUrl } });

    project.write('.env', 'A=1\nB=2\n');
    await done(project, ['env', 'encrypt'], around);
    const child = await done(project, ['run', '--', 'sh', '-c', 'env; tr "\\0" "\\n" < /proc/self/environ; tr "\\0" " " < /proc/self/cmdline; ls -l /proc/self/fd'], around);
    expect(child.stdout).toContain('B=2');
    expect(child.stdout).not.toMatch(/LEDGER_URL|postgres:/);
    // Its own three may be sockets, as the test gives them.
    expect(child.stdout.split('\n').filter((line) => / (?:[3-9]|\d\d+) -> socket:/.test(line))).toEqual([]);
    await done(project, ['key', 'rotate', '--reason', 'quarterly'], around);
    await done(project, ['key', 'create'], around);
    await done(project, ['env', 'edit'], { env: { ...around.env, EDITOR: `sh -c 'env > ${project.base}/editor-env' x` } });
    expect(readFileSync(join(project.base, 'editor-env'), 'utf8')).not.toMatch(/LEDGER_URL/);
    await done(project, ['status'], around);
    await done(project, ['doctor'], around);

    const listed = JSON.parse((await done(project, ['ledger', 'list', '--json'], around)).stdout) as { entries: { operation: string; outcome: string }[] };
    expect(listed.entries.map(({ operation, outcome }) => `${operation} ${outcome}`)).toEqual(
      expect.arrayContaining(['ledger-created success', 'encrypt success', 'decrypt success', 'key-rotate success', 're-encrypt success', 'key-create success', 'status success']),
    );
    const verified = JSON.parse((await done(project, ['ledger', 'verify', '--json'], around)).stdout) as Record<string, unknown>;
    expect(verified).toMatchObject({ ok: true });
    expect(verified['entries']).toBe(Number(server.sql('shop', 'SELECT count(*) FROM lockfast_ledger.entries')));
    await done(project, ['ledger', 'export', '--out', 'audit.bundle'], around);
    await done(project, ['ledger', 'verify', '--bundle', 'audit.bundle'], around);

    // What fails says nothing of it, either; nor what is noted meanwhile.
    const refused = await project.run(['env', 'set', 'A'], { env: { LEDGER_URL: url.replace('/shop', '/nothing') }, input: '2' });
    expect([refused.status, refused.stdout]).toEqual([1, '']);
    const glass = await project.run(['env', 'get', 'A', '--break-glass', '--reason', 'r'], { env: { LEDGER_URL: url.replace('/shop', `/nothing`) } });
    expect(glass.stdout, glass.stderr).toBe('1');
    expect(refused.stderr + glass.stderr).not.toContain(PG_PASSWORD);
    for (const wrong of [`postgres://shop:${PG_PASSWORD}@`, `mysql://shop:${PG_PASSWORD}@db/shop`, PG_PASSWORD, `postgres://shop:${PG_PASSWORD}@127.0.0.1:1/shop`, `postgres://shop:${PG_PASSWORD}@127.0.0.1:${server.port}/shop?sslmode=verify-full`, `postgres://shop:%zz${PG_PASSWORD}@127.0.0.1/shop`]) {
      for (const args of [['env', 'get', 'A'], ['env', 'get', 'A', '--break-glass', '--reason', 'r'], ['status'], ['doctor'], ['ledger', 'list'], ['ledger', 'verify'], ['ledger', 'create']]) {
        const { stdout, stderr } = await project.run(args, { env: { LEDGER_URL: wrong } });
        expect(stdout + stderr, args.join(' ')).not.toContain(PG_PASSWORD);
        expect(stderr, args.join(' ')).not.toContain('defect');
      }
    }
    expect(filesWith(project.base, PG_PASSWORD)).toEqual([]);
    const dump = server.sql('shop', "SELECT convert_from(entry, 'UTF8') FROM lockfast_ledger.entries");
    expect(dump).toContain('key-rotate');
    expect(dump).not.toMatch(new RegExp(`${PG_PASSWORD}|postgres:`));
  });

  test('a URL in lockfast.toml, the password in PGPASSWORD; two machines share it', async () => {
    const { url, ownerUrl } = await startPostgresLedger();
    const place = url.replace(`:${PG_PASSWORD}`, '');
    const projects = [await encryptedProject('A=1\n'), await encryptedProject('A=1\n')] as const;
    const around: Around = { env: { PGPASSWORD: PG_PASSWORD } };
    for (const project of projects) useLedger(project, place);
    await done(projects[0], ['ledger', 'create', '--owner', 'env:OWNER_URL', '--role', 'shop'], { env: { OWNER_URL: ownerUrl } });
    await Promise.all(projects.flatMap((project) => [1, 2, 3].map(async () => done(project, ['env', 'get', 'A'], around))));
    for (const project of projects) await done(project, ['key', 'create'], around);
    const listed = JSON.parse((await done(projects[0], ['ledger', 'list', '--operation', 'decrypt', '--json'], around)).stdout) as { entries: { object: string }[] };
    expect(listed.entries.map(({ object }) => object).toSorted()).toEqual(projects.flatMap((project) => Array.from({ length: 3 }, () => project.path('.env.encrypted'))).toSorted());
    for (const project of projects) await done(project, ['ledger', 'verify'], around);
    for (const project of projects) expect(filesWith(project.base, PG_PASSWORD)).toEqual([]);
  });
});
