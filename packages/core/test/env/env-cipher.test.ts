/** Encrypting entries into a file and opening one, in memory: what comes back, what stays, what is refused. */
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';

import { encryptEnvFile, type EnvScope, openEnvFile, parseFile, plaintextOf, splitEntries } from '@lockfast/core/env';
import { generateRootKey, type KeyRing } from '@lockfast/core/keyring';

import { refusalOf } from '../files/refusal.ts';
import { cases, LONG } from '../formats/scale.ts';
import { anyBytes, envLikeBytes } from './generators.ts';
import { measured } from './measured.ts';
import { newRing, rotated } from './rings.ts';
import { SAMPLE } from './sample.ts';
import { linesOf, withMac } from './second-writer.ts';
import { tamperings, WHERE } from './tampering.ts';

let ring: KeyRing;
let scope: EnvScope;

beforeAll(async () => {
  ring = await newRing();
  scope = { ring, tenant: '' };
});

function encrypt(text: string | Uint8Array, previous?: Buffer, to: EnvScope = scope): Buffer {
  return encryptEnvFile({ entries: splitEntries(Buffer.from(text)), previous: previous === undefined ? undefined : openEnvFile(previous, to, 'x') }, to);
}

const open = (file: Uint8Array, to: EnvScope = scope) => openEnvFile(file, to, 'x');
const decrypt = (file: Uint8Array, to: EnvScope = scope): Buffer => plaintextOf(open(file, to));
const saltOf = (file: Buffer): string => parseFile(file, 'x').header.salt.toString('hex');
/** How many lines of `after` stand in `before`, header and last line left out. */
function keptLines(before: Buffer, after: Buffer): number {
  const known = new Set(linesOf(before).slice(1, -1));
  return linesOf(after).slice(1, -1).filter((line) => known.has(line)).length;
}

describe('what comes back', LONG, () => {
  test('[E1] [B2] [S9] a real file comes back byte for byte', () => {
    const file = encrypt(SAMPLE);
    expect(decrypt(file)).toEqual(SAMPLE);
    expect(linesOf(file)).toHaveLength(splitEntries(SAMPLE).length + 2);
    for (const word of ['s3cr3t', 'zq8V', 'example.com', 'MC4CAQ', 'junk', 'comment', '8000']) expect(file.includes(word), word).toBe(false);
  });

  test('any bytes come back', () => {
    fc.assert(
      fc.property(fc.oneof(anyBytes, envLikeBytes), fc.constantFrom('', 'acme'), (bytes, tenant) => {
        const to = { ring, tenant };
        expect(decrypt(encrypt(bytes, undefined, to), to).equals(bytes)).toBe(true);
      }),
      { numRuns: cases(800) },
    );
  });

  test('another program that follows the specification makes the same last line', () => {
    const file = encrypt(SAMPLE);
    expect(withMac(linesOf(file), ring)).toEqual(file);
  });

  test('the bytes that were read are not held on to', () => {
    const file = encrypt('A=1\n');
    const mine = Buffer.from(file);
    const opened = open(mine);
    mine.fill(0);
    expect(opened.bytes).toEqual(file);
    expect(plaintextOf(opened).toString()).toBe('A=1\n');
  });
});

