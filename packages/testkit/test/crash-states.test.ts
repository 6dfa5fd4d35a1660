/** The enumerator itself: what it must find where syncs are missing, and must not where they are there. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { crashStates, type FileOperation, lastStates, layOutState, missingForTracing, recordFileOperations } from '@lockfast/testkit';
import { expect, onTestFinished, test } from 'vitest';

const OLD = Buffer.from('old');
const NEW = Buffer.alloc(5000, 'n');

function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), 'lockfast-states-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  writeFileSync(join(directory, 'file'), OLD);
  return directory;
}

/** What `file` may hold after a power cut; `none` when it is gone. */
function outcomes(directory: string, operations: readonly FileOperation[]): Set<string> {
  const file = join(directory, 'file');
  return new Set(
    [...crashStates(directory, directory, operations, () => false)].map(({ entries }) => {
      const bytes = entries.get(file)?.bytes;
      if (bytes === undefined) return 'none';
      if (bytes.equals(OLD)) return 'old';
      if (bytes.equals(NEW)) return 'new';
      return bytes.length === 0 ? 'empty' : bytes.every((byte) => byte === 0) ? 'zeros' : 'torn';
    }),
  );
}

function replacing(directory: string, syncs: { readonly file: boolean; readonly directory: boolean }): FileOperation[] {
  const [temp, file] = [join(directory, 'temp'), join(directory, 'file')];
  return [
    { kind: 'create', path: temp, mode: 0o600, empties: false },
    { kind: 'write', path: temp, offset: 0, bytes: NEW },
    ...(syncs.file ? [{ kind: 'sync', path: temp } as const] : []),
    { kind: 'rename', path: temp, to: file },
    ...(syncs.directory ? [{ kind: 'sync', path: directory } as const] : []),
  ];
}

test('a file that is synced before it is renamed is the old or the new one', () => {
  const directory = scratch();
  expect(outcomes(directory, replacing(directory, { file: true, directory: true }))).toEqual(new Set(['old', 'new']));
});

test('one that is not may be empty, zeros or torn', () => {
  const directory = scratch();
  expect(outcomes(directory, replacing(directory, { file: false, directory: true }))).toEqual(new Set(['old', 'new', 'empty', 'zeros', 'torn']));
});

test('without a sync of the directory the rename may be undone at the very end', () => {
  const directory = scratch();
  const atTheEnd = (syncs: boolean): string[] =>
    lastStates(directory, directory, replacing(directory, { file: true, directory: syncs }), () => false).map(({ entries }) => entries.get(join(directory, 'file'))!.bytes!.toString().slice(0, 3));
  expect(atTheEnd(true)).toEqual(['nnn']);
  expect(new Set(atTheEnd(false))).toEqual(new Set(['nnn', 'old']));
});

test('a file in a directory whose own name is not synced may be gone with it', () => {
  const directory = scratch();
  const [below, file] = [join(directory, 'below'), join(directory, 'below/file')];
  const made: FileOperation[] = [
    { kind: 'directory', path: below, mode: 0o700 },
    { kind: 'create', path: file, mode: 0o600, empties: false },
    { kind: 'write', path: file, offset: 0, bytes: NEW },
    { kind: 'sync', path: file },
    { kind: 'sync', path: below },
  ];
  const isThere = (operations: readonly FileOperation[]): boolean[] => lastStates(directory, directory, operations, () => false).map(({ entries }) => entries.has(file));
  expect(new Set(isThere(made))).toEqual(new Set([false, true]));
  expect(isThere([...made, { kind: 'sync', path: directory }])).toEqual([true]);
});

const missing = missingForTracing();

test.skipIf(missing !== undefined)(`a recorded run ends in the state that it left, links and modes included${missing === undefined ? '' : ` (${missing})`}`, async () => {
  const directory = scratch();
  const start = `${directory}.start`;
  onTestFinished(() => rmSync(start, { recursive: true, force: true }));
  execFileSync('cp', ['-a', directory, start]);
  const script = `const fs = require('fs'); const d = ${JSON.stringify(directory)};
    fs.mkdirSync(d + '/sub', 0o700); const fd = fs.openSync(d + '/sub/ä', 'wx', 0o600); fs.writeSync(fd, 'héllo', 0); fs.fchmodSync(fd, 0o400); fs.fsyncSync(fd); fs.closeSync(fd);
    fs.linkSync(d + '/sub/ä', d + '/second'); fs.renameSync(d + '/sub/ä', d + '/file');`;
  const { operations, status } = await recordFileOperations(process.execPath, ['-e', script], { cwd: directory, env: { PATH: process.env['PATH'] }, paths: [directory] });
  expect(status).toBe(0);
  expect(operations.map(({ kind }) => kind)).toEqual(['directory', 'create', 'write', 'mode', 'sync', 'link', 'rename']);
  const states = [...crashStates(directory, start, operations, () => false)];
  const whole = states.find(({ name }) => name === `after ${operations.length} operations`)!;
  layOutState(whole, directory);
  expect(readFileSync(join(directory, 'file'), 'utf8')).toBe('héllo');
  expect(statSync(join(directory, 'file')).mode & 0o777).toBe(0o400);
  expect(statSync(join(directory, 'file')).ino).toBe(statSync(join(directory, 'second')).ino);
  expect(existsSync(join(directory, 'sub'))).toBe(true);
  layOutState(states[0]!, directory);
  expect(readFileSync(join(directory, 'file'))).toEqual(OLD);
});
