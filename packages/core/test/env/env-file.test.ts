/** Whole files on a real disk: at every moment the plaintext or the encrypted file is whole. */
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, linkSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

import { beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { decryptFile, encryptFile, openEnvFile, parseFile, plaintextOf, readEnvFile, readPlaintextFile, replaceFile, splitEntries, updateEnvFile, type WriteScope } from '@lockfast/core/env';
import { identityOf } from '@lockfast/core/files';
import { generateRootKey, type KeyRing } from '@lockfast/core/keyring';

import { laterRefusalOf, refusalOf } from '../files/refusal.ts';
import { entriesOf, isRoot, missingForMounting, modeOf, scratchDirectory, smallDisk } from '../files/scratch.ts';
import { newRing, rootKey, rotated } from './rings.ts';
import { SAMPLE } from './sample.ts';
import { linesOf } from './second-writer.ts';

const missing = missingForMounting();
const because = missing === undefined ? '' : ` (${missing})`;
const NOBODY = 65534;

let ring: KeyRing;
let directory: string;
let plain: string;
let target: string;
let scope: WriteScope;

beforeAll(async () => {
  ring = await newRing();
});

beforeEach(() => {
  directory = join(scratchDirectory(), 'project');
  mkdirSync(directory);
  scope = { ring, tenant: '', stateDirectory: join(directory, '../state') };
  [plain, target] = [join(directory, '.env'), join(directory, '.env.encrypted')];
});

function write(text: string | Uint8Array, path = plain): void {
  writeFileSync(path, text);
}

const encrypt = (options = {}, to: Partial<WriteScope> = {}) => encryptFile(readPlaintextFile(plain), target, { ...scope, ...to }, options);
const content = (path = target): string => plaintextOf(readEnvFile(path, scope)).toString();

describe('encryptFile and decryptFile', () => {
  test('[E1] [E5] [S9] the plaintext goes, the encrypted file is 0400, and it comes back as it was, 0600', async () => {
    write(SAMPLE);
    chmodSync(plain, 0o644);
    expect(await encrypt()).toEqual({ written: true, entries: splitEntries(SAMPLE).length, kept: 0, revision: 1 });
    expect(entriesOf(directory)).toEqual(['.env.encrypted']);
    expect(modeOf(target)).toBe('400');
    await decryptFile(target, plain, scope);
    expect(readFileSync(plain)).toEqual(SAMPLE);
    expect(modeOf(plain)).toBe('600');
    expect(entriesOf(directory)).toEqual(['.env', '.env.encrypted']);
  });

  test.each([0o000, 0o077, 0o777])('under the umask %o', async (umask) => {
    write('A=1\n');
    const usual = process.umask(umask);
    try {
      await encrypt();
      await decryptFile(target, plain, scope);
    } finally {
      process.umask(usual);
    }
    expect([modeOf(target), modeOf(plain)]).toEqual(['400', '600']);
  });

  test('`keep` leaves the plaintext', async () => {
    write('A=1\n');
    await encrypt({ keep: true });
    expect(entriesOf(directory)).toEqual(['.env', '.env.encrypted']);
  });

  test('[B2] again, over a file that is there: what did not change is kept', async () => {
    write('A=1\nB=2\n');
    await encrypt({ keep: true });
    const before = readFileSync(target);
    write('A=1\nB=changed\nC=3\n');
    expect(await encrypt()).toEqual({ written: true, entries: 3, kept: 1, revision: 2 });
    expect(linesOf(readFileSync(target))[1]).toBe(linesOf(before)[1]);
    expect(modeOf(target)).toBe('400');
  });

  test('again, with nothing changed: the file is not touched, and the plaintext goes', async () => {
    write('A=1\n');
    await encrypt({ keep: true });
    const { ino, mtimeNs } = statSync(target, { bigint: true });
    expect(await encrypt()).toEqual({ written: false, entries: 1, kept: 1, revision: 1 });
    expect(statSync(target, { bigint: true })).toMatchObject({ ino, mtimeNs });
    expect(entriesOf(directory)).toEqual(['.env.encrypted']);
  });

  test('[E5] a mode that a checkout has widened is put right, also when nothing changed', async () => {
    write('A=1\n');
    await encrypt({ keep: true });
    const bytes = readFileSync(target);
    chmodSync(target, 0o644);
    expect(await encrypt()).toMatchObject({ written: false, revision: 1 });
    expect(modeOf(target)).toBe('400');
    expect(readFileSync(target)).toEqual(bytes);
  });

  test('into another directory, and from a path that is a link on the way', async () => {
    mkdirSync(join(directory, 'out'));
    symlinkSync(directory, join(directory, 'link'));
    write('A=1\n');
    await encryptFile(readPlaintextFile(join(directory, 'link/.env')), join(directory, 'out/x'), scope);
    expect(content(join(directory, 'out/x'))).toBe('A=1\n');
    expect(entriesOf(directory)).toEqual(['link', 'out']);
  });

  test.skipIf(!isRoot)(`owner and group are the plaintext's, there and back${isRoot ? '' : ' (needs root)'}`, async () => {
    write('A=1\n');
    chownSync(plain, NOBODY, NOBODY);
    await encrypt();
    expect(lstatSync(target)).toMatchObject({ uid: NOBODY, gid: NOBODY });
    await decryptFile(target, plain, scope);
    expect(lstatSync(plain)).toMatchObject({ uid: NOBODY, gid: NOBODY });
    // The file that is replaced says whose it is, not who made the new plaintext.
    chownSync(plain, 0, 0);
    write('A=2\n');
    await encrypt();
    expect(lstatSync(target)).toMatchObject({ uid: NOBODY, gid: NOBODY });
  });

  test('killed between the two steps: running it again finishes', async () => {
    write('A=1\n');
    await encrypt({ keep: true });
    write('half a file', join(directory, '.env.encrypted.lockfast-0123456789abcdef.tmp'));
    write('half a file', join(directory, '..env.encrypted.lockfast-0123456789abcdef.tmp'));
    await encrypt();
    expect(entriesOf(directory)).toEqual(['.env.encrypted', '.env.encrypted.lockfast-0123456789abcdef.tmp']);
    expect(content()).toBe('A=1\n');
  });
});

describe('[E5] a failed encryption leaves the plaintext, and the old encrypted file', () => {
  let old: Buffer;

  beforeEach(async () => {
    write('A=old\n');
    await encrypt();
    old = readFileSync(target);
    write('A=new\n');
  });

  function expectUntouched(): void {
    expect(readFileSync(plain, 'utf8')).toBe('A=new\n');
    expect(readFileSync(target)).toEqual(old);
    expect(entriesOf(directory)).toEqual(['.env', '.env.encrypted']);
  }

  test('the key ring is of another environment', async () => {
    expect((await laterRefusalOf(encrypt({}, { ring: await newRing('staging') }))).code).toBe('wrong-environment');
    expectUntouched();
  });

  test('the key ring is another one', async () => {
    expect((await laterRefusalOf(encrypt({}, { ring: await newRing() }))).code).toBe('missing-key');
    expectUntouched();
  });

  test('the file is of another tenant', async () => {
    expect(await laterRefusalOf(encrypt({}, { tenant: 'acme' }))).toEqual({
      code: 'wrong-tenant',
      message: `${target} belongs to no tenant, not to the tenant acme`,
      hint: 'leave --tenant out',
    });
    expectUntouched();
  });

  test('the ring is older than the one that wrote the file: not even with force', async () => {
    await updateEnvFile(target, { ...scope, ring: ring.withNewKey() }, () => splitEntries(Buffer.from('A=newer\n')));
    old = readFileSync(target);
    for (const force of [false, true]) expect((await laterRefusalOf(encrypt({ force }))).code).toBe('ring-older');
    expectUntouched();
  });

  test('a root key in the plaintext', async () => {
    write(`A=new\nK=${generateRootKey()}\n`);
    expect((await laterRefusalOf(encrypt())).code).toBe('root-key-in-env');
    expect(readFileSync(plain, 'utf8')).toMatch(/^A=new\nK=/);
    expect(readFileSync(target)).toEqual(old);
  });

  test.each([
    ['damaged', () => Buffer.concat([old, Buffer.from('x')]), 'damaged'],
    ['cut', () => old.subarray(0, 200), 'damaged'],
    ['empty', () => Buffer.alloc(0), 'empty-file'],
    ['no encrypted file', () => Buffer.from('hello\n'), 'not-encrypted'],
  ])('what stands there is %s; force replaces it and keeps nothing of it', async (_, bytes, code) => {
    rmSync(target);
    writeFileSync(target, bytes());
    expect((await laterRefusalOf(encrypt())).code).toBe(code);
    expect(readFileSync(plain, 'utf8')).toBe('A=new\n');
    expect(readFileSync(target)).toEqual(bytes());
    expect(await encrypt({ force: true })).toEqual({ written: true, entries: 1, kept: 0, revision: 1 });
    expect(content()).toBe('A=new\n');
    expect(modeOf(target)).toBe('400');
    expect(parseFile(readFileSync(target), 'x').header.salt).not.toEqual(parseFile(old, 'x').header.salt);
  });

  test('force over a file that verifies keeps what did not change', async () => {
    write('A=old\n');
    expect(await encrypt({ force: true })).toMatchObject({ written: false, kept: 1 });
  });

  test.each([
    ['a directory', (path: string) => mkdirSync(path), 'a directory'],
    ['a symbolic link', (path: string) => symlinkSync('elsewhere', path), 'a symbolic link'],
    ['a FIFO', (path: string) => void execFileSync('mkfifo', [path]), 'a FIFO (a pipe)'],
  ])('what stands there is %s: not even with force', async (_, make, what) => {
    rmSync(target);
    make(target);
    for (const force of [false, true]) {
      expect(await laterRefusalOf(encrypt({ force }))).toMatchObject({ code: 'not-a-file', message: `${target} is ${what}` });
    }
    expect(readFileSync(plain, 'utf8')).toBe('A=new\n');
  });

  test('the directory is missing', async () => {
    const nowhere = join(directory, 'nowhere/.env.encrypted');
    expect((await laterRefusalOf(encryptFile(readPlaintextFile(plain), nowhere, scope))).code).toBe('not-found');
    expectUntouched();
  });

  test('the plaintext itself is named as the target', async () => {
    linkSync(plain, join(directory, 'same'));
    for (const same of [plain, join(directory, 'same'), join(directory, '../project/.env')]) {
      expect(await laterRefusalOf(encryptFile(readPlaintextFile(plain), same, scope, { force: true }))).toEqual({
        code: 'usage',
        message: `${same} is the plaintext file ${plain} itself`,
        hint: 'name another file for the encrypted one',
      });
    }
    rmSync(join(directory, 'same'));
    expectUntouched();
  });

  test('the plaintext is changed while it is encrypted: what was read is encrypted, what was written stays', async () => {
    const read = readPlaintextFile(plain);
    write('A=newest\n');
    expect(await laterRefusalOf(encryptFile(read, target, scope))).toEqual({
      code: 'conflict',
      message: `${plain} was changed after it was read`,
      hint: 'run it again: it starts from the new content',
    });
    expect(readFileSync(plain, 'utf8')).toBe('A=newest\n');
    expect(content()).toBe('A=new\n');
    await encrypt();
    expect(content()).toBe('A=newest\n');
  });

  test('the plaintext is replaced by one of the same size and time while it is encrypted', async () => {
    const read = readPlaintextFile(plain);
    const { atime, mtime } = statSync(plain);
    write('A=two\n', join(directory, 'other'));
    renameSync(join(directory, 'other'), plain);
    utimesSync(plain, atime, mtime);
    expect((await laterRefusalOf(encryptFile(read, target, scope))).code).toBe('conflict');
    expect(readFileSync(plain, 'utf8')).toBe('A=two\n');
  });

  test('it is larger, encrypted, than what can be read again', async () => {
    const quarter = Buffer.concat([Buffer.from('A="'), Buffer.alloc(13 * 2 ** 20, 'x'), Buffer.from('"\n')]);
    write(Buffer.concat([quarter, quarter, quarter, quarter]));
    const refusal = await laterRefusalOf(encrypt({ force: true }));
    expect(refusal).toMatchObject({ code: 'too-large', hint: 'keep large data in a file of its own' });
    expect(refusal.message).toMatch(/^\S+ was not written: encrypted it has \d{8} bytes, at most 67108864 are read$/);
    expect(statSync(plain).size).toBe(4 * quarter.length);
    expect(readFileSync(target)).toEqual(old);
  });

  test.skipIf(!isRoot)(`this user may not write there${isRoot ? '' : ' (needs root)'}`, async () => {
    chmodSync(directory, 0o755);
    chownSync(plain, NOBODY, NOBODY);
    chmodSync(target, 0o444);
    const state = join(directory, '../nobody');
    mkdirSync(state);
    chownSync(state, NOBODY, NOBODY);
    expect(await asChild({ what: 'encrypt', stateDirectory: state, user: NOBODY })).toEqual({
      code: 'permission-denied',
      message: `no temporary file can be made beside ${target}: permission is denied`,
      hint: 'run it as the owner, or change the permissions',
    });
    expectUntouched();
  });
});

describe('[E5] what the disk refuses', () => {
  test.skipIf(missing !== undefined)(`a full disk: the plaintext stays, nothing else does${because}`, async () => {
    const disk = smallDisk();
    const out = join(disk, '.env.encrypted');
    write(`A=${'x'.repeat(80_000)}\n`);
    const refusal = await laterRefusalOf(encryptFile(readPlaintextFile(plain), out, scope));
    expect(refusal).toEqual({
      code: 'write-failed',
      message: `${out} was not written: the disk is full`,
      hint: 'free space (or inodes) on that file system, then run it again',
    });
    expect(statSync(plain).size).toBe(80_003);
    expect(entriesOf(disk)).toEqual([]);
    // The plaintext on that disk, with just no room for two.
    write(`A=${'x'.repeat(30_000)}\n`, join(disk, '.env'));
    expect((await laterRefusalOf(encryptFile(readPlaintextFile(join(disk, '.env')), out, scope))).code).toBe('write-failed');
    expect(entriesOf(disk)).toEqual(['.env']);
  });

  test.skipIf(missing !== undefined)(`a full disk: the old encrypted file stays${because}`, async () => {
    const disk = smallDisk();
    const out = join(disk, '.env.encrypted');
    await updateEnvFile(out, scope, () => splitEntries(Buffer.from('A=old\n')));
    const old = readFileSync(out);
    write(`A=${'x'.repeat(80_000)}\n`);
    expect((await laterRefusalOf(encryptFile(readPlaintextFile(plain), out, scope))).code).toBe('write-failed');
    expect((await laterRefusalOf(updateEnvFile(out, scope, () => splitEntries(readFileSync(plain))))).code).toBe('write-failed');
    expect(readFileSync(out)).toEqual(old);
    expect(entriesOf(disk)).toEqual(['.env.encrypted']);
    expect(statSync(plain).size).toBe(80_003);
  });

  test.skipIf(missing !== undefined)(`a read-only mount: nothing changes, and verifying still works${because}`, async () => {
    const disk = smallDisk();
    const [inside, out] = [join(disk, '.env'), join(disk, '.env.encrypted')];
    await updateEnvFile(out, scope, () => splitEntries(Buffer.from('A=old\n')));
    write('A=new\n', inside);
    execFileSync('mount', ['-o', 'remount,ro', disk]);
    expect(await laterRefusalOf(encryptFile(readPlaintextFile(inside), out, scope))).toEqual({
      code: 'write-failed',
      message: `no temporary file can be made beside ${out}: the file system is read-only`,
      hint: 'remount it writable, or choose another place',
    });
    expect((await laterRefusalOf(decryptFile(out, join(disk, 'x'), scope))).code).toBe('write-failed');
    expect(content(out)).toBe('A=old\n');
    expect(entriesOf(disk)).toEqual(['.env', '.env.encrypted']);
    // The encrypted file could be written, the plaintext can't go: both are whole, and it is said.
    const elsewhere = join(directory, 'out');
    expect(await laterRefusalOf(encryptFile(readPlaintextFile(inside), elsewhere, scope))).toMatchObject({
      code: 'write-failed',
      message: `${inside} was not removed: the file system is read-only`,
    });
    expect(content(elsewhere)).toBe('A=new\n');
  });
});

describe('plaintext that is refused before anything happens', () => {
  test.each([
    ['is missing', () => rmSync(plain), 'not-found', () => `${plain} was not read: it does not exist`],
    ['is empty', () => write(''), 'empty-file', () => `${plain} is empty: there is nothing to encrypt`],
    ['is a directory', () => mkdirSync((rmSync(plain), plain)), 'not-a-file', () => `${plain} is a directory`],
    ['is a FIFO', () => void execFileSync('mkfifo', [(rmSync(plain), plain)]), 'not-a-file', () => `${plain} is a FIFO (a pipe)`],
    ['is a symbolic link', () => symlinkSync('/etc/passwd', (rmSync(plain), plain)), 'not-a-file', () => `${plain} is a symbolic link`],
    ['is a symbolic link to nothing', () => symlinkSync('nothing', (rmSync(plain), plain)), 'not-a-file', () => `${plain} is a symbolic link`],
    ['has 100 MB', () => truncateSync(plain, 1e8), 'too-large', () => `${plain} has 100000000 bytes, at most 67108864 are read`],
    ['has a trailing slash', () => void (plain += '/'), 'not-found', () => `${plain} was not read: a part of its path is not a directory`],
  ])('it %s', (_, prepare, code, message) => {
    write('A=1\n');
    prepare();
    expect(refusalOf(() => readPlaintextFile(plain))).toMatchObject({ code, message: message() });
  });

  test('it is encrypted already, whole, cut or altered', async () => {
    write('A=1\n');
    await encrypt();
    const whole = readFileSync(target);
    for (const bytes of [whole, whole.subarray(0, 100), Buffer.concat([Buffer.from('x'), whole])]) {
      write(bytes);
      expect(refusalOf(() => readPlaintextFile(plain))).toEqual({
        code: 'already-encrypted',
        message: `${plain} is an encrypted env file already`,
        hint: 'name the plaintext file, or decrypt this one with: lockfast env decrypt',
      });
    }
  });

  test('a file of blank lines does not take the memory', async () => {
    write(Buffer.alloc(4 * 2 ** 20, '\n'));
    expect((await laterRefusalOf(encrypt())).code).toBe('too-large');
    expect(entriesOf(directory)).toEqual(['.env']);
  });

  test.each([
    ['not UTF-8', Buffer.from('A=caf\xe9\n', 'latin1')],
    ['NUL', Buffer.from('A=\0\n\0')],
    ['a byte order mark alone', Buffer.from('\ufeff')],
    ['CR LF', Buffer.from('A=1\r\n\r\n')],
    ['one newline', Buffer.from('\n')],
    ['random bytes', Buffer.from(Array.from({ length: 256 }, (_, i) => i))],
  ])('%s is not refused, and comes back', async (_, bytes) => {
    write(bytes);
    await encrypt();
    await decryptFile(target, plain, scope);
    expect(readFileSync(plain)).toEqual(bytes);
  });
});

describe('decryptFile', () => {
  beforeEach(async () => {
    write('A=1\n');
    await encrypt();
  });

  test('what stands there is not overwritten without force', async () => {
    write('mine\n');
    expect(await laterRefusalOf(decryptFile(target, plain, scope))).toMatchObject({ code: 'exists', message: `${plain} exists already` });
    expect(readFileSync(plain, 'utf8')).toBe('mine\n');
    chmodSync(plain, 0o644);
    await decryptFile(target, plain, scope, { force: true });
    expect(readFileSync(plain, 'utf8')).toBe('A=1\n');
    expect(modeOf(plain)).toBe('600');
  });

  test.each([false, true])('neither a directory nor a link is overwritten (force: %s)', async (force) => {
    mkdirSync(plain);
    expect((await laterRefusalOf(decryptFile(target, plain, scope, { force }))).code).toBe('not-a-file');
    rmSync(plain, { recursive: true });
    write('theirs\n', join(directory, 'theirs'));
    symlinkSync('theirs', plain);
    expect((await laterRefusalOf(decryptFile(target, plain, scope, { force }))).code).toBe('not-a-file');
    expect(readFileSync(join(directory, 'theirs'), 'utf8')).toBe('theirs\n');
  });

  test('[W7] nothing is written when the file does not open', async () => {
    const staging = await newRing('staging');
    expect((await laterRefusalOf(decryptFile(target, plain, { ...scope, ring: staging }))).code).toBe('wrong-environment');
    expect((await laterRefusalOf(decryptFile(target, plain, { ...scope, tenant: 'acme' }))).code).toBe('wrong-tenant');
    const bytes = readFileSync(target);
    rmSync(target);
    writeFileSync(target, bytes.subarray(0, -1));
    expect((await laterRefusalOf(decryptFile(target, plain, scope, { force: true }))).code).toBe('damaged');
    expect((await laterRefusalOf(decryptFile(join(directory, 'nothing'), plain, scope))).code).toBe('not-found');
    expect(entriesOf(directory)).toEqual(['.env.encrypted']);
  });

  test('the encrypted file may be a link, and stays', async () => {
    symlinkSync('.env.encrypted', join(directory, 'link'));
    await decryptFile(join(directory, 'link'), plain, scope);
    expect(readFileSync(plain, 'utf8')).toBe('A=1\n');
    expect(content()).toBe('A=1\n');
  });
});

describe('updateEnvFile and replaceFile', () => {
  test('makes a file from none, 0400, and changes it', async () => {
    expect(await updateEnvFile(target, scope, (entries) => [...entries, ...splitEntries(Buffer.from('A=1\n'))])).toEqual({ written: true, entries: 1, kept: 0, revision: 1 });
    expect(modeOf(target)).toBe('400');
    expect(await updateEnvFile(target, scope, (entries) => [...entries, ...splitEntries(Buffer.from('B=2\n'))])).toEqual({ written: true, entries: 2, kept: 1, revision: 2 });
    expect(await updateEnvFile(target, scope, (entries) => entries)).toEqual({ written: false, entries: 2, kept: 2, revision: 2 });
    expect(content()).toBe('A=1\nB=2\n');
  });

  test('another active key renews every line, though no entry changed', async () => {
    await updateEnvFile(target, scope, () => splitEntries(SAMPLE));
    const to = { ...scope, ring: await rotated(ring) };
    expect(await updateEnvFile(target, to, (entries) => entries)).toMatchObject({ written: true, kept: 0, revision: 2 });
    expect(plaintextOf(readEnvFile(target, to))).toEqual(SAMPLE);
  });

  test('a change that fails leaves the file', async () => {
    await updateEnvFile(target, scope, () => splitEntries(Buffer.from('A=1\n')));
    const before = readFileSync(target);
    await expect(
      updateEnvFile(target, scope, () => {
        throw new Error('mine');
      }),
    ).rejects.toThrow('mine');
    expect(readFileSync(target)).toEqual(before);
  });

  test('entries that would not open again never replace a file that does', async () => {
    await updateEnvFile(target, scope, () => splitEntries(Buffer.from('A=1\n')));
    const before = readFileSync(target);
    for (const bytes of ['B=1\n', 'A=1\nB=2\n', '# A=1\n', '']) {
      expect((await laterRefusalOf(updateEnvFile(target, scope, () => [{ kind: 'assignment', name: 'A', bytes: Buffer.from(bytes) }]))).code).toBe('tampered');
    }
    expect(readFileSync(target)).toEqual(before);
  });

  test('replaceFile takes nothing that does not open, and nothing that was not read', async () => {
    await updateEnvFile(target, scope, () => splitEntries(Buffer.from('A=1\n')));
    const [before, expected] = [readFileSync(target), identityOf(target)!];
    expect((await laterRefusalOf(replaceFile(target, before.subarray(1), expected, scope))).code).toBe('damaged');
    expect((await laterRefusalOf(replaceFile(target, Buffer.from('A=1\n'), expected, scope))).code).toBe('not-encrypted');
    expect((await laterRefusalOf(replaceFile(target, before, expected, { ...scope, tenant: 'acme' }))).code).toBe('wrong-tenant');
    expect(readFileSync(target)).toEqual(before);
    await replaceFile(target, before, expected, scope);
    expect((await laterRefusalOf(replaceFile(target, before, expected, scope))).code).toBe('conflict');
  });

  test('four processes change one file at a time: no change is lost', async () => {
    write('BASE=1\n');
    await encrypt();
    expect(await Promise.all(['P', 'Q', 'R', 'S'].map((name) => asChild({ what: 'set', name })))).toEqual(Array(4).fill('done'));
    const opened = readEnvFile(target, scope);
    expect(opened.entries).toHaveLength(25);
    expect(new Set(opened.entries.map(({ name }) => name)).size).toBe(25);
    expect(opened.header.revision).toBe(25);
    expect(entriesOf(directory)).toEqual(['.env.encrypted']);
  }, 60_000);
});

test('a path that would rewrite the terminal is shown in quotes', async () => {
  const odd = join(directory, 'a\u001b[2J\nb');
  const shown = `"${directory}/a\\u{1b}[2J\\u{a}b"`;
  write('A=1\n', odd);
  expect(refusalOf(() => readEnvFile(odd, scope)).message).toBe(`${shown} is not an encrypted env file`);
  expect((await laterRefusalOf(decryptFile(odd, plain, scope))).message).toBe(`${shown} is not an encrypted env file`);
  expect((await laterRefusalOf(updateEnvFile(odd, scope, (entries) => entries))).message).toBe(`${shown} is not an encrypted env file`);
  writeFileSync(odd, '');
  expect(refusalOf(() => readPlaintextFile(odd)).message).toBe(`${shown} is empty: there is nothing to encrypt`);
});

test('a file that is read is verified as a whole, and named as it was asked for', () => {
  write('A=1\n', target);
  expect(refusalOf(() => readEnvFile(target, scope, 'the file')).message).toBe('the file is not an encrypted env file');
  expect(refusalOf(() => openEnvFile(Buffer.alloc(0), scope, 'the file')).message).toBe('the file is empty');
});

/** Does a job of `child.ts`. @returns `done`, or its refusal */
async function asChild(job: object): Promise<unknown> {
  const child = spawn(process.execPath, ['--conditions=lockfast-source', fileURLToPath(new URL('child.ts', import.meta.url))], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify({ target, plain, stateDirectory: scope.stateDirectory, ring: ring.print(), rootKey, ...job }));
  return json(child.stdout);
}
