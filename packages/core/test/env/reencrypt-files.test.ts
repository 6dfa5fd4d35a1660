/** Several files under the active key at once: each on its own, whatever happens to the others. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { checkHeader, isEncryptedAt, plaintextOf, readEnvFile, readHeader, readSummedHeader, reencryptFiles, updateEnvFile } from '@lockfast/core/env';
import { withFileLock } from '@lockfast/core/files';
import type { KeyRing } from '@lockfast/core/keyring';
import { beforeEach, expect, test } from 'vitest';

import { refusalOf } from '../files/refusal.ts';
import { entriesOf, scratchDirectory } from '../files/scratch.ts';
import { newRing } from './rings.ts';

let old: KeyRing;
let ring: KeyRing;
let directory: string;
let stateDirectory: string;

beforeEach(async () => {
  directory = scratchDirectory();
  stateDirectory = join(directory, 'state');
  old = await newRing();
  const staged = old.withNewKey();
  ring = staged.withActive(staged.keys.at(-1)!.id);
});

async function put(name: string): Promise<{ readonly path: string; readonly tenant: string }> {
  const path = join(directory, name, '.env.encrypted');
  mkdirSync(dirname(path), { recursive: true });
  await updateEnvFile(path, { ring: old, tenant: '', stateDirectory }, () => [{ kind: 'assignment', name: 'V', bytes: Buffer.from(`V=${name}\n`) }]);
  return { path, tenant: '' };
}

function stateOf(path: string): [value: string, key: string] {
  const opened = readEnvFile(path, { ring, tenant: '' });
  return [plaintextOf(opened).toString(), opened.header.key === ring.active().id ? 'new' : 'old'];
}

const keepNothing = (): void => {};

test('[E6] all come under the active key; those that are stay byte for byte', async () => {
  const files = [await put('a'), await put('b'), await put('c')];
  expect(await reencryptFiles(files, { ring, stateDirectory }, keepNothing)).toEqual([undefined, undefined, undefined]);
  expect(files.map(({ path }) => stateOf(path))).toEqual([['V=a\n', 'new'], ['V=b\n', 'new'], ['V=c\n', 'new']]);
  const before = files.map(({ path }) => readFileSync(path));
  await reencryptFiles(files, { ring, stateDirectory }, keepNothing);
  expect(files.map(({ path }) => readFileSync(path))).toEqual(before);
});

test('[E6] one that is damaged, or can not be kept, stays, and says why; the others are done', async () => {
  const files = [await put('a'), await put('b'), await put('c')];
  const [a, b, c] = files as [(typeof files)[0], (typeof files)[0], (typeof files)[0]];
  const bytes = readFileSync(a.path);
  const damaged = { path: join(directory, 'a', '.env.cut.encrypted'), tenant: '' };
  writeFileSync(damaged.path, bytes.subarray(0, -5), { mode: 0o400 });
  const full = new Error('full');
  const failures = await reencryptFiles([a, damaged, b, c], { ring, stateDirectory }, (path) => {
    if (path === b.path) throw full;
  });
  expect(failures).toEqual([undefined, expect.objectContaining({ code: 'damaged' }), full, undefined]);
  expect([a, b, c].map(({ path }) => stateOf(path)[1])).toEqual(['new', 'old', 'new']);
  expect(entriesOf(join(directory, 'a'))).toEqual(['.env.cut.encrypted', '.env.encrypted']);
});

test('[E6] one that somebody is at is done when he is, and nobody waits for its lock with another one in hand', async () => {
  const files = [await put('a'), await put('b'), await put('c')];
  const { promise: released, resolve: release } = Promise.withResolvers<undefined>();
  const holder = withFileLock(stateDirectory, files[1]!.path, () => released);
  const rotating = reencryptFiles(files, { ring, stateDirectory }, keepNothing);
  while (stateOf(files[2]!.path)[1] === 'old') await new Promise((wake) => setTimeout(wake, 5));
  await withFileLock(stateDirectory, files[0]!.path, () => {}, 1000);
  expect(stateOf(files[1]!.path)).toEqual(['V=b\n', 'old']);
  release(undefined);
  await holder;
  expect(await rotating).toEqual([undefined, undefined, undefined]);
  expect(stateOf(files[1]!.path)).toEqual(['V=b\n', 'new']);
});

test('[E6] a file that is found by two names is done once', async () => {
  const file = await put('a');
  symlinkSync(join(directory, 'a'), join(directory, 'link'));
  const again = { path: join(directory, 'link', '.env.encrypted'), tenant: '' };
  expect(await reencryptFiles([file, again], { ring, stateDirectory }, keepNothing)).toEqual([undefined, undefined]);
  expect(stateOf(file.path)).toEqual(['V=a\n', 'new']);
  expect(readHeader(file.path).revision).toBe(2);
  expect(entriesOf(join(directory, 'a'))).toEqual(['.env.encrypted']);
});

test('the header alone: also of a file that is cut behind it; what has none is refused', async () => {
  const { path } = await put('a');
  const whole = readFileSync(path);
  const at = (name: string, bytes: Uint8Array): string => {
    writeFileSync(join(directory, name), bytes);
    return join(directory, name);
  };
  expect(readHeader(path)).toMatchObject({ environment: 'production', tenant: '', key: old.active().id, revision: 1 });
  expect(readHeader(at('cut', whole.subarray(0, whole.indexOf('\n') + 1))).key).toBe(old.active().id);
  for (const [bytes, code] of [['', 'empty-file'], ['A=1\n', 'not-encrypted'], ['#lockf', 'damaged'], ['#lockfast-env/2 x\n', 'unsupported-format'], [`#lockfast-env/1 ${'x'.repeat(9000)}`, 'damaged']] as const) {
    expect(refusalOf(() => readHeader(at('bad', Buffer.from(bytes)))).code, bytes.slice(0, 30)).toBe(code);
  }
  // One that lost its beginning is one by its end.
  expect([path, at('end', whole.subarray(20)), at('long', Buffer.concat([Buffer.alloc(5000, 'x'), whole])), at('other', Buffer.from('A=1\n'))].map((one) => isEncryptedAt(one, 'follow'))).toEqual([true, true, true, false]);
});

test('a file by its checksum: one that is cut, appended to or damaged anywhere is refused', async () => {
  const { path } = await put('a');
  const whole = readFileSync(path);
  const at = (bytes: Uint8Array): string => {
    writeFileSync(join(directory, 'some'), bytes);
    return join(directory, 'some');
  };
  expect(readSummedHeader(path).revision).toBe(1);
  for (let i = 0; i < whole.length; i += 7) {
    const damaged = Buffer.from(whole);
    damaged[i]! ^= 1;
    expect(['damaged', 'not-encrypted', 'unsupported-format'], String(i)).toContain(refusalOf(() => readSummedHeader(at(damaged))).code);
  }
  for (const [bytes, code] of [['', 'empty-file'], ['A=1\n', 'not-encrypted'], [`${whole.toString('latin1')}x\n`, 'damaged'], [whole.subarray(0, -1), 'damaged'], [`#lockfast-env/1 ${'x'.repeat(9000)}`, 'damaged']] as const) {
    expect(refusalOf(() => readSummedHeader(at(Buffer.from(bytes)))).code, String(bytes).slice(0, 30)).toBe(code);
  }
});

test('a header is checked against environment, tenant and ring without a line of its file', async () => {
  const { path } = await put('a');
  const header = readHeader(path);
  checkHeader(header, { ring, tenant: '' }, path);
  for (const [changed, code] of [[{ environment: 'staging' }, 'wrong-environment'], [{ tenant: 'b' }, 'wrong-tenant'], [{ key: 'k-aaaaaaaaaaaa' }, 'missing-key'], [{ ring: { ...ring.version, generation: ring.version.generation + 1 } }, 'ring-older']] as const) {
    expect(refusalOf(() => checkHeader({ ...header, ...changed }, { ring, tenant: '' }, path)).code).toBe(code);
  }
});
