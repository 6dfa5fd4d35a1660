import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, linkSync, lstatSync, mkdirSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

import { identityOf, readRegularFile, removeDurably, writeDurably } from '../../src/files/index.ts';
import { refusalOf } from './refusal.ts';
import { entriesOf, isRoot, modeOf, scratchDirectory } from './scratch.ts';

const child = fileURLToPath(new URL('child.ts', import.meta.url));
const NOBODY = 65534;
const bytes = Buffer.from('new\n');

test('a new file has the mode asked for, under any umask', () => {
  const directory = scratchDirectory();
  const usual = process.umask(0o000);
  try {
    writeDurably({ path: join(directory, 'open'), bytes, mode: 0o600, expected: 'absent' });
    process.umask(0o077);
    writeDurably({ path: join(directory, 'narrow'), bytes, mode: 0o644, expected: 'absent' });
  } finally {
    process.umask(usual);
  }
  expect(modeOf(join(directory, 'open'))).toBe('600');
  expect(modeOf(join(directory, 'narrow'))).toBe('644');
  expect(readFileSync(join(directory, 'open'))).toEqual(bytes);
  expect(lstatSync(join(directory, 'open')).nlink).toBe(1);
  expect(entriesOf(directory)).toEqual(['narrow', 'open']);
});

test('a file that is what was read is replaced', () => {
  const directory = scratchDirectory();
  const path = join(directory, '.env');
  writeFileSync(path, 'old\n');
  chmodSync(path, 0o640);
  const old = readRegularFile(path, 'refuse');
  writeDurably({ path, bytes, mode: old.mode, owner: old, expected: old.identity });
  expect(readFileSync(path)).toEqual(bytes);
  expect(modeOf(path)).toBe('640');
  expect(entriesOf(directory)).toEqual(['.env']);
});

test('`anything` replaces and creates, and an empty file can be written', () => {
  const path = join(scratchDirectory(), 'file');
  writeDurably({ path, bytes, mode: 0o600, expected: 'anything' });
  writeDurably({ path, bytes: Buffer.alloc(0), mode: 0o600, expected: 'anything' });
  expect(readFileSync(path)).toHaveLength(0);
});

test('several megabytes arrive whole', () => {
  const path = join(scratchDirectory(), 'file');
  const large = Buffer.alloc(5_000_001, 'lockfast');
  writeDurably({ path, bytes: large, mode: 0o600, expected: 'absent' });
  expect(readFileSync(path).equals(large)).toBe(true);
});

test('a file that exists is not overwritten when none was expected', () => {
  const directory = scratchDirectory();
  const path = join(directory, 'file');
  writeFileSync(path, 'old\n');
  expect(refusalOf(() => writeDurably({ path, bytes, mode: 0o600, expected: 'absent' }))).toEqual({
    code: 'exists',
    message: `${path} exists already`,
    hint: 'choose another name, or replace it where the command has --force',
  });
  expect(readFileSync(path, 'utf8')).toBe('old\n');
  expect(entriesOf(directory)).toEqual(['file']);
});

test('a file that someone changed or removed meanwhile is a conflict', () => {
  const directory = scratchDirectory();
  const path = join(directory, 'file');
  writeFileSync(path, 'old\n');
  const { identity } = readRegularFile(path, 'refuse');
  writeFileSync(path, "someone else's\n");
  expect(refusalOf(() => writeDurably({ path, bytes, mode: 0o600, expected: identity }))).toEqual({
    code: 'conflict',
    message: `${path} was changed after it was read`,
    hint: 'run it again: it starts from the new content',
  });
  expect(readFileSync(path, 'utf8')).toBe("someone else's\n");
  rmSync(path);
  expect(refusalOf(() => writeDurably({ path, bytes, mode: 0o600, expected: identity }))).toEqual({
    code: 'conflict',
    message: `${path} was removed after it was read`,
    hint: 'run it again',
  });
  expect(entriesOf(directory)).toEqual([]);
});

test('a change that comes while the new bytes are written is still a conflict', () => {
  const directory = scratchDirectory();
  const path = join(directory, 'file');
  writeFileSync(path, 'old\n');
  const identity = identityOf(path)!;
  let comparisons = 0;
  const expected = {
    ...identity,
    // Read by the first comparison, after it looked at the file.
    get dev(): bigint {
      comparisons += 1;
      if (comparisons === 1) writeFileSync(path, "someone else's\n");
      return identity.dev;
    },
  };
  expect(refusalOf(() => writeDurably({ path, bytes, mode: 0o600, expected }))).toMatchObject({
    code: 'conflict',
    message: `${path} was changed after it was read`,
  });
  expect(comparisons).toBe(2);
  expect(readFileSync(path, 'utf8')).toBe("someone else's\n");
  expect(entriesOf(directory)).toEqual(['file']);
});

