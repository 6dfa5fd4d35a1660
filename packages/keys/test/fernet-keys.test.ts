/** Where the Fernet keys of a column come from: the ring itself, and what Python programs had. */
import { Fernet, fernetKeyOf, fernetKeyText, generateFernetKey } from '@lockfast/core/formats';
import { generateRootKey, KeyRing } from '@lockfast/core/keyring';
import { keySource, readFernetKeys, type Surroundings } from '@lockfast/keys';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';

import { fileWith, refusalOf, scratch, surroundings } from './surroundings.ts';

const root = surroundings({ environment: { ROOT_KEY: generateRootKey() } });
const ring = await KeyRing.create('production', [keySource('env:ROOT_KEY', root)]);
const [first, second] = [generateFernetKey(), generateFernetKey()];

async function texts(uris: readonly string[], around: Surroundings = surroundings(), of: KeyRing = ring): Promise<string[]> {
  return (await readFernetKeys(uris, of, around)).map(({ key }) => fernetKeyText(key));
}

async function refused(uri: string, around: Surroundings = surroundings()): Promise<{ code: string; message: string; hint: string }> {
  return refusalOf(() => readFernetKeys([uri], ring, around));
}

describe('ring:', () => {
  test('[W1] [E2] the active key first, then those that decrypt, the newest first; none that is retired', async () => {
    const oldest = ring.active().id;
    let later = ring;
    const ids = [oldest];
    for (let i = 0; i < 3; i++) {
      later = later.withNewKey();
      const { id } = later.keys.at(-1)!;
      ids.push(id);
      if (i < 2) later = later.withActive(id);
    }
    const names = async (of: KeyRing): Promise<string[]> => (await readFernetKeys(['ring:'], of, surroundings())).map(({ name }) => name);
    const [a, b, c, staged] = ids as [string, string, string, string];
    expect(await names(later)).toEqual([c, staged, b, a].map((id) => `ring:${id}`));
    expect(await names(later.withRetired(a))).toEqual([c, staged, b].map((id) => `ring:${id}`));
    expect(await names(later.withRetired(a).withDestroyed(a).withActive(staged))).toEqual([staged, c, b].map((id) => `ring:${id}`));
    const keys = await readFernetKeys(['ring:'], later, surroundings());
    expect(keys.map(({ keyId }) => keyId)).toEqual([c, staged, b, a]);
    for (const { key, keyId } of keys) expect(fernetKeyText(key)).toBe(fernetKeyText(fernetKeyOf(later.decrypting(keyId!), 'production')));
  });

  test('stands where it is named: what comes first encrypts', async () => {
    const around = surroundings({ environment: { OLD: first } });
    expect((await readFernetKeys(['env:OLD', 'ring:'], ring, around)).map(({ name }) => name)).toEqual(['env:OLD', `ring:${ring.active().id}`]);
    expect((await readFernetKeys(['ring:', 'ring:'], ring, around)).map(({ name }) => name)).toEqual([`ring:${ring.active().id}`]);
  });

  test('[W1] a key that was exported and is named again is the ring\'s, once', async () => {
    const exported = fernetKeyText(fernetKeyOf(ring.active(), 'production'));
    const around = surroundings({ environment: { ENCRYPTION_KEY: exported, OLD: first } });
    const named = { name: `ring:${ring.active().id}`, keyId: ring.active().id };
    for (const uris of [['env:ENCRYPTION_KEY', 'env:OLD'], ['ring:', 'env:ENCRYPTION_KEY', 'env:OLD'], ['env:ENCRYPTION_KEY', 'ring:', 'env:OLD']]) {
      expect(await readFernetKeys(uris, ring, around)).toMatchObject([named, { name: 'env:OLD' }]);
    }
  });
});

describe('env:, file:, credential:', () => {
  test('[W1] each opens what Python made under it; padding, newline and alphabet as people paste them', async () => {
    const directory = scratch();
    fileWith(directory, 'old.key', `${second}\n`);
    fileWith(directory, 'fernet', ` ${generateFernetKey().replace('=', '')} `, 0o440);
    const around = surroundings({ directory, environment: { ENCRYPTION_KEY: first.replaceAll('-', '+').replaceAll('_', '/'), CREDENTIALS_DIRECTORY: directory } });
    const keys = await readFernetKeys(['env:ENCRYPTION_KEY', 'file:old.key', 'credential:fernet'], ring, around);
    expect(keys.map(({ name, keyId }) => [name, keyId])).toEqual([['env:ENCRYPTION_KEY', undefined], ['file:old.key', undefined], ['credential:fernet', undefined]]);
    const fernet = new Fernet(keys.map(({ key }) => key));
    expect([first, second].map((key) => fernet.open(new Fernet(key).encrypt('x')).key)).toEqual([0, 1]);
  });

  test('none at all', async () => {
    expect(await readFernetKeys([], ring, surroundings())).toEqual([]);
  });
});

