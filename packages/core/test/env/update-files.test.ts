/** Entries of several files changed at once, from what was prepared or anew. */
import { chmodSync, linkSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { type Entry, openEnvFile, plaintextOf, type PreparedUpdate, prepareUpdate, readEnvFile, setVariable, splitEntries, updateEnvFile, updateEnvFiles } from '@lockfast/core/env';
import type { KeyRing } from '@lockfast/core/keyring';
import { beforeEach, expect, test } from 'vitest';

import { refusalOf } from '../files/refusal.ts';
import { entriesOf, scratchDirectory } from '../files/scratch.ts';
import { newRing } from './rings.ts';

let ring: KeyRing;
let directory: string;
let stateDirectory: string;

beforeEach(async () => {
  directory = scratchDirectory();
  stateDirectory = join(directory, 'state');
  ring = await newRing();
});

async function put(tenant: string): Promise<{ readonly path: string; readonly tenant: string }> {
  const path = join(directory, tenant, '.env.encrypted');
  mkdirSync(dirname(path), { recursive: true });
  await updateEnvFile(path, { ring, tenant, stateDirectory }, () => splitEntries(Buffer.from(`# of ${tenant}\nA=1\nA=1\nB=2\n`)));
  return { path, tenant };
}

const set = (entries: readonly Entry[]): Entry[] => setVariable(entries, 'B', 'new', 'node');
const textOf = ({ path, tenant }: { path: string; tenant: string }): string => plaintextOf(readEnvFile(path, { ring, tenant })).toString();
const keepNothing = (): void => {};
const none: ReadonlyMap<string, PreparedUpdate> = new Map();

test('all change, and say what stands there now; a second run changes nothing', async () => {
  const files = [await put('a'), await put('b'), await put('c')];
  const first = await updateEnvFiles(files, { ring, stateDirectory }, (_, entries) => set(entries), none, keepNothing);
  expect(first.map(({ failure }) => failure)).toEqual([undefined, undefined, undefined]);
  expect(files.map(textOf)).toEqual(['a', 'b', 'c'].map((name) => `# of ${name}\nA=1\nA=1\nB=new\n`));
  expect(files.map(({ path }) => statSync(path).mode & 0o777)).toEqual([0o400, 0o400, 0o400]);
  chmodSync(files[0]!.path, 0o644);
  const second = await updateEnvFiles(files, { ring, stateDirectory }, (_, entries) => set(entries), none, keepNothing);
  expect(second).toEqual(first);
  expect(statSync(files[0]!.path).mode & 0o777).toBe(0o400);
});

test('what was prepared is written as it is, also where the file got a second name meanwhile', async () => {
  const file = await put('a');
  const prepared = prepareUpdate(file, ring, set);
  expect(textOf(file)).toContain('B=2');
  const [update] = await updateEnvFiles([file], { ring, stateDirectory }, () => expect.unreachable('it is prepared'), new Map([[file.path, prepared]]), (path) => linkSync(path, join(directory, 'kept')));
  expect(update!.failure).toBeUndefined();
  expect(readFileSync(file.path)).toEqual(prepared.bytes);
  expect(textOf(file)).toBe('# of a\nA=1\nA=1\nB=new\n');
});

test('where the file was changed since, or the ring is another one, it is made anew: no change is lost', async () => {
  const [edited, other] = [await put('a'), await put('b')];
  const prepared = new Map([edited, other].map((file) => [file.path, prepareUpdate(file, ring, set)]));
  await updateEnvFile(edited.path, { ring, tenant: 'a', stateDirectory }, (entries) => setVariable(entries, 'C', '3', 'node'));
  const staged = ring.withNewKey();
  const newer = staged.withActive(staged.keys.at(-1)!.id);
  await updateEnvFiles([edited], { ring, stateDirectory }, (_, entries) => set(entries), prepared, keepNothing);
  expect(textOf(edited)).toBe('# of a\nA=1\nA=1\nB=new\nC=3\n');
  await updateEnvFiles([other], { ring: newer, stateDirectory }, (_, entries) => set(entries), prepared, keepNothing);
  expect(readEnvFile(other.path, { ring: newer, tenant: 'b' }).header.key).toBe(newer.active().id);
});

test('one that can not be changed, kept or opened stays, and says why; the others are done', async () => {
  const files = [await put('a'), await put('b'), await put('c'), { path: join(directory, 'none'), tenant: '' }, { ...(await put('d')), tenant: 'e' }];
  const [refused, full] = [new Error('refused'), new Error('full')];
  const updates = await updateEnvFiles(
    files,
    { ring, stateDirectory },
    ({ tenant }, entries) => {
      if (tenant === 'a') throw refused;
      return set(entries);
    },
    none,
    (path) => {
      if (path === files[1]!.path) throw full;
    },
  );
  expect(updates.map(({ failure }) => failure)).toEqual([refused, full, undefined, expect.objectContaining({ code: 'not-found' }), expect.objectContaining({ code: 'wrong-tenant' })]);
  expect(updates.map(({ sha256 }) => sha256 === undefined)).toEqual([true, true, false, true, true]);
  expect(files.slice(0, 3).map(textOf).map((text) => text.includes('B=new'))).toEqual([false, false, true]);
  expect(entriesOf(join(directory, 'a'))).toEqual(['.env.encrypted']);
});

test('a line that an opened version has is not decrypted again; under another tenant, key or ciphertext it is', async () => {
  const [a, b] = [await put('a'), await put('b')];
  const open = (file: typeof a, previous?: ReturnType<typeof openEnvFile>): ReturnType<typeof openEnvFile> => openEnvFile(readFileSync(file.path), { ring, tenant: file.tenant }, 'f', previous);
  const before = open(a);
  expect(open(a, before).entries.map((entry, i) => entry === before.entries[i])).toEqual([true, true, true, true]);
  await updateEnvFile(a.path, { ring, tenant: 'a', stateDirectory }, set);
  const after = open(a, before);
  expect(after.entries.map((entry, i) => entry === before.entries[i])).toEqual([true, true, true, false]);
  expect(plaintextOf(after).toString()).toBe('# of a\nA=1\nA=1\nB=new\n');
  expect(open(b, before).entries.some((entry) => before.entries.includes(entry))).toBe(false);
  const forged = Buffer.from(readFileSync(a.path).toString('latin1').replace(/^B=.*$/m, `B=${before.lines[1]!.value}`), 'latin1');
  expect(refusalOf(() => openEnvFile(forged, { ring, tenant: 'a' }, 'f', before)).code).toBe('damaged');
});
