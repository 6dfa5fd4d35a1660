/** A key ring from its file: with which sources, and against which floor. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { generateRootKey, KeyRing } from '@lockfast/core/keyring';
import { keySource, openKeyRing } from '@lockfast/keys';
import { describe, expect, test } from 'vitest';

import { fileWith, refusalOf, scratch, surroundings, typing } from './surroundings.ts';

const KEY = generateRootKey();

async function place(): Promise<{ around: ReturnType<typeof surroundings>; path: string; ring: KeyRing; write: (ring: KeyRing | string) => void }> {
  const directory = scratch();
  const around = surroundings({ directory, environment: { ROOT_KEY: KEY } });
  const ring = await KeyRing.create('production', [keySource('env:ROOT_KEY', around)]);
  const path = join(directory, 'keyring.json');
  const write = (one: KeyRing | string): void => writeFileSync(path, typeof one === 'string' ? one : one.print());
  write(ring);
  return { around, path, ring, write };
}

test('[S2] by its path, relative to the configuration', async () => {
  const { around, path, ring } = await place();
  for (const one of [path, 'keyring.json']) expect((await openKeyRing({ path: one, sources: ['env:ROOT_KEY'] }, around)).version).toEqual(ring.version);
});

test('[D5] sources are tried in order; none of them fits', async () => {
  const { around, ring } = await place();
  const location = { path: 'keyring.json', sources: ['file:missing', 'env:NOT_SET', 'env:ROOT_KEY'] };
  expect((await openKeyRing(location, around)).version).toEqual(ring.version);
  expect(await refusalOf(() => openKeyRing({ ...location, sources: ['file:missing', 'env:NOT_SET'] }, around))).toMatchObject({ code: 'source-unavailable', message: /missing/ });
  expect((await refusalOf(() => openKeyRing({ ...location, sources: [] }, around))).code).toBe('source-unavailable');
  expect((await refusalOf(() => openKeyRing({ ...location, sources: ['env:ROOT_KEY', 'nothing'] }, around))).code).toBe('invalid-source');
  const other = surroundings({ ...around, environment: { ROOT_KEY: generateRootKey() } });
  expect((await refusalOf(() => openKeyRing({ ...location, sources: ['env:ROOT_KEY'] }, other))).code).toBe('wrong-key');
});

test('nobody is asked for a passphrase that the ring does not need', async () => {
  const { around } = await place();
  let asked = 0;
  const counting = surroundings({ ...around, askPassphrase: () => (asked++, typing('x')('')) });
  await openKeyRing({ path: 'keyring.json', sources: ['env:ROOT_KEY', 'passphrase:'] }, counting);
  expect((await refusalOf(() => openKeyRing({ path: 'keyring.json', sources: ['passphrase:'] }, counting))).code).toBe('wrong-key');
  expect(asked).toBe(0);
});

test('[D5] a ring that is not there, is no file, or is damaged', async () => {
  const { around, path, ring, write } = await place();
  const open = (name: string): Promise<unknown> => openKeyRing({ path: name, sources: ['env:ROOT_KEY'] }, around);
  expect((await refusalOf(() => open('missing.json'))).code).toBe('not-found');
  expect((await refusalOf(() => open('.'))).code).toBe('not-a-file');
  write('');
  expect(await refusalOf(() => open(path))).toMatchObject({ code: 'ring-malformed', message: `${path} is not JSON, or names a member twice` });
  write(ring.print().replace('"generation": 1', '"generation": 2'));
  expect(await refusalOf(() => open(path))).toMatchObject({ code: 'ring-tampered', message: `${path} was altered after it was written` });
});

describe('the floor', () => {
  test('an older ring put back is refused, and reissued it is accepted', async () => {
    const { around, ring, write } = await place();
    const newer = ring.withNewKey();
    const location = { path: 'keyring.json', sources: ['env:ROOT_KEY'], floor: (id: string) => (id === ring.version.ring ? newer.version : undefined) };
    expect(await refusalOf(() => openKeyRing(location, around))).toMatchObject({
      code: 'ring-older',
      message: 'the key ring is of generation 1, but this machine has seen generation 2',
    });
    write(newer);
    expect((await openKeyRing(location, around)).version).toEqual(newer.version);
    write(ring.reissued(newer.version.generation));
    expect((await openKeyRing(location, around)).version.generation).toBe(3);
  });

  test('a machine that has seen none takes any', async () => {
    const { around, ring } = await place();
    expect((await openKeyRing({ path: 'keyring.json', sources: ['env:ROOT_KEY'], floor: () => undefined }, around)).version).toEqual(ring.version);
  });

  test('is asked only about a ring that is proven', async () => {
    const { around, ring, write } = await place();
    write(ring.print().replace('"generation": 1', '"generation": 99'));
    let asked = false;
    const floor = (): undefined => void (asked = true);
    expect((await refusalOf(() => openKeyRing({ path: 'keyring.json', sources: ['env:ROOT_KEY'], floor }, around))).code).toBe('ring-tampered');
    expect(asked).toBe(false);
  });
});

test('the root key is read each time and not kept', async () => {
  const directory = scratch();
  fileWith(directory, 'root.key', KEY);
  const around = surroundings({ directory, environment: { ROOT_KEY: KEY } });
  const source = keySource('env:ROOT_KEY', around);
  const ring = await KeyRing.create('production', [source]);
  (around.environment as Record<string, string>)['ROOT_KEY'] = generateRootKey();
  expect((await refusalOf(() => KeyRing.open(ring.print(), 'ring', [source]))).code).toBe('wrong-key');
});