describe('[W2] [D5] what is no key says so, and where it stands', () => {
  test.for<[string | undefined, string]>([
    [undefined, 'is not set'],
    ['', 'is not set'],
    [' ', 'is not set'],
    ['!!!', 'is not base64'],
    [`"${first}"`, 'is not base64'],
    [first.slice(0, -2), 'has 31 bytes, not 32'],
    [first.slice(0, 22), 'has 16 bytes, not 32'],
    [`${first}\n${second}`, 'is not base64'],
  ])('%j %s', async ([value, what]) => {
    const refusal = await refused('env:ENCRYPTION_KEY', surroundings({ environment: { ENCRYPTION_KEY: value } }));
    expect(refusal).toMatchObject({ code: 'invalid-key', message: `env:ENCRYPTION_KEY: the Fernet key ${what}` });
    expect(JSON.stringify(refusal)).not.toContain(first.slice(0, 12));
    if (value === undefined) return;
    const directory = scratch();
    fileWith(directory, 'old.key', value);
    expect(await refused('file:old.key', surroundings({ directory }))).toMatchObject({ code: 'invalid-key', message: `file:old.key: the Fernet key ${what}` });
  });

  test.for([0o644, 0o640, 0o604, 0o660])('[S2] a file of mode %o, which others may read', async (mode) => {
    const directory = scratch();
    const path = fileWith(directory, 'old.key', first, mode);
    expect(await refused('file:old.key', surroundings({ directory }))).toEqual({
      code: 'source-unavailable',
      message: `${path}: others may read the file with the Fernet key`,
      hint: `run: chmod 0400 ${path}`,
    });
  });

  test('a file that is not there, a process without credentials, a credential that others may read', async () => {
    const directory = scratch();
    fileWith(directory, 'open', first, 0o444);
    expect(await refused('file:missing', surroundings({ directory }))).toMatchObject({ code: 'source-unavailable', message: expect.stringMatching(/^the Fernet key is not to be had: /) as string });
    expect((await refused('credential:fernet')).code).toBe('source-unavailable');
    expect((await refused('credential:open', surroundings({ environment: { CREDENTIALS_DIRECTORY: directory } }))).code).toBe('source-unavailable');
    expect((await refused('credential:../x', surroundings({ environment: { CREDENTIALS_DIRECTORY: directory } }))).code).toBe('invalid-source');
  });

  test('one key under two names: a rotation between them would change nothing', async () => {
    const directory = scratch();
    fileWith(directory, 'old.key', first);
    const around = surroundings({ directory, environment: { NEW: first, OLD: `${first}\n` } });
    expect(await refusalOf(() => readFernetKeys(['env:NEW', 'ring:', 'env:OLD'], ring, around))).toEqual({
      code: 'source-exists',
      message: 'env:OLD is the same Fernet key as env:NEW',
      hint: 'name each key once: if two variables should differ, one was copied to the wrong place',
    });
    expect(await refusalOf(() => readFernetKeys(['env:NEW', 'file:old.key'], ring, around))).toMatchObject({ message: 'file:old.key is the same Fernet key as env:NEW' });
    expect(await refusalOf(() => readFernetKeys(['env:NEW', 'env:NEW'], ring, around))).toMatchObject({ code: 'source-exists', message: 'env:NEW is named twice' });
  });

  test.for(['', 'ring', 'ring:kq2d5x', 'env:', 'file:', 'passphrase:x', 'constructor:x', '__proto__:x', 'http://x', first, ' env:X'])('%j is no source, and is not quoted', async (uri) => {
    const refusal = await refused(uri);
    expect(refusal).toEqual({ code: 'invalid-source', message: 'a Fernet key is not named by a source that Lockfast knows', hint: 'write it as ring:, env:..., file:..., credential:...' });
  });
});

test('[S2] [T5] what is read prints no key', async () => {
  const around = surroundings({ environment: { OLD: first } });
  const keys = await readFernetKeys(['ring:', 'env:OLD'], ring, around);
  const printed = inspect(keys, { depth: 10, showHidden: true }) + JSON.stringify(keys);
  for (const text of await texts(['ring:', 'env:OLD'], around)) expect(printed).not.toContain(text.slice(0, 20));
  expect(printed).toContain('[secret]');
});
