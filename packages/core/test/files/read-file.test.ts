import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, linkSync, mkdirSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

import { expect, test } from 'vitest';

import { identityOf, readRegularFile, sameIdentity } from '../../src/files/index.ts';
import { asRefusal, refusalOf } from './refusal.ts';
import { isRoot, scratchDirectory } from './scratch.ts';

const child = fileURLToPath(new URL('child.ts', import.meta.url));

test('a file is read with its bytes, mode, owner, links and identity', () => {
  const path = join(scratchDirectory(), '.env');
  const bytes = Buffer.from([0, 255, 10, 13, 10]);
  writeFileSync(path, bytes);
  chmodSync(path, 0o640);
  linkSync(path, `${path}.other`);
  const file = readRegularFile(path, 'refuse');
  expect(file.bytes.equals(bytes)).toBe(true);
  expect(file.bytes.buffer.byteLength).toBe(bytes.length);
  expect(file).toMatchObject({ mode: 0o640, uid: process.getuid!(), gid: process.getgid!(), links: 2 });
  expect(sameIdentity(file.identity, identityOf(path)!)).toBe(true);
});

test('an empty file is read', () => {
  const path = join(scratchDirectory(), 'empty');
  writeFileSync(path, '');
  expect(readRegularFile(path, 'refuse').bytes).toHaveLength(0);
});

test.for([
  ['spaces', ' a b '],
  ['a line break', 'a\nb'],
  ['leading dots', '..env'],
  ['a non-ASCII letter', 'ключ'],
  ['a quote', 'a"b'],
])('a name with %s is read', ([, name]) => {
  const path = join(scratchDirectory(), name!);
  writeFileSync(path, 'x');
  expect(readRegularFile(path, 'refuse').bytes.toString()).toBe('x');
});

test('a path through `..` after a symbolic link leads where the kernel says', () => {
  const directory = scratchDirectory();
  mkdirSync(join(directory, 'far/deep'), { recursive: true });
  symlinkSync('far/deep', join(directory, 'link'));
  writeFileSync(join(directory, 'far/x'), 'far');
  writeFileSync(join(directory, 'x'), 'near');
  expect(readRegularFile(`${directory}/link/../x`, 'refuse').bytes.toString()).toBe('far');
});

test('what is missing is not found', () => {
  const directory = scratchDirectory();
  const path = join(directory, 'none');
  expect(refusalOf(() => readRegularFile(path, 'refuse'))).toEqual({
    code: 'not-found',
    message: `${path} was not read: it does not exist`,
    hint: 'check the path',
  });
  writeFileSync(path, '');
  expect(refusalOf(() => readRegularFile(`${path}/x`, 'refuse'))).toEqual({
    code: 'not-found',
    message: `${path}/x was not read: a part of its path is not a directory`,
    hint: 'check the path',
  });
  expect(refusalOf(() => readRegularFile('a\0b', 'refuse'))).toEqual({
    code: 'not-found',
    message: '"a\\u{0}b" was not read: no path can hold a NUL',
    hint: 'check the path',
  });
});