describe('keys', () => {
  test('[E1] [E3] each tenant has a salt of its own, and the header names the derivation', () => {
    const [acme, globex] = ['acme', 'globex'].map((tenant) => encrypt('A=1\n', undefined, { ring, tenant })) as [Buffer, Buffer];
    expect(saltOf(acme)).not.toBe(saltOf(globex));
    expect(parseFile(acme, 'x').header.derivation).toEqual({ name: 'hkdf' });
    expect(linesOf(acme)[0]).toContain(' derivation=hkdf ');
  });

  test('[E3] PBKDF2-HMAC-SHA256 with its iterations in the header, kept for the life of the file', () => {
    const derivation = { name: 'pbkdf2-sha256', iterations: 100_000 } as const;
    const file = encryptEnvFile({ entries: splitEntries(Buffer.from('A=1\n')), derivation }, scope);
    expect(linesOf(file)[0]).toContain(' derivation=pbkdf2-sha256:100000 ');
    expect(withMac(linesOf(file), ring)).toEqual(file);
    expect(decrypt(file).toString()).toBe('A=1\n');
    const next = encryptEnvFile({ entries: splitEntries(Buffer.from('A=1\nB=2\n')), previous: open(file), derivation: { name: 'hkdf' } }, scope);
    expect(linesOf(next)[0]).toContain(' derivation=pbkdf2-sha256:100000 ');
    expect(keptLines(file, next)).toBe(1);
  });

  test.each([0, 1, 99_999, 10_000_001, 1e9, Number.NaN, 600_000.5])('nothing is encrypted with %d iterations', (iterations) => {
    expect(refusalOf(() => encryptEnvFile({ entries: splitEntries(Buffer.from('A=1\n')), derivation: { name: 'pbkdf2-sha256', iterations } }, scope)).code).toBe(
      'parameters-out-of-range',
    );
  });

  test('a file under a draining key opens; written again, every line is new, and the salt stays', async () => {
    const before = encrypt(SAMPLE);
    const to = { ring: await rotated(ring), tenant: '' };
    expect(decrypt(before, to)).toEqual(SAMPLE);
    const after = encrypt(SAMPLE, before, to);
    expect(decrypt(after, to)).toEqual(SAMPLE);
    expect(keptLines(before, after)).toBe(0);
    expect(saltOf(after)).toBe(saltOf(before));
    expect(parseFile(after, 'x').header).toMatchObject({ key: to.ring.active().id, revision: 2, ring: to.ring.version });
  });

  test('a file without lines comes under the new key, too', async () => {
    const to = { ring: await rotated(ring), tenant: '' };
    const after = encrypt('', encrypt(''), to);
    expect(parseFile(after, 'x').header).toMatchObject({ key: to.ring.active().id, revision: 2 });
  });
});

