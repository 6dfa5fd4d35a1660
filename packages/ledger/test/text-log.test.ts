import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { isRoot, missingForMounting, mountSmallDisk } from '@lockfast/testkit';

import type { LedgerEntry } from '../src/entry.ts';
import { textLine, TextLog } from '../src/text-log.ts';
import { refusalOf, scratchDirectory } from './scratch.ts';

const ENTRY: LedgerEntry = {
  v: 1,
  kind: 'outcome',
  time: '2025-10-06T10:15:23.456Z',
  actor: { user: 'root', uid: 0, sudo: 'deploy', host: 'h', pid: 1, program: 'lockfast env decrypt' },
  operation: 'decrypt',
  object: '/srv/a/.env.encrypted',
  tenant: 'wip.example.com',
  outcome: 'success',
};

function newLog(): { path: string; log: TextLog } {
  const path = join(scratchDirectory(), 'lockfast.log');
  const log = new TextLog(path);
  onTestFinished(() => log.close());
  return { path, log };
}

test('[E14] a line has the form of the documents, and names the person behind sudo', () => {
  expect(textLine(ENTRY)).toBe('2025-10-06 10:15:23 | INFO | DECRYPT | wip.example.com | deploy | SUCCESS');
  const { sudo: _, ...actor } = ENTRY.actor;
  const { tenant: __, ...untenanted } = ENTRY;
  expect(textLine({ ...untenanted, actor, operation: 'key-rotate', outcome: 'failure' })).toBe('2025-10-06 10:15:23 | ERROR | KEY-ROTATE | - | root | FAILURE');
  expect(textLine({ ...ENTRY, outcome: 'refused' })).toBe('2025-10-06 10:15:23 | WARNING | DECRYPT | wip.example.com | deploy | REFUSED');
  expect(textLine({ ...ENTRY, outcome: 'interrupted' })).toBe('2025-10-06 10:15:23 | WARNING | DECRYPT | wip.example.com | deploy | INTERRUPTED');
});

test.each([
  ['a\n2025-10-06 10:15:23 | INFO | DECRYPT | x | root | SUCCESS', 'a\\u{a}2025-10-06 10:15:23 \\u{7c} INFO \\u{7c} DECRYPT \\u{7c} x \\u{7c} root \\u{7c} SUCCESS'],
  ['a | b', 'a \\u{7c} b'],
  ['a\r\u0000\u001B[2J\u0085\u2028', 'a\\u{d}\\u{0}\\u{1b}[2J\\u{85}\\u{2028}'],
  ['\u202Egpj.exe\u200B', '\\u{202e}gpj.exe\\u{200b}'],
  ['\uD800', '\\u{d800}'],
  ['a\\u{a}', 'a\\u{5c}u{a}'],
  ['', '-'],
  ['  ', '-'],
  ['münchen 🔑', 'münchen 🔑'],
])('[E14] a tenant named %j makes one field of one line', (tenant, shown) => {
  const line = textLine({ ...ENTRY, tenant });
  expect(line).toBe(`2025-10-06 10:15:23 | INFO | DECRYPT | ${shown} | deploy | SUCCESS`);
  expect(line.split(' | ').length).toBe(6);
});

test('the file is made 0640 whatever the umask is, and one that is there keeps mode and lines', () => {
  const { path, log } = newLog();
  const usual = process.umask(0o077);
  try {
    log.write(['a']);
  } finally {
    process.umask(usual);
  }
  expect((statSync(path).mode & 0o777).toString(8)).toBe('640');
  chmodSync(path, 0o600);
  log.close();
  log.write(['b', 'c']);
  expect((statSync(path).mode & 0o777).toString(8)).toBe('600');
  expect(readFileSync(path, 'utf8')).toBe('a\nb\nc\n');
});

test('[E14] after logrotate moved the file, lines go into the new one', () => {
  const { path, log } = newLog();
  log.write(['a']);
  renameSync(path, `${path}.1`);
  log.write(['b']);
  // As logrotate does it with `create`.
  renameSync(path, `${path}.2`);
  writeFileSync(path, '', { mode: 0o600 });
  log.write(['c']);
  rmSync(path);
  log.write(['d']);
  expect([`${path}.1`, `${path}.2`, path].map((file) => readFileSync(file, 'utf8'))).toEqual(['a\n', 'b\n', 'd\n']);
});

test('[E14] after logrotate cut the file, lines begin at its start', () => {
  const { path, log } = newLog();
  log.write(['a long line that was there']);
  truncateSync(path, 0);
  log.write(['b']);
  expect(readFileSync(path)).toEqual(Buffer.from('b\n'));
});

const LOGROTATE = ['/usr/sbin/logrotate', '/sbin/logrotate'].find(existsSync);

