/** Where a root key comes from, by its URI: each kind opens the ring, and says what is missing when it can't. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

import { generateRootKey, KeyRing } from '@lockfast/core/keyring';
import { keySource, type Surroundings } from '@lockfast/keys';
import { describe, expect, test } from 'vitest';

import { fileWith, refusalOf, scratch, surroundings, typing } from './surroundings.ts';

const KEY = generateRootKey();

/** Makes a ring by one URI and opens it again by another. */
async function opens(uri: string, around: Surroundings, by = uri, byAround = around): Promise<boolean> {
  const ring = await KeyRing.create('production', [keySource(uri, around)]);
  const again = await KeyRing.open(ring.print(), 'ring', [keySource(by, byAround)]);
  return again.version.digest === ring.version.digest;
}

async function refused(uri: string, around: Surroundings): Promise<{ code: string; message: string; hint: string }> {
  return refusalOf(() => KeyRing.create('production', [keySource(uri, around)]));
}

describe('file:', () => {
  test('[S2] absolute, relative to the configuration, and at home', async () => {
    const directory = scratch();
    const path = fileWith(directory, 'root.key', `${KEY}\n`);
    expect(await opens(`file:${path}`, surroundings())).toBe(true);
    expect(await opens('file:root.key', surroundings({ directory }))).toBe(true);
    expect(await opens('file:./root.key', surroundings({ directory }))).toBe(true);
    expect(await opens('file:~/root.key', surroundings({ home: directory }))).toBe(true);
  });

  test('a name with spaces, colons and other scripts', async () => {
    const directory = scratch();
    fileWith(directory, 'a b:c#ключ', KEY);
    expect(await opens('file:a b:c#ключ', surroundings({ directory }))).toBe(true);
  });

  test('through a link', async () => {
    const directory = scratch();
    symlinkSync(fileWith(directory, 'real', KEY), join(directory, 'link'));
    expect(await opens('file:link', surroundings({ directory }))).toBe(true);
  });

  test.for([0o400, 0o600, 0o500, 0o700])('mode %o is its owner\'s alone', async (mode) => {
    const directory = scratch();
    fileWith(directory, 'root.key', KEY, mode);
    expect(await opens('file:root.key', surroundings({ directory }))).toBe(true);
  });

  test.for([0o644, 0o640, 0o604, 0o440, 0o404, 0o620, 0o602, 0o610, 0o777])('[S2] mode %o is refused, with the remedy', async (mode) => {
    const directory = scratch();
    const path = fileWith(directory, 'root.key', KEY, mode);
    expect(await refused('file:root.key', surroundings({ directory }))).toEqual({
      code: 'source-unavailable',
      message: `${path}: others may read the file with the root key`,
      hint: `run: chmod 0400 ${path}`,
    });
  });

  test('what is no file, or not there', async () => {
    const directory = scratch();
    mkdirSync(join(directory, 'directory'));
    execFileSync('mkfifo', [join(directory, 'fifo')]);
    symlinkSync('nowhere', join(directory, 'dangling'));
    for (const name of ['missing', 'directory', 'fifo', 'dangling', '.']) {
      expect(await refused(`file:${name}`, surroundings({ directory }))).toMatchObject({ code: 'source-unavailable', message: expect.stringMatching(/^the root key is not to be had: /) as string });
    }
    expect((await refused('file:root.key', surroundings())).code).toBe('source-unavailable');
    expect((await refused('file:/dev/zero', surroundings())).code).toBe('source-unavailable');
  });

  test('a name that no file can have', async () => {
    expect((await refused('file:a\0b', surroundings())).code).toBe('source-unavailable');
    expect((await refused(`file:${'x'.repeat(5000)}`, surroundings())).code).toBe('source-unavailable');
  });

  test.for<[string, string]>([['empty', ''], ['something else', 'hello\n'], ['cut short', KEY.slice(0, 40)], ['copied wrong', `${KEY.slice(0, -1)}${KEY.endsWith('A') ? 'B' : 'A'}`]])('[D5] a file that is %s', async ([, content]) => {
    const directory = scratch();
    fileWith(directory, 'root.key', content);
    const refusal = await refused('file:root.key', surroundings({ directory }));
    expect(refusal.code).toBe('invalid-key');
    expect(JSON.stringify(refusal)).not.toContain(KEY.slice(20, 36));
  });

  test('a large file is not read', async () => {
    const directory = scratch();
    fileWith(directory, 'root.key', Buffer.alloc(70_000, 'x'));
    expect((await refused('file:root.key', surroundings({ directory }))).code).toBe('source-unavailable');
  });
});

