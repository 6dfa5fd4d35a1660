/** Several files at once: each as `writeDurably` would put it in place, whatever happens to the others. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { placeAll, readFileStart, readRegularFile, stage } from '../../src/files/index.ts';
import { refusalOf } from './refusal.ts';
import { entriesOf, modeOf, scratchDirectory } from './scratch.ts';

function files(directory: string, ...names: readonly string[]): string[] {
  return names.map((name) => {
    const path = join(directory, name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, `old ${name}`, { mode: 0o400 });
    return path;
  });
}

function stageNew(path: string, mode = 0o400): ReturnType<typeof stage> {
  const { identity } = readRegularFile(path, 'refuse');
  return stage({ path, bytes: Buffer.from(`new ${path}`), mode, expected: identity });
}

test('until they are placed the targets stay; then each has its own bytes and mode, and nothing is left beside them', async () => {
  const directory = scratchDirectory();
  const paths = files(directory, 'a/1', 'a/2', 'b/1');
  const staged = paths.map((path) => stageNew(path, 0o440));
  expect(readFileSync(paths[0]!, 'utf8')).toBe('old a/1');
  expect(await placeAll(staged)).toEqual([undefined, undefined, undefined]);
  for (const path of paths) expect([readFileSync(path, 'utf8'), modeOf(path)]).toEqual([`new ${path}`, '440']);
  expect([entriesOf(join(directory, 'a')), entriesOf(join(directory, 'b'))]).toEqual([['1', '2'], ['1']]);
});

test('one that was changed or removed meanwhile is refused, and the others are placed', async () => {
  const directory = scratchDirectory();
  const paths = files(directory, 'a', 'b', 'c');
  const staged = paths.map((path) => stageNew(path));
  chmodSync(paths[1]!, 0o600);
  writeFileSync(paths[1]!, 'mine');
  const [a, b, c] = await placeAll(staged);
  expect([a, c]).toEqual([undefined, undefined]);
  expect(b).toMatchObject({ code: 'conflict' });
  expect(paths.map((path) => readFileSync(path, 'utf8'))).toEqual([`new ${paths[0]}`, 'mine', `new ${paths[2]}`]);
  expect(entriesOf(directory)).toEqual(['a', 'b', 'c']);
});

test('what was changed before it is staged, or has no directory, is refused at once, and nothing is left', () => {
  const directory = scratchDirectory();
  const [path] = files(directory, 'a') as [string];
  const { identity } = readRegularFile(path, 'refuse');
  chmodSync(path, 0o600);
  expect(refusalOf(() => stage({ path, bytes: Buffer.from('new'), mode: 0o400, expected: identity })).code).toBe('conflict');
  expect(refusalOf(() => stage({ path: join(directory, 'none/a'), bytes: Buffer.from('new'), mode: 0o400, expected: identity })).code).toBe('not-found');
  expect(entriesOf(directory)).toEqual(['a']);
});

test('none at all is nothing to do', async () => {
  expect(await placeAll([])).toEqual([]);
});

test('the start of a file: as much as was asked for, all of a shorter one; what is no file is refused', () => {
  const directory = scratchDirectory();
  const [path] = files(directory, 'file') as [string];
  expect(readFileStart(path, 'refuse', 3).toString()).toBe('old');
  expect(readFileStart(path, 'refuse', 100).toString()).toBe('old file');
  expect(refusalOf(() => readFileStart(directory, 'follow', 3)).code).toBe('not-a-file');
  expect(refusalOf(() => readFileStart(join(directory, 'none'), 'follow', 3)).code).toBe('not-found');
});