test.skipIf(LOGROTATE === undefined).each(['create', 'copytruncate'])(`the real logrotate, with %s, loses no line${LOGROTATE === undefined ? ' (needs logrotate)' : ''}`, (how) => {
  const { path, log } = newLog();
  const configuration = join(path, '../logrotate.conf');
  writeFileSync(configuration, `${path} {\n  rotate 5\n  ${how}\n  missingok\n}\n`, { mode: 0o644 });
  for (let i = 0; i < 3; i++) {
    log.write([`line ${i}`]);
    expect(spawnSync(LOGROTATE!, ['-f', '-s', join(path, '../state'), configuration], { encoding: 'utf8' })).toMatchObject({ status: 0 });
  }
  log.write(['line 3']);
  expect([`${path}.3`, `${path}.2`, `${path}.1`, path].map((file) => readFileSync(file, 'utf8'))).toEqual(['line 0\n', 'line 1\n', 'line 2\n', 'line 3\n']);
});

test('what is no regular file is refused, without waiting for a reader of a pipe', async () => {
  const directory = scratchDirectory();
  mkdirSync(join(directory, 'directory'));
  symlinkSync('/etc/passwd', join(directory, 'link'));
  spawnSync('mkfifo', [join(directory, 'pipe')]);
  for (const name of ['directory', 'link', 'pipe', 'none/log']) {
    const log = new TextLog(join(directory, name));
    const refusal = await refusalOf((async () => log.prepare())());
    expect(refusal).toMatchObject({ code: 'ledger-unavailable' });
    expect(refusal.message).toContain(`the text log ${directory}/${name} was not written: `);
  }
  expect((await refusalOf((async () => new TextLog('/dev/null').prepare())())).message).toContain('it is not a regular file');
});

const missing = missingForMounting();
test.skipIf(missing !== undefined)(`a full disk is told, and the next line does not continue a torn one${missing === undefined ? '' : ` (${missing})`}`, async () => {
  const disk = join(scratchDirectory(), 'disk');
  onTestFinished(mountSmallDisk(disk));
  const filler = join(disk, 'filler');
  writeFileSync(filler, Buffer.alloc(56 * 1024));
  const log = new TextLog(join(disk, 'log'));
  onTestFinished(() => log.close());
  expect(await refusalOf((async () => log.write(Array.from({ length: 40 }, () => 'x'.repeat(999))))())).toMatchObject({ code: 'ledger-unavailable' });
  const torn = readFileSync(join(disk, 'log'), 'utf8');
  expect(torn.endsWith('\n')).toBe(false);
  rmSync(filler);
  log.write(['after']);
  expect(readFileSync(join(disk, 'log'), 'utf8')).toBe(`${torn}\nafter\n`);
});

test.skipIf(missing !== undefined)(`[E14] half a line that another process left on a full disk is not continued, and all of the log stays${missing === undefined ? '' : ` (${missing})`}`, () => {
  const disk = join(scratchDirectory(), 'disk');
  onTestFinished(mountSmallDisk(disk));
  const [filler, path] = [join(disk, 'filler'), join(disk, 'log')];
  const lines = Array.from({ length: 40 }, (_, i) => `${i} ${'x'.repeat(995)}`);
  // Open from before: it has not seen what the other one left.
  const early = new TextLog(path);
  onTestFinished(() => early.close());
  early.write(['first']);
  writeFileSync(filler, Buffer.alloc(48 * 1024));
  expect(writeElsewhere(path, lines)).toBe('ledger-unavailable');
  const torn = readFileSync(path, 'utf8');
  expect(torn.endsWith('\n')).toBe(false);
  expect(lines.some((line) => line.startsWith(torn.split('\n').at(-1)!))).toBe(true);
  rmSync(filler);
  early.write(['after']);
  expect(writeElsewhere(path, ['then', 'and then'])).toBe('');
  expect(readFileSync(path, 'utf8')).toBe(`${torn}\nafter\nthen\nand then\n`);
});

test.skipIf(!isRoot)('a log that may be written and not read is written', () => {
  const path = join(scratchDirectory(), 'log');
  writeFileSync(path, 'a\n');
  chownSync(path, 65_534, 65_534);
  chmodSync(path, 0o200);
  expect(writeElsewhere(path, ['b'], 65_534)).toBe('');
  expect(readFileSync(path, 'utf8')).toBe('a\nb\n');
});

/** @returns the code of the refusal, or nothing */
function writeElsewhere(path: string, lines: readonly string[], uid?: number): string {
  const script = `
    const { TextLog } = await import(${JSON.stringify(new URL('../src/text-log.ts', import.meta.url).href)});
    const [path, uid, ...lines] = process.argv.slice(1);
    if (uid !== '') process.setuid(Number(uid));
    try {
      new TextLog(path).write(lines);
    } catch (error) {
      process.stdout.write(error.code);
    }`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--conditions=lockfast-source', '--input-type=module', '--eval', script, path, String(uid ?? ''), ...lines], { encoding: 'utf8' });
  expect(stderr).toBe('');
  return stdout;
}
