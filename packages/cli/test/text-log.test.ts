/** The log in text, as the command writes it for people, logrotate and what reads logs. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';

import { expect, test } from 'vitest';

import { missingForMounting, smallDisk } from './support/disk.ts';
import { ledgerEntries } from './support/ledger.ts';
import { type Around, encryptedProject, isRoot, type Project } from './support/project.ts';

const LINE = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \| (?:INFO|WARNING|ERROR) \| [A-Z-]+ \| [^|]+ \| [^|]+ \| (?:SUCCESS|FAILURE|REFUSED|INTERRUPTED)$/;

async function loggedProject(log = 'log/lockfast.log', tables = ''): Promise<{ project: Project; log: string }> {
  const project = await encryptedProject('A=canary-of-a\n');
  mkdirSync(project.path('log'));
  appendFileSync(project.path('lockfast.toml'), `\n[log]\ntext = ${JSON.stringify(log)}\n\n[tenants]\npath = "tenants/{tenant}"\n${tables}`);
  return { project, log: project.path(log) };
}

function linesOf(log: string): string[] {
  const text = readFileSync(log, 'utf8');
  expect(text === '' || text.endsWith('\n')).toBe(true);
  return text.split('\n').slice(0, -1);
}

async function done(project: Project, args: readonly string[], around: Around = {}): Promise<void> {
  const { status, stderr } = await project.run(args, around);
  expect(status, stderr).toBe(0);
}

test('[E14] each use is a line of the form of the documents: time in UTC, level, operation, tenant, user, outcome', async () => {
  const { project, log } = await loggedProject();
  project.write('tenants/wip.example.com/.env', 'A=1\n');
  // The line tells UTC, wherever the machine is.
  const around = { env: { TZ: 'Pacific/Auckland' } };
  const began = Date.now();
  await done(project, ['env', 'encrypt', 'tenants/wip.example.com/.env'], around);
  await done(project, ['env', 'decrypt', 'tenants/wip.example.com/.env.encrypted', '--out', '-'], around);
  await done(project, ['run', '--', 'true'], around);
  await project.run(['env', 'get', 'A'], { env: { LOCKFAST_KEY_SOURCE: 'env:NONE' } });
  await done(project, ['key', 'create'], around);
  const user = userInfo().username;
  const lines = linesOf(log);
  expect(lines.map((line) => line.slice('2025-10-06 10:15:23'.length))).toEqual([
    ` | INFO | ENCRYPT | wip.example.com | ${user} | SUCCESS`,
    ` | INFO | DECRYPT | wip.example.com | ${user} | SUCCESS`,
    ` | INFO | DECRYPT | - | ${user} | SUCCESS`,
    ` | ERROR | DECRYPT | - | ${user} | FAILURE`,
    ` | INFO | KEY-CREATE | - | ${user} | SUCCESS`,
  ]);
  for (const line of lines) {
    expect(line).toMatch(LINE);
    const time = Date.parse(`${line.slice(0, 19).replace(' ', 'T')}Z`);
    expect(time).toBeGreaterThanOrEqual(began - 1000);
    expect(time).toBeLessThanOrEqual(Date.now());
  }
  expect(statSync(log).mode & 0o777).toBe(0o640);
  expect(lines.join('\n')).not.toContain('canary');
});

test('[E14] it has as many lines as the ledger has outcomes and events, and the same', async () => {
  const { project, log } = await loggedProject();
  const before = (await ledgerEntries(project)).length;
  for (const args of [['env', 'verify'], ['key', 'rotate'], ['env', 'get', 'NO_SUCH'], ['env', 'diff'], ['key', 'retire', 'aaaaaa']]) await project.run(args);
  const told = (await ledgerEntries(project)).slice(before).filter(({ kind }) => kind !== 'intent').map(({ operation, outcome }) => [operation.toUpperCase(), outcome!.toUpperCase()]);
  expect(linesOf(log).map((line) => line.split(' | ')).map((fields) => [fields[2], fields[5]])).toEqual(told);
  expect(told.length).toBeGreaterThan(4);
});

test.skipIf(!isRoot)('[E14] the person behind sudo is named, and not root', async () => {
  const { project, log } = await loggedProject();
  await done(project, ['env', 'verify'], { env: { SUDO_USER: 'daemon', SUDO_UID: '1' } });
  expect(linesOf(log)[0]).toMatch(/ \| VERIFY \| - \| daemon \| SUCCESS$/);
});

test('[E14] logrotate moves it, or copies and cuts it: no line is lost, and the new file has mode 0640', async () => {
  const { project, log } = await loggedProject();
  await done(project, ['env', 'verify']);
  renameSync(log, `${log}.1`);
  await done(project, ['env', 'verify']);
  expect([linesOf(`${log}.1`).length, linesOf(log).length, statSync(log).mode & 0o777]).toEqual([1, 1, 0o640]);
  copyFileSync(log, `${log}.2`);
  truncateSync(log);
  await done(project, ['env', 'verify']);
  expect(linesOf(log)).toHaveLength(1);
  expect(linesOf(log)[0]).toMatch(LINE);
});

test('[E14] logrotate moves it while a command is at work', async () => {
  const { project, log } = await loggedProject();
  await done(project, ['env', 'verify']);
  // The editor stands for a command that takes its time: the log is moved between intent and outcome.
  await done(project, ['env', 'edit'], { env: { EDITOR: `sh -c 'mv ${log} ${log}.1; echo X=1 >> "$1"' x` } });
  expect(linesOf(`${log}.1`).map((line) => line.split(' | ')[2])).toEqual(['VERIFY', 'DECRYPT']);
  expect(linesOf(log).map((line) => line.split(' | ')[2])).toEqual(['ENCRYPT']);
});

test.each<[string, (log: string) => void]>([
  ['a directory', (log) => mkdirSync(log)],
  ['a pipe that nobody reads', (log) => execFileSync('mkfifo', [log])],
  ['a link', (log) => symlinkSync('elsewhere', log)],
  ['a device', (log) => symlinkSync('/dev/full', log)],
])('[E14] with %s in its place nothing happens', async (_, put) => {
  const { project, log } = await loggedProject();
  put(log);
  const before = project.tree();
  for (const args of [['env', 'get', 'A'], ['env', 'set', 'A'], ['key', 'create'], ['run', '--', 'touch', 'started']]) {
    const { status, stdout, stderr } = await project.run(args, { input: '2' });
    expect([status, stdout], args.join(' ')).toEqual([1, '']);
    expect(stderr).toContain(`the text log ${log} was not written`);
  }
  expect(project.tree()).toEqual(before);
  expect(existsSync(project.path('log/elsewhere'))).toBe(false);
});

test.skipIf(!isRoot)('[E14] where this user may not write it nothing happens', async () => {
  const { project, log } = await loggedProject();
  writeFileSync(log, 'old\n');
  execFileSync('chown', ['-R', '65534:65534', project.base]);
  execFileSync('chown', ['0:0', log]);
  chmodSync(log, 0o640);
  const { status, stdout, stderr } = await project.run(['run', '--', 'touch', 'started'], { unprivileged: true });
  expect([status, stdout], stderr).toEqual([1, '']);
  expect(stderr).toContain(`the text log ${log}`);
  expect(existsSync(project.path('started'))).toBe(false);
  expect(readFileSync(log, 'utf8')).toBe('old\n');
});

const missingMount = missingForMounting();
test.skipIf(missingMount !== undefined)(`[E14] on a full disk what can not be told does not succeed, and afterwards lines come again${missingMount === undefined ? '' : ` (${missingMount})`}`, async () => {
  const { project } = await loggedProject('disk/lockfast.log');
  smallDisk(project.path('disk'), '64k');
  const log = project.path('disk/lockfast.log');
  await done(project, ['env', 'verify']);
  for (const size of [4096, 1]) {
    try {
      for (;;) writeFileSync(project.path('disk/filler'), Buffer.alloc(size), { flag: 'a' });
    } catch {}
  }
  // What is left of its last page, but for half a line.
  appendFileSync(log, `${'x'.repeat(4096 - statSync(log).size - 30)}\n`);
  const full = await project.run(['env', 'get', 'A']);
  expect([full.status, full.stdout], full.stderr).toEqual([1, '']);
  expect(full.stderr).toContain('the text log');
  execFileSync('rm', [project.path('disk/filler')]);
  await done(project, ['env', 'verify']);
  // On a line of its own, also after the half of one that the full disk took.
  expect(readFileSync(log, 'utf8').split('\n').at(-2)).toMatch(LINE);
  expect(readFileSync(log, 'utf8')).toMatch(/ \| VERIFY \| - \| [^|]+ \| SUCCESS\n$/);
});

test.each([
  ['line breaks', 'a\n2025-10-06 10:15:23 | INFO | DECRYPT | b | root | SUCCESS'],
  ['a field of its own', 'a | root | SUCCESS'],
  ['what turns the line around', 'a\u202E\u2028b'],
  ['what a terminal obeys', 'a\u001b[2Jb\r'],
])('[E14] the name of a tenant with %s writes no line of its own', async (_, tenant) => {
  const { project, log } = await loggedProject();
  project.write('own.env', 'A=1\n');
  const around = { env: { USER: 'root\nx', SUDO_USER: 'x | y\nz', LOGNAME: 'a|b' } };
  await project.run(['env', 'encrypt', 'own.env', '--tenant', tenant], around);
  await project.run(['env', 'decrypt', 'own.env.encrypted', '--out', '-', '--tenant', tenant], around);
  await project.run(['env', 'verify', `no such\nfile | x`, '--tenant', tenant], around);
  const lines = linesOf(log);
  expect(lines.length).toBeGreaterThan(0);
  for (const line of lines) {
    expect(line).toMatch(LINE);
    expect(line.split(' | ')).toHaveLength(6);
    expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  }
  const shown = await project.run(['ledger', 'list']);
  expect(shown.status, shown.stderr).toBe(0);
  expect(shown.stdout).not.toMatch(/[^\P{Cc}\n]|[\u202E\u2028]/u);
  expect(shown.stdout.split('\n').filter((line) => line.startsWith('2025-10-06'))).toEqual([]);
});
