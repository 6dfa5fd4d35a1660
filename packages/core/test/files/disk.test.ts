/** What the disk refuses: the old file stays, nothing is left beside it, and the message says what to do. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

import { identityOf, removeDurably, withFileLock, writeDurably } from '../../src/files/index.ts';
import { laterRefusalOf, refusalOf } from './refusal.ts';
import { entriesOf, missingForMounting, scratchDirectory, smallDisk } from './scratch.ts';

const missing = missingForMounting();
const because = missing === undefined ? '' : ` (${missing})`;
const child = fileURLToPath(new URL('child.ts', import.meta.url));

test.skipIf(missing !== undefined)(`a full disk${because}`, async () => {
  const disk = smallDisk();
  const path = join(disk, 'file');
  const old = Buffer.alloc(20_000, 'old');
  writeFileSync(path, old);
  const expected = identityOf(path)!;
  expect(refusalOf(() => writeDurably({ path, bytes: Buffer.alloc(100_000, 'new'), mode: 0o600, expected }))).toEqual({
    code: 'write-failed',
    message: `${path} was not written: the disk is full`,
    hint: 'free space (or inodes) on that file system, then run it again',
  });
  expect(readFileSync(path).equals(old)).toBe(true);
  expect(entriesOf(disk)).toEqual(['file']);
  // Locking and replacing by something smaller still work: the lock takes no block.
  await withFileLock(join(disk, 'state'), path, () => writeDurably({ path, bytes: Buffer.from('small'), mode: 0o600, expected }));
  expect(readFileSync(path, 'utf8')).toBe('small');
});

test.skipIf(missing !== undefined)(`a lock on a disk that is full to the last block${because}`, async () => {
  const disk = smallDisk();
  mkdirSync(join(disk, 'state/locks'), { recursive: true });
  try {
    writeFileSync(join(disk, 'filler'), Buffer.alloc(100_000));
  } catch {}
  expect(await withFileLock(join(disk, 'state'), join(disk, 'file'), () => 'ran')).toBe('ran');
});

test.skipIf(missing !== undefined)(`a read-only file system${because}`, async () => {
  const disk = smallDisk();
  const path = join(disk, 'file');
  writeFileSync(path, 'old\n');
  const expected = identityOf(path)!;
  execFileSync('mount', ['-o', 'remount,ro', disk]);
  const write = { path, bytes: Buffer.from('new\n'), mode: 0o600, expected };
  expect(refusalOf(() => writeDurably(write))).toEqual({
    code: 'write-failed',
    message: `no temporary file can be made beside ${path}: the file system is read-only`,
    hint: 'remount it writable, or choose another place',
  });
  expect(refusalOf(() => removeDurably(path, expected))).toMatchObject({
    code: 'write-failed',
    message: `${path} was not removed: the file system is read-only`,
  });
  expect(await laterRefusalOf(withFileLock(join(disk, 'state'), path, () => 'ran'))).toMatchObject({
    code: 'write-failed',
    message: `no lock can be made in the state directory ${disk}/state: the file system is read-only`,
  });
  expect(readFileSync(path, 'utf8')).toBe('old\n');
});

test.skipIf(missing !== undefined)(`a single file mounted as Docker does, which can not be replaced${because}`, () => {
  const disk = smallDisk();
  const outside = join(scratchDirectory(), 'outside');
  const path = join(disk, 'file');
  writeFileSync(path, '');
  writeFileSync(outside, 'old\n');
  execFileSync('mount', ['--bind', outside, path]);
  try {
    expect(refusalOf(() => writeDurably({ path, bytes: Buffer.from('new\n'), mode: 0o600, expected: identityOf(path)! }))).toEqual({
      code: 'write-failed',
      message: `${path} was not written: it is in use as a mount point`,
      hint: 'mount its directory instead of the file',
    });
    expect(readFileSync(path, 'utf8')).toBe('old\n');
    expect(entriesOf(disk)).toEqual(['file']);
  } finally {
    execFileSync('umount', [path]);
  }
});

test('a limit that cuts a write short', () => {
  const directory = scratchDirectory();
  const path = join(directory, 'file');
  writeFileSync(path, 'old\n');
  // `ulimit -f 8`: 8 blocks of 512 or 1,024 bytes. The first write takes that much, the second is refused.
  const run = spawnSync(
    'sh',
    ['-c', 'ulimit -f 8; exec "$@"', 'sh', process.execPath, '--conditions=lockfast-source', child, 'replace', path, join(directory, 'state'), 'n'.repeat(20_000)],
    { encoding: 'utf8' },
  );
  expect(JSON.parse(run.stdout)).toEqual({
    code: 'write-failed',
    message: `${path} was not written: it is larger than files may be here`,
    hint: 'raise the limit (`ulimit -f`), then run it again',
  });
  expect(readFileSync(path, 'utf8')).toBe('old\n');
  expect(entriesOf(directory)).toEqual(['file', 'state']);
});
