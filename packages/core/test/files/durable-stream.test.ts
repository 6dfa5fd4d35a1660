/** A file that comes in parts: nothing of it is seen before the last one, and nothing stays of what did not come to its end. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { LockfastError } from '../../src/errors.ts';
import { streamDurably, withFileLock } from '../../src/files/index.ts';
import { laterRefusalOf } from './refusal.ts';
import { entriesOf, missingForMounting, modeOf, scratchDirectory, smallDisk } from './scratch.ts';

const missing = missingForMounting();

function place(): { readonly directory: string; readonly state: string; readonly path: string } {
  const directory = scratchDirectory();
  return { directory, state: join(scratchDirectory(), 'state'), path: join(directory, 'file') };
}

async function* lines(count: number, meanwhile: (i: number) => unknown = () => {}): AsyncGenerator<string> {
  for (let i = 0; i < count; i++) {
    await meanwhile(i);
    yield `line ${i}, ключ\n`;
  }
}

test('all parts are there in order, and the name comes with the last one', async () => {
  const { directory, state, path } = place();
  const seen = new Set<string>();
  await streamDurably(state, { path, mode: 0o640, parts: lines(20_000, () => seen.add(entriesOf(directory).join(' '))) });
  expect([...seen]).toEqual([expect.stringMatching(/^\.file\.lockfast-[0-9a-f]{16}\.tmp$/)]);
  expect(readFileSync(path, 'utf8')).toBe(Array.from({ length: 20_000 }, (_, i) => `line ${i}, ключ\n`).join(''));
  expect(entriesOf(directory)).toEqual(['file']);
  expect(modeOf(path)).toBe('640');
});

test('no parts make an empty file', async () => {
  const { path, state } = place();
  await streamDurably(state, { path, mode: 0o600, parts: lines(0) });
  expect(readFileSync(path, 'utf8')).toBe('');
});

test('what is there already stays, also when it came while the parts did', async () => {
  const { directory, state, path } = place();
  expect(await laterRefusalOf(streamDurably(state, { path, mode: 0o600, parts: lines(10, (i) => i === 5 && writeFileSync(path, 'theirs')) }))).toMatchObject({ code: 'exists' });
  expect([entriesOf(directory), readFileSync(path, 'utf8')]).toEqual([['file'], 'theirs']);
  let asked = false;
  expect(await laterRefusalOf(streamDurably(state, { path, mode: 0o600, parts: lines(10, () => (asked = true)) }))).toMatchObject({ code: 'exists' });
  expect(asked).toBe(false);
});

test('parts that end with a refusal leave nothing', async () => {
  const { directory, state, path } = place();
  const refusal = new LockfastError('ledger-unavailable', 'gone', 'run it again');
  const parts = lines(10, (i) => {
    if (i === 5) throw refusal;
  });
  await expect(streamDurably(state, { path, mode: 0o600, parts })).rejects.toBe(refusal);
  expect(entriesOf(directory)).toEqual([]);
});

test('others work in the directory while the parts come; another stream to the same path ends this one', async () => {
  const { directory, state, path } = place();
  const other = async (): Promise<void> => await withFileLock(state, join(directory, 'other'), () => writeFileSync(join(directory, 'other'), ''), 0);
  await streamDurably(state, { path, mode: 0o600, parts: lines(3, other) });
  const second = `${path}-2`;
  const overtaken = streamDurably(state, { path: second, mode: 0o600, parts: lines(3, async (i) => i === 1 && (await streamDurably(state, { path: second, mode: 0o600, parts: lines(1) }))) });
  expect(await laterRefusalOf(overtaken)).toMatchObject({ code: expect.stringMatching(/^(?:conflict|exists)$/) });
  expect(readFileSync(second, 'utf8')).toBe('line 0, ключ\n');
  expect(entriesOf(directory)).toEqual(['file', 'file-2', 'other']);
});

test.skipIf(missing !== undefined)(`on a disk that is full half-way nothing is left${missing === undefined ? '' : ` (${missing})`}`, async () => {
  const disk = smallDisk();
  const path = join(disk, 'file');
  expect(await laterRefusalOf(streamDurably(join(scratchDirectory(), 'state'), { path, mode: 0o600, parts: lines(20_000) }))).toMatchObject({ code: 'write-failed', message: `${path} was not written: the disk is full` });
  expect(entriesOf(disk)).toEqual([]);
});