test('a symbolic link, dangling or not, and what is no file are refused as targets and stay', () => {
  const directory = scratchDirectory();
  const [file, link, dangling, folder, fifo] = ['file', 'link', 'dangling', 'folder', 'fifo'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
    string,
    string,
  ];
  writeFileSync(file, 'old\n');
  symlinkSync('file', link);
  symlinkSync('nothing', dangling);
  mkdirSync(folder);
  execFileSync('mkfifo', [fifo]);
  const before = entriesOf(directory);
  const refusals = [link, dangling, folder, fifo].flatMap((path) =>
    (['absent', 'anything', identityOf(path)!] as const).map((expected) => refusalOf(() => writeDurably({ path, bytes, mode: 0o600, expected }))),
  );
  expect(refusals.map(({ code }) => code)).toEqual(Array(12).fill('not-a-file'));
  expect([...new Set(refusals.map(({ message }) => message))]).toEqual([
    `${link} is a symbolic link`,
    `${dangling} is a symbolic link`,
    `${folder} is a directory`,
    `${fifo} is a FIFO (a pipe)`,
  ]);
  expect(readFileSync(file, 'utf8')).toBe('old\n');
  expect(readlinkSync(link)).toBe('file');
  expect(entriesOf(directory)).toEqual(before);
});

test('a path that can only name a directory is refused', () => {
  const directory = scratchDirectory();
  for (const path of [`${directory}/x/`, `${directory}/..`, `${directory}/.`, '/', '..', '']) {
    expect(refusalOf(() => writeDurably({ path, bytes, mode: 0o600, expected: 'absent' }))).toEqual({
      code: 'not-a-file',
      message: `${path === '' ? '""' : path} names a directory`,
      hint: 'name a file in it',
    });
  }
  expect(entriesOf(directory)).toEqual([]);
});

test('a missing directory is named', () => {
  const directory = scratchDirectory();
  expect(refusalOf(() => writeDurably({ path: `${directory}/none/x`, bytes, mode: 0o600, expected: 'absent' }))).toEqual({
    code: 'not-found',
    message: `the directory ${directory}/none can not be opened: it does not exist`,
    hint: 'check the path',
  });
});

test('a directory that may not be written is refused, and nothing is left', () => {
  const directory = scratchDirectory();
  const path = join(directory, 'file');
  writeFileSync(path, 'old\n', { mode: 0o644 });
  if (!isRoot) chmodSync(directory, 0o555);
  const run = spawnSync(process.execPath, ['--conditions=lockfast-source', child, 'write', path], {
    encoding: 'utf8',
    env: { ...process.env, LOCKFAST_TEST_UID: String(NOBODY) },
  });
  expect(JSON.parse(run.stdout)).toEqual({
    code: 'permission-denied',
    message: `no temporary file can be made beside ${path}: permission is denied`,
    hint: 'run it as the owner, or change the permissions',
  });
  expect(readFileSync(path, 'utf8')).toBe('old\n');
  expect(entriesOf(directory)).toEqual(['file']);
  chmodSync(directory, 0o755);
});

test.skipIf(!isRoot)('root keeps the owner and the group of a file (needs root)', () => {
  const path = join(scratchDirectory(), 'file');
  writeFileSync(path, 'old\n');
  chownSync(path, NOBODY, 12345);
  chmodSync(path, 0o640);
  const old = readRegularFile(path, 'refuse');
  writeDurably({ path, bytes, mode: old.mode, owner: old, expected: old.identity });
  expect(lstatSync(path)).toMatchObject({ uid: NOBODY, gid: 12345 });
  expect(modeOf(path)).toBe('640');
});

test.skipIf(!isRoot)('one who may not keep the owner is refused, and nothing is left (needs root)', () => {
  const directory = scratchDirectory();
  chownSync(directory, NOBODY, NOBODY);
  const path = join(directory, 'file');
  writeFileSync(path, 'old\n', { mode: 0o644 });
  const run = spawnSync(process.execPath, ['--conditions=lockfast-source', child, 'write', path], {
    encoding: 'utf8',
    env: { ...process.env, LOCKFAST_TEST_UID: String(NOBODY) },
  });
  expect(JSON.parse(run.stdout)).toEqual({
    code: 'permission-denied',
    message: `${path} was not written: it belongs to user 0 and group 0, and this process may not keep it so`,
    hint: 'run it as that user, or as root',
  });
  expect(readFileSync(path, 'utf8')).toBe('old\n');
  expect(entriesOf(directory)).toEqual(['file']);
});