describe('env:', () => {
  test('[S2] a variable', async () => {
    expect(await opens('env:ROOT_KEY', surroundings({ environment: { ROOT_KEY: `${KEY}\n` } }))).toBe(true);
  });

  test.for([undefined, '', ' '])('[S2] a variable that is %j is not set', async (value) => {
    expect(await refused('env:ROOT_KEY', surroundings({ environment: { ROOT_KEY: value } }))).toEqual({
      code: 'source-unavailable',
      message: 'ROOT_KEY is not set in the environment',
      hint: 'set it from your secret store, never from the .env file',
    });
  });

  test.for(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('%s is a name like another', async (name) => {
    expect((await refused(`env:${name}`, surroundings())).code).toBe('source-unavailable');
    expect((await refused(`env:${name}`, surroundings({ environment: process.env }))).code).toBe('source-unavailable');
  });

  test('[D5] a variable with something else in it is named, and not quoted', async () => {
    const refusal = await refused('env:ROOT_KEY', surroundings({ environment: { ROOT_KEY: KEY.slice(0, -4) } }));
    expect(refusal).toMatchObject({ code: 'invalid-key', message: 'ROOT_KEY: the root key is not 32 bytes and a checksum in base64url' });
    expect(JSON.stringify(refusal)).not.toContain(KEY.slice(20, 36));
  });
});

describe('credential:', () => {
  const given = (directory: string | undefined): Surroundings => surroundings({ environment: { CREDENTIALS_DIRECTORY: directory } });

  test('[S2] from the directory that systemd names', async () => {
    const directory = scratch();
    fileWith(directory, 'lockfast', KEY);
    expect(await opens('credential:lockfast', given(directory))).toBe(true);
  });

  test('mode 0440: with User= systemd grants by an ACL, whose mask the group bits show', async () => {
    const directory = scratch();
    fileWith(directory, 'lockfast', KEY, 0o440);
    expect(await opens('credential:lockfast', given(directory))).toBe(true);
    fileWith(directory, 'open', KEY, 0o444);
    expect((await refused('credential:open', given(directory))).code).toBe('source-unavailable');
  });

  test('without systemd', async () => {
    for (const directory of [undefined, '']) {
      expect(await refused('credential:lockfast', given(directory))).toMatchObject({
        code: 'source-unavailable',
        message: 'there is no CREDENTIALS_DIRECTORY: this process was not given systemd credentials',
      });
    }
    expect((await refused('credential:lockfast', given(scratch()))).code).toBe('source-unavailable');
  });

  test.for(['../key', 'a/b', '/etc/shadow', '.', '..', '../../etc/passwd'])('a name, not a path: %s', async (name) => {
    expect((await refused(`credential:${name}`, given('/etc'))).code).toBe('invalid-source');
  });
});

describe('passphrase:', () => {
  test('[E3] typed, or on the first line of a file', async () => {
    const directory = scratch();
    fileWith(directory, 'phrase', 'correct horse\nbattery\n');
    const asked = surroundings({ directory, askPassphrase: typing('correct horse') });
    expect(await opens('passphrase:', asked)).toBe(true);
    expect(await opens('passphrase:phrase', asked)).toBe(true);
    expect(await opens('passphrase:', asked, 'passphrase:phrase')).toBe(true);
  });

  test.for(['correct horse', 'correct horse\n', 'correct horse\r\n', 'correct horse\rmore'])('a file %j holds one', async (content) => {
    const directory = scratch();
    fileWith(directory, 'phrase', content);
    const around = surroundings({ directory, askPassphrase: typing('correct horse') });
    expect(await opens('passphrase:phrase', around, 'passphrase:')).toBe(true);
  });

  test('[D5] another passphrase', async () => {
    const made = surroundings({ askPassphrase: typing('correct horse') });
    const other = surroundings({ askPassphrase: typing('correct horse ') });
    expect((await refusalOf(() => opens('passphrase:', made, 'passphrase:', other))).code).toBe('wrong-key');
  });

  test.for(['', '\n', '\r\n', '\nsecond line'])('[D5] an empty one is refused: %j', async (content) => {
    const directory = scratch();
    fileWith(directory, 'phrase', content);
    expect(await refused('passphrase:phrase', surroundings({ directory }))).toMatchObject({ code: 'invalid-key', message: 'the passphrase is empty' });
    expect(await refused('passphrase:', surroundings({ askPassphrase: typing('') }))).toMatchObject({ code: 'invalid-key', message: 'the passphrase is empty' });
  });

  test('nobody to ask, a file that others may read, or that is not there', async () => {
    const directory = scratch();
    const path = fileWith(directory, 'phrase', 'correct horse', 0o644);
    expect((await refused('passphrase:', surroundings())).code).toBe('terminal-needed');
    expect(await refused('passphrase:phrase', surroundings({ directory }))).toMatchObject({ code: 'source-unavailable', message: `${path}: others may read the file with the passphrase` });
    expect((await refused('passphrase:missing', surroundings({ directory }))).code).toBe('source-unavailable');
  });

  test('[E3] the usual stretching is Argon2id', async () => {
    const { kdf: _, ...around } = surroundings({ askPassphrase: typing('correct horse') });
    const ring = await KeyRing.create('production', [keySource('passphrase:', around)]);
    expect(ring.sources[0]!.wrapped).toMatch(/^argon2id:m=65536,t=3,p=4:/);
  });
});

describe('[D5] a wrong key says where it is from', () => {
  const strange = (change: Partial<Surroundings> = {}): Surroundings => surroundings({ environment: { ROOT_KEY: generateRootKey() }, askPassphrase: typing('another'), ...change });

  async function refusalBy(uris: readonly string[], around: Surroundings): Promise<{ code: string; message: string; hint: string }> {
    const made = surroundings({ environment: { ROOT_KEY: KEY }, askPassphrase: typing('correct horse') });
    const ring = await KeyRing.create('production', [keySource('env:ROOT_KEY', made), keySource('passphrase:', made), keySource('passphrase:#bob', made)]);
    return refusalOf(() => KeyRing.open(ring.print(), 'ring', uris.map((uri) => keySource(uri, around))));
  }

  test('a root key in a file, a variable, a credential', async () => {
    const directory = scratch();
    const path = fileWith(directory, 'other.key', generateRootKey());
    const around = strange({ directory, environment: { ROOT_KEY: generateRootKey(), CREDENTIALS_DIRECTORY: directory } });
    expect(await refusalBy(['file:other.key'], around)).toEqual({
      code: 'wrong-key',
      message: `the root key in ${path} does not open the key ring`,
      hint: 'use the root key that it was made with: see key-source in lockfast.toml',
    });
    expect(await refusalBy(['env:ROOT_KEY'], around)).toMatchObject({ code: 'wrong-key', message: 'the root key in ROOT_KEY does not open the key ring' });
    expect(await refusalBy(['credential:other.key'], around)).toMatchObject({ message: 'the root key in the credential other.key does not open the key ring' });
    expect((await refusalBy(['file:other.key', 'env:ROOT_KEY'], around)).message).toBe(`the root key in ${path} does not open the key ring; the root key in ROOT_KEY does not open the key ring`);
  });

  test('a passphrase', async () => {
    const directory = scratch();
    fileWith(directory, 'phrase', 'another');
    expect(await refusalBy(['passphrase:'], strange())).toEqual({
      code: 'wrong-key',
      message: 'the passphrase does not open the key ring',
      hint: 'type it again, or use another key source of the key ring',
    });
    expect((await refusalBy(['passphrase:#bob'], strange())).message).toBe('the passphrase of bob does not open the key ring');
    expect((await refusalBy(['passphrase:phrase'], strange({ directory }))).message).toBe('the passphrase in phrase does not open the key ring');
  });

  test('a file that holds no root key is named', async () => {
    const directory = scratch();
    const path = fileWith(directory, 'other.key', 'nothing');
    expect(await refusalBy(['file:other.key'], surroundings({ directory }))).toMatchObject({ code: 'invalid-key', message: `${path}: the root key does not begin with lockfast-root-1.` });
  });
});

describe('[S2] one ring, four kinds of source', () => {
  test('each opens it alone; each says wrong-key with another key', async () => {
    const directory = scratch();
    const keys = Array.from({ length: 3 }, generateRootKey) as [string, string, string];
    fileWith(directory, 'root.key', keys[0]);
    fileWith(directory, 'lockfast', keys[2]);
    const around = surroundings({ directory, environment: { ROOT_KEY: keys[1], CREDENTIALS_DIRECTORY: directory }, askPassphrase: typing('correct horse') });
    const uris = ['file:root.key', 'env:ROOT_KEY', 'credential:lockfast', 'passphrase:'];
    const ring = await KeyRing.create('production', uris.map((uri) => keySource(uri, around)));
    for (const uri of uris) expect((await KeyRing.open(ring.print(), 'ring', [keySource(uri, around)])).version).toEqual(ring.version);
    const strange = surroundings({ environment: { ROOT_KEY: generateRootKey() }, askPassphrase: typing('another') });
    for (const uri of ['env:ROOT_KEY', 'passphrase:']) {
      expect((await refusalOf(() => KeyRing.open(ring.print(), 'ring', [keySource(uri, strange)]))).code).toBe('wrong-key');
    }
  });

  test('one root key serves by file, variable and credential alike', async () => {
    const directory = scratch();
    fileWith(directory, 'root.key', KEY);
    const around = surroundings({ directory, environment: { ROOT_KEY: KEY, CREDENTIALS_DIRECTORY: directory } });
    for (const uri of ['env:ROOT_KEY', 'credential:root.key']) expect(await opens('file:root.key', around, uri)).toBe(true);
  });
});

test.for(['', ':', 'file', 'file:', 'env:', 'credential:', 'File:x', ' file:x', 'awskms:x', 'http://x', 'file//x', '__proto__:x', 'constructor:x', 'toString:', '\nfile:x', 'file\n:x'])('%j is no key source', async (uri) => {
  const refusal = await refusalOf(() => keySource(uri, surroundings()));
  expect(refusal).toEqual({
    code: 'invalid-source',
    message: 'a key source is not one that Lockfast knows',
    hint: 'write it as file:..., env:..., credential:..., passphrase:..., shares:...',
  });
});