test('a name that would break or forge a line of output is shown escaped', () => {
  const path = `${scratchDirectory()}/\u{1b}[2Ka\n"b\u{202e}`;
  expect(refusalOf(() => readRegularFile(path, 'refuse')).message).toMatch(/^"\/.*\/\\u\{1b\}\[2Ka\\u\{a\}\\"b\\u\{202e\}" was not read: /);
});

test('a symbolic link is followed or refused, as asked', () => {
  const directory = scratchDirectory();
  const link = join(directory, 'link');
  writeFileSync(join(directory, 'file'), 'x');
  symlinkSync('file', link);
  const followed = readRegularFile(link, 'follow');
  expect(followed.bytes.toString()).toBe('x');
  expect(sameIdentity(followed.identity, identityOf(join(directory, 'file'))!)).toBe(true);
  expect(refusalOf(() => readRegularFile(link, 'refuse'))).toEqual({
    code: 'not-a-file',
    message: `${link} is a symbolic link`,
    hint: 'name the file that it points to',
  });
});

test('a link to nothing and a link to itself say so', () => {
  const directory = scratchDirectory();
  const link = join(directory, 'link');
  symlinkSync('gone', link);
  expect(refusalOf(() => readRegularFile(link, 'follow'))).toEqual({
    code: 'not-found',
    message: `${link} is a symbolic link to nothing`,
    hint: 'restore the file that it points to, or remove the link',
  });
  expect(refusalOf(() => readRegularFile(link, 'refuse')).message).toBe(`${link} is a symbolic link`);
  const circle = join(directory, 'circle');
  symlinkSync('circle', circle);
  expect(refusalOf(() => readRegularFile(circle, 'follow'))).toMatchObject({
    code: 'not-a-file',
    message: `${circle} was not read: its symbolic links lead in a circle`,
  });
});

test('a directory, a FIFO, a socket and a device are refused by name, and none of them hangs', async () => {
  const directory = scratchDirectory();
  const fifo = join(directory, 'fifo');
  const socket = join(directory, 'socket');
  execFileSync('mkfifo', [fifo]);
  const server = createServer().listen(socket);
  await new Promise((resolve) => server.on('listening', resolve));
  const messages = [directory, fifo, socket, '/dev/null'].map((path) => refusalOf(() => readRegularFile(path, 'follow')));
  server.close();
  expect(messages.map(({ code }) => code)).toEqual(Array(4).fill('not-a-file'));
  expect(messages.map(({ message }) => message)).toEqual([
    `${directory} is a directory`,
    `${fifo} is a FIFO (a pipe)`,
    `${socket} is a socket`,
    '/dev/null is a character device',
  ]);
});

test('a file too large is refused before it is read', () => {
  const path = join(scratchDirectory(), 'large');
  writeFileSync(path, 'x');
  truncateSync(path, 64 * 1024 * 1024 + 1);
  expect(refusalOf(() => readRegularFile(path, 'refuse'))).toEqual({
    code: 'too-large',
    message: `${path} has 67108865 bytes, at most 67108864 are read`,
    hint: 'check that it is the right file',
  });
  truncateSync(path, 3);
  expect(readRegularFile(path, 'refuse', 3).bytes).toHaveLength(3);
  expect(refusalOf(() => readRegularFile(path, 'refuse', 2)).code).toBe('too-large');
});

test.skipIf(process.platform !== 'linux')('a file that has more than its size says is a conflict, not half a file (needs Linux)', () => {
  expect(refusalOf(() => readRegularFile('/proc/self/status', 'refuse'))).toEqual({
    code: 'conflict',
    message: '/proc/self/status changed while it was read',
    hint: 'run it again when nothing else writes to the file',
  });
});

test('a file that is written to while it is read is a conflict, though it keeps its size', async () => {
  const path = join(scratchDirectory(), 'file');
  writeFileSync(path, Buffer.alloc(16 * 1024 * 1024));
  const writer = new Worker(
    `const { openSync, writeSync } = require('node:fs');
     const fd = openSync(require('node:worker_threads').workerData, 'r+');
     require('node:worker_threads').parentPort.postMessage('writing');
     for (;;) writeSync(fd, 'x', 0);`,
    { eval: true, workerData: path },
  );
  await once(writer, 'message');
  const conflict = (): boolean => {
    try {
      readRegularFile(path, 'refuse');
      return false;
    } catch (error) {
      return asRefusal(error).code === 'conflict';
    }
  };
  let found = false;
  for (let i = 0; i < 100 && !found; i++) found = conflict();
  await writer.terminate();
  expect(found).toBe(true);
});

test('an unreadable file says that permission is denied', () => {
  const path = join(scratchDirectory(), 'secret');
  writeFileSync(path, 'x');
  chmodSync(path, isRoot ? 0o600 : 0o000);
  const run = spawnSync(process.execPath, ['--conditions=lockfast-source', child, 'read', path], {
    encoding: 'utf8',
    env: { ...process.env, LOCKFAST_TEST_UID: '65534' },
  });
  expect(JSON.parse(run.stdout)).toEqual({
    code: 'permission-denied',
    message: `${path} was not read: permission is denied`,
    hint: 'run it as the owner, or change the permissions',
  });
});

test('every kind of change changes the identity', () => {
  const path = join(scratchDirectory(), 'file');
  writeFileSync(path, 'one');
  const time = new Date(1_700_000_000_000);
  utimesSync(path, time, time);
  const first = identityOf(path)!;
  expect(sameIdentity(first, identityOf(path)!)).toBe(true);

  const changes: readonly (() => void)[] = [
    () => writeFileSync(path, 'two'),
    () => {
      // The ctime tells on one who sets the mtime back.
      writeFileSync(path, 'six');
      utimesSync(path, time, time);
    },
    () => chmodSync(path, 0o600),
    () => chownSync(path, process.getuid!(), process.getgid!()),
    () => linkSync(path, `${path}.other`),
  ];
  for (const change of changes) {
    const before = identityOf(path)!;
    // Older kernels stamp files with the last tick of their clock.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 12);
    change();
    expect(sameIdentity(before, identityOf(path)!), change.toString()).toBe(false);
  }
});

test('what has no name has no identity, and a link has its own', () => {
  const directory = scratchDirectory();
  const link = join(directory, 'link');
  expect(identityOf(link)).toBeUndefined();
  symlinkSync('gone', link);
  expect(identityOf(link)).toBeDefined();
});