test.skipIf(!isRoot)('a group that one is not in is given up where the group gets nothing, and kept from being given up where it does (needs root)', () => {
  const directory = scratchDirectory();
  chownSync(directory, NOBODY, NOBODY);
  const path = join(directory, 'file');
  const write = (): unknown => {
    const run = spawnSync(process.execPath, ['--conditions=lockfast-source', child, 'write', path], { encoding: 'utf8', env: { ...process.env, LOCKFAST_TEST_UID: String(NOBODY) } });
    return run.stdout === 'done\n' ? 'done' : JSON.parse(run.stdout);
  };
  writeFileSync(path, 'old\n', { mode: 0o640 });
  chownSync(path, NOBODY, 0);
  chmodSync(path, 0o640);
  expect(write()).toMatchObject({ code: 'permission-denied' });
  expect(readFileSync(path, 'utf8')).toBe('old\n');
  chmodSync(path, 0o600);
  expect(write()).toBe('done');
  expect(statSync(path)).toMatchObject({ uid: NOBODY, gid: NOBODY });
  expect(entriesOf(directory)).toEqual(['file']);
});

test('another hard link keeps the old bytes, and reading tells of it beforehand', () => {
  const directory = scratchDirectory();
  const path = join(directory, 'file');
  writeFileSync(path, 'old\n');
  linkSync(path, `${path}.other`);
  const old = readRegularFile(path, 'refuse');
  expect(old.links).toBe(2);
  writeDurably({ path, bytes, mode: 0o600, expected: old.identity });
  expect(readFileSync(`${path}.other`, 'utf8')).toBe('old\n');
  expect(readFileSync(path)).toEqual(bytes);
});

test.for([
  ['spaces', ' a b '],
  ['a line break', 'a\nb'],
  ['leading dots', '..env'],
  ['a backslash', 'a\\b'],
  ['224 bytes', 'n'.repeat(224)],
])('a name with %s is written, replaced and removed', ([, name]) => {
  const directory = scratchDirectory();
  const path = join(directory, name!);
  writeDurably({ path, bytes: Buffer.from('old'), mode: 0o600, expected: 'absent' });
  writeDurably({ path, bytes, mode: 0o600, expected: identityOf(path)! });
  expect(entriesOf(directory)).toEqual([name]);
  removeDurably(path, identityOf(path)!);
  expect(entriesOf(directory)).toEqual([]);
});

test('a name that leaves no room for a temporary one is refused', () => {
  const directory = scratchDirectory();
  const path = join(directory, 'n'.repeat(225));
  expect(refusalOf(() => writeDurably({ path, bytes, mode: 0o600, expected: 'absent' }))).toEqual({
    code: 'write-failed',
    message: `no temporary file can be made beside ${path}: its name is too long`,
    hint: 'use a name of at most 224 bytes',
  });
});

test('`..` after a symbolic link leads where the kernel says', () => {
  const directory = scratchDirectory();
  mkdirSync(join(directory, 'far/deep'), { recursive: true });
  symlinkSync('far/deep', join(directory, 'link'));
  writeDurably({ path: `${directory}/link/../x`, bytes, mode: 0o600, expected: 'absent' });
  expect(entriesOf(join(directory, 'far'))).toEqual(['deep', 'x']);
  expect(entriesOf(directory)).toEqual(['far', 'link']);
});

test('a removed file is gone; one that changed is kept', () => {
  const directory = scratchDirectory();
  const path = join(directory, 'file');
  writeFileSync(path, 'old\n');
  const seen = identityOf(path)!;
  writeFileSync(path, "someone else's\n");
  expect(refusalOf(() => removeDurably(path, seen))).toEqual({
    code: 'conflict',
    message: `${path} was changed after it was read`,
    hint: 'run it again: it starts from the new content',
  });
  expect(entriesOf(directory)).toEqual(['file']);
  const now = identityOf(path)!;
  removeDurably(path, now);
  expect(entriesOf(directory)).toEqual([]);
  expect(refusalOf(() => removeDurably(path, now))).toEqual({
    code: 'conflict',
    message: `${path} was removed after it was read`,
    hint: 'run it again',
  });
});

test('a link and a directory are not removed', () => {
  const directory = scratchDirectory();
  symlinkSync('nothing', join(directory, 'link'));
  mkdirSync(join(directory, 'folder'));
  for (const [name, kind] of [
    ['link', 'a symbolic link'],
    ['folder', 'a directory'],
  ] as const) {
    const path = join(directory, name);
    expect(refusalOf(() => removeDurably(path, identityOf(path)!))).toMatchObject({ code: 'not-a-file', message: `${path} is ${kind}` });
  }
  expect(entriesOf(directory)).toEqual(['folder', 'link']);
});