describe('[B2] what did not change stays', () => {
  const text = '# one\nA=1\nB=2\n\nC=3\n';

  test('the same text gives the same bytes', () => {
    const file = encrypt(text);
    expect(encrypt(text, file)).toEqual(file);
  });

  test.each([
    ['one value changed', '# one\nA=1\nB=changed\n\nC=3\n', 4],
    ['one line added', '# one\nA=1\nB=2\n\nC=3\nD=4\n', 5],
    ['one line removed', '# one\nA=1\n\nC=3\n', 4],
    ['lines in another order', 'C=3\n\nB=2\nA=1\n# one\n', 5],
    ['a comment changed', '# two\nA=1\nB=2\n\nC=3\n', 4],
    ['a variable renamed', '# one\nZ=1\nB=2\n\nC=3\n', 4],
    ['export before one', '# one\nexport A=1\nB=2\n\nC=3\n', 4],
    ['a space before one', '# one\n A=1\nB=2\n\nC=3\n', 4],
    ['the line ends', '# one\r\nA=1\r\nB=2\r\n\r\nC=3\r\n', 0],
    ['the last newline gone', '# one\nA=1\nB=2\n\nC=3', 4],
    ['a line twice', '# one\nA=1\nA=1\nB=2\n\nC=3\n', 5],
  ])('%s', (_, changed, kept) => {
    const before = encrypt(text);
    const after = encrypt(changed, before);
    expect(decrypt(after).toString()).toBe(changed);
    expect(keptLines(before, after)).toBe(kept);
    expect(saltOf(after)).toBe(saltOf(before));
    expect(parseFile(after, 'x').header.revision).toBe(2);
  });

  test('there and back again: the revision counts on, and the first ciphertext does not come back', () => {
    const first = encrypt('A=1\n');
    const second = encrypt('A=2\n', first);
    const third = encrypt('A=1\n', second);
    expect([first, second, third].map((file) => parseFile(file, 'x').header.revision)).toEqual([1, 2, 3]);
    expect(keptLines(first, third)).toBe(0);
  });

  test('two equal lines never share their ciphertext, also when one is added to one', () => {
    const one = encrypt('\nA=1\n');
    const many = encrypt('\n\n\nA=1\nA=1\n\n', one);
    expect(new Set(linesOf(many)).size).toBe(8);
    expect(keptLines(one, many)).toBe(2);
    const again = encrypt('A=1\n\nA=1\n\n\n\n', many);
    expect(keptLines(many, again)).toBe(6);
    expect(new Set(linesOf(again)).size).toBe(8);
  });

  test('without the file before nothing is kept: another salt, other ciphertext', () => {
    const [a, b] = [encrypt(text), encrypt(text)];
    expect(keptLines(a, b)).toBe(0);
    expect(saltOf(a)).not.toBe(saltOf(b));
  });

  test('any change of lines: what comes back is right, and a line that was there is kept', LONG, () => {
    const line = fc.constantFrom('A=1\n', 'A=2\n', 'B=1\n', '# c\n', '\n', 'export A=1\n', 'C="x\ny"\n');
    const file = fc.array(line, { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(file, file, (before, after) => {
        const [old, now] = [encrypt(before.join('')), Buffer.from(after.join(''))];
        const next = encrypt(now, old);
        expect(decrypt(next)).toEqual(now);
        const left = [...before];
        const expected = after.filter((one) => left.includes(one) && left.splice(left.indexOf(one), 1).length === 1).length;
        expect(keptLines(old, next)).toBe(expected);
        expect(next.equals(old)).toBe(before.join('') === after.join(''));
      }),
      { numRuns: cases(200) },
    );
  });

  test('20 000 equal lines take no quadratic time', LONG, () => {
    const file = encrypt('\n'.repeat(20_000));
    const { result, seconds } = measured(() => encrypt('\n'.repeat(20_000), file));
    expect(result.equals(file)).toBe(true);
    expect(seconds).toBeLessThan(3.5);
  });
});

describe('what is not encrypted', () => {
  const root = generateRootKey();
  const IN_ENV = 'take it out: a root key beside the file that it opens protects nothing; keep it in a file outside, or in the environment';

  test.each([
    ['a value', `LOCKFAST_ROOT_KEY=${root}\n`, 'LOCKFAST_ROOT_KEY'],
    ['a value in quotes', `K="${root}"\n`, 'K'],
    ['an exported value', `export K='${root}' # old\n`, 'K'],
    ['the middle of a value', `K=https://x/?key=${root}&a=b\n`, 'K'],
    ['the last line of a value', `K="a\nb ${root}\n"\n`, 'K'],
    ['a comment', `# K=${root}\n`, 'a comment'],
    ['junk', `${root}\n`, 'a comment'],
    ['behind another beginning', `K=lockfast-root-1.lockfast-root-1.${root}\n`, 'K'],
    ['behind one with a wrong checksum', `K=lockfast-root-1.${'A'.repeat(48)}${root}\n`, 'K'],
    ['before more characters', `K=${root}AAAA\n`, 'K'],
  ])('a root key in %s is refused', (_, text, where) => {
    const refusal = refusalOf(() => encrypt(`A=1\n${text}`));
    expect(refusal).toEqual({ code: 'root-key-in-env', message: `${where} holds a root key`, hint: IN_ENV });
    expect(JSON.stringify(refusal)).not.toContain(root.slice(16, 30));
  });

  test.each([`K=lockfast-root-1.${'A'.repeat(48)}\n`, 'K=lockfast-root-1.\n', `K=${root.slice(0, -1)}\n`, `K=${root.slice(16)}\n`])(
    'what only looks like a root key is not: %#',
    (text) => {
      expect(decrypt(encrypt(text)).toString()).toBe(text);
    },
  );

  test('an encrypted value is refused in every spelling of a value', () => {
    const value = linesOf(encrypt('A=1\n'))[1]!.slice(2);
    for (const text of [`A=${value}\n`, `A="${value}"\n`, `A='${value}'`, `export A= \`${value}\`\r\n`, `A = ${value} # rotated\n`, `A="${value}" # rotated\n`, `A=${value};\n`]) {
      expect(refusalOf(() => encrypt(`B=1\n${text}`)), text).toEqual({
        code: 'already-encrypted',
        message: 'A holds an encrypted value already',
        hint: 'decrypt the file that it came from and take the plaintext',
      });
    }
    expect(refusalOf(() => encrypt(`${value}\n`)).code).toBe('already-encrypted');
  });

  test('what only looks like an encrypted value is a value', () => {
    const value = linesOf(encrypt('A=1\n'))[1]!.slice(2);
    for (const text of ['A=lfv1.\n', 'A=lfv1.kq2d5x.abc\n', `A=${value.slice(0, 60)}\n`, `A=x${value}\n`, `A=url?value=${value}\n`, `# A=${value}\n`]) {
      expect(decrypt(encrypt(text)).toString(), text).toBe(text);
    }
  });

  test('an entry of more than 16 MiB is too large', () => {
    expect(refusalOf(() => encrypt(Buffer.concat([Buffer.from('A="'), Buffer.alloc(2 ** 24, '\n'), Buffer.from('"\n')])))).toEqual({
      code: 'too-large',
      message: 'the value is larger than 16 MiB',
      hint: 'keep the data in an encrypted file and its key here',
    });
  });
});

const SECRET = 'correct-horse-battery';
const table = await tamperings(SECRET);
const staging = await newRing('staging');

describe('a file altered on purpose does not open', () => {
  test.each(table.map((one) => [one.title, one] as const))('%s', (_, { file, scope: to, refusal }) => {
    const found = refusalOf(() => openEnvFile(file, to, WHERE));
    expect(found).toEqual({ ...refusal, hint: expect.stringMatching(refusal.hint) });
    expect(JSON.stringify(found)).not.toContain(SECRET);
  });

  test('[B4] a value does not open in another environment, tenant, file or under another name', () => {
    const spliced = table.filter(({ title }) => /^the value of|renamed|swapped/.test(title));
    expect(spliced.length).toBeGreaterThanOrEqual(14);
    for (const { file, scope: to, title } of spliced) {
      expect(['tampered', 'wrong-key', 'moved-or-altered', 'missing-key'], title).toContain(refusalOf(() => openEnvFile(file, to, WHERE)).code);
    }
  });

  test('[S7] an accident, a wrong key and a forgery are three codes', async () => {
    const file = encrypt('A=1\n');
    const accident = Buffer.from(file);
    accident[300]! ^= 1;
    const forged = table.find(({ title }) => title === 'two values swapped')!;
    const wrong = table.find(({ title }) => title === 'another ring with a key of the same id')!;
    expect(refusalOf(() => open(accident)).code).toBe('damaged');
    expect(refusalOf(() => openEnvFile(wrong.file, wrong.scope, WHERE)).code).toBe('wrong-key');
    expect(refusalOf(() => openEnvFile(forged.file, forged.scope, WHERE)).code).toBe('tampered');
  });

  test('[W7] a file of one environment is refused in another, and says so before it says anything of keys', async () => {
    const file = encrypt('A=1\n');
    expect(refusalOf(() => openEnvFile(file, { ring: staging, tenant: '' }, '.env.encrypted'))).toEqual({
      code: 'wrong-environment',
      message: '.env.encrypted is of the environment production, the key ring of staging',
      hint: expect.stringContaining('the key ring of production'),
    });
  });

  test('a newer generation of the ring opens older files, and its floor is in what it writes', () => {
    const file = encrypt('A=1\n');
    const newer = { ring: ring.withNewKey().withNewKey(), tenant: '' };
    expect(decrypt(file, newer).toString()).toBe('A=1\n');
    const next = encrypt('A=2\n', file, newer);
    expect(parseFile(next, 'x').header.ring).toEqual(newer.ring.version);
    expect(refusalOf(() => open(next)).code).toBe('ring-older');
  });
});
