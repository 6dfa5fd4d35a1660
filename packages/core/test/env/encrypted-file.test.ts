/** The text of an encrypted env file: its forms, and every way to damage it by accident. */
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';

import { encryptEnvFile, type EnvScope, isEncryptedFile, openEnvFile, parseFile, splitEntries } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';

import { refusalOf } from '../files/refusal.ts';
import { cases, DEEP, LONG } from '../formats/scale.ts';
import { newRing } from './rings.ts';
import { linesOf, withChecksum } from './second-writer.ts';

const HINT: unknown = expect.stringMatching(/restore it from git or a backup/);
const CUT = { code: 'damaged', message: '.env.encrypted is cut short, or something follows its last line', hint: HINT };
const CHECKSUM = { code: 'damaged', message: '.env.encrypted does not match its own checksum', hint: HINT };
const HEADER = { code: 'damaged', message: '.env.encrypted has a header that is not laid out as it must be', hint: HINT };
const LINE = { code: 'damaged', message: '.env.encrypted has a line that is not laid out as it must be', hint: HINT };
const NOT_ENCRYPTED = { code: 'not-encrypted', message: '.env.encrypted is not an encrypted env file', hint: expect.stringContaining('lockfast env encrypt') as unknown };
const EMPTY = { code: 'empty-file', message: '.env.encrypted is empty', hint: HINT };

let scope: EnvScope;
/** Small, so that each of its bytes can be tried. */
let small: Buffer;
let lines: string[];

beforeAll(async () => {
  scope = { ring: await newRing(), tenant: 'acme' };
  small = encryptEnvFile({ entries: splitEntries(Buffer.from('# c\nA=1\nexport B=2\n')) }, scope);
  lines = linesOf(small);
});

const refusal = (bytes: Uint8Array) => refusalOf(() => openEnvFile(bytes, scope, '.env.encrypted'));

test('it is lines that a review can read: names are shown, values and comments are not', () => {
  expect(lines).toHaveLength(5);
  const { ring, generation, digest } = scope.ring.version;
  const key = scope.ring.active().id;
  const fields = `environment=production tenant=acme key=${key} derivation=hkdf salt=[A-Za-z0-9_-]{43} ring=${ring}:${generation}:${digest} revision=1`;
  expect(lines[0]).toMatch(new RegExp(`^#lockfast-env/1 ${fields}$`));
  expect(lines[1]).toMatch(new RegExp(`^#=lfv1\\.${key}\\.[A-Za-z0-9_-]+$`));
  expect(lines[2]).toMatch(new RegExp(`^A=lfv1\\.${key}\\.[A-Za-z0-9_-]+$`));
  expect(lines[3]).toMatch(new RegExp(`^export B=lfv1\\.${key}\\.[A-Za-z0-9_-]+$`));
  expect(lines[4]).toMatch(/^#lockfast-end check=[A-Za-z0-9_-]{22} mac=[A-Za-z0-9_-]{43} sha256=[A-Za-z0-9_-]{43}$/);
  expect(small.at(-1)).toBe(0x0a);
});

test('the header can be read without any key', () => {
  const { header, lines: parsed } = parseFile(small, '.env.encrypted');
  expect(header).toMatchObject({ environment: 'production', tenant: 'acme', key: scope.ring.active().id, derivation: { name: 'hkdf' }, ring: scope.ring.version, revision: 1 });
  expect(header.salt).toHaveLength(32);
  expect(parsed.map(({ kind, name }) => [kind, name])).toEqual([
    ['other', ''],
    ['assignment', 'A'],
    ['export', 'B'],
  ]);
});

test.each(['', 'acme', 'wip.example.com', 'Müller & Söhne = 100 %', 'a b\nc', '#lockfast-end ', '../../etc', '日本', "!'()*~", 'x'.repeat(2_000)])('the tenant %j comes back', (tenant) => {
  const file = encryptEnvFile({ entries: splitEntries(Buffer.from('A=1\n')) }, { ...scope, tenant });
  expect(parseFile(file, 'x').header.tenant).toBe(tenant);
  expect(openEnvFile(file, { ...scope, tenant }, 'x').entries).toHaveLength(1);
  expect([...file].every((byte) => byte === 0x0a || (byte >= 0x20 && byte < 0x7f))).toBe(true);
});

test('a file of no entries has a header and a last line, and opens', () => {
  const file = encryptEnvFile({ entries: [] }, scope);
  expect(linesOf(file)).toHaveLength(2);
  expect(openEnvFile(file, scope, 'x').entries).toEqual([]);
});

describe('[E1] [S7] an accidental change is told apart from a wrong key, whatever it is', LONG, () => {
  test('every change of one byte', () => {
    for (let at = 0; at < small.length; at++) {
      const altered = Buffer.from(small);
      const original = small[at]!;
      const others = DEEP ? Array.from({ length: 255 }, (_, i) => original ^ (i + 1)) : [original ^ 1, original ^ 0x20, original ^ 0x80, 0x0a, 0x0d];
      for (const byte of others) {
        if (byte === original) continue;
        altered[at] = byte;
        expect([CUT, CHECKSUM], `byte ${at} as ${byte}`).toContainEqual(refusal(altered));
      }
    }
  });

  test('every truncation', () => {
    expect(refusal(small.subarray(0, 0))).toEqual(EMPTY);
    for (let length = 1; length < small.length; length++) expect(refusal(small.subarray(0, length)), `${length} bytes`).toEqual(CUT);
  });

  test('a beginning that is missing', () => {
    for (let from = 1; from < small.length; from++) {
      expect([CUT, CHECKSUM, NOT_ENCRYPTED], `without ${from} bytes`).toContainEqual(refusal(small.subarray(from)));
    }
  });

  test('every byte appended, put before or put in', () => {
    for (let byte = 0; byte < 256; byte++) {
      const one = Buffer.of(byte);
      expect(refusal(Buffer.concat([small, one]))).toEqual(CUT);
      expect([CHECKSUM, CUT]).toContainEqual(refusal(Buffer.concat([one, small])));
      const at = Math.floor((byte * small.length) / 256);
      expect([CHECKSUM, CUT]).toContainEqual(refusal(Buffer.concat([small.subarray(0, at), one, small.subarray(at)])));
    }
  });

  test('any piece replaced by any other', () => {
    fc.assert(
      fc.property(fc.nat(small.length), fc.nat(60), fc.uint8Array({ maxLength: 60 }), (at, length, piece) => {
        const altered = Buffer.concat([small.subarray(0, at), piece, small.subarray(at + length)]);
        if (altered.equals(small)) return;
        expect([CUT, CHECKSUM, NOT_ENCRYPTED, EMPTY]).toContainEqual(refusal(altered));
      }),
      { numRuns: cases(2_000) },
    );
  });

  test.each([
    ['twice the same file', () => Buffer.concat([small, small]), CHECKSUM],
    ['line ends made CR LF, as git may do', () => Buffer.from(small.toString('latin1').replaceAll('\n', '\r\n'), 'latin1'), CUT],
    ['an editor that takes the last newline', () => small.subarray(0, -1), CUT],
    ['an editor that adds one', () => Buffer.concat([small, Buffer.from('\n')]), CUT],
    ['an editor that adds a byte order mark', () => Buffer.concat([Buffer.from('\ufeff'), small]), CHECKSUM],
    ['UTF-16', () => Buffer.from(small.toString('latin1'), 'utf16le'), NOT_ENCRYPTED],
    ['a conflict of git', () => Buffer.from(`<<<<<<< HEAD\n${lines.join('\n')}\n=======\n${lines.join('\n')}\n>>>>>>> side\n`), NOT_ENCRYPTED],
    ['only its last line', () => Buffer.from(`\n${lines.at(-1)}\n`), CHECKSUM],
  ])('%s', (_, alter, expected) => {
    expect(refusal(alter())).toEqual(expected);
  });
});

test.each([
  ['nothing', '', EMPTY],
  ['a plaintext env file', 'A=1\n', NOT_ENCRYPTED],
  ['a comment', '#', CUT],
  ['a comment that is a header so far', '#lockfast-', CUT],
  ['another comment', '#lockfast\n', NOT_ENCRYPTED],
  ['NUL', '\0'.repeat(1_000), NOT_ENCRYPTED],
  ['a Fernet token', 'gAAAAABk', NOT_ENCRYPTED],
])('%s is no encrypted file', (_, text, expected) => {
  expect(refusal(Buffer.from(text))).toEqual(expected);
  expect(isEncryptedFile(Buffer.from(text))).toBe(expected === CUT);
});

describe('with a checksum that fits, the layout is checked to the letter', () => {
  const header = (from: string | RegExp, to: string) => (): Buffer => withChecksum([lines[0]!.replace(from, to), ...lines.slice(1)]);
  const OUT_OF_RANGE = {
    code: 'parameters-out-of-range',
    message: '.env.encrypted: the PBKDF2 iteration count is not between 100000 and 10000000',
    hint: 'the file was made by other software or altered: restore it from a backup',
  };
  const UNSUPPORTED = { code: 'unsupported-format', message: '.env.encrypted has a format that this Lockfast does not know', hint: 'upgrade Lockfast on this machine' };

  const layouts: readonly (readonly [title: string, alter: () => Buffer, expected: object])[] = [
    ['a newer format', header('env/1', 'env/2'), UNSUPPORTED],
    ['a format of two digits', header('env/1', 'env/11'), UNSUPPORTED],
    ['no format number', header('env/1', 'env/'), UNSUPPORTED],
    ['a field too many', header(/$/, ' later=1'), HEADER],
    ['a field missing', header(/ revision=\d+/, ''), HEADER],
    ['fields in another order', header(/(environment=\S+) (tenant=\S+)/, '$2 $1'), HEADER],
    ['a field twice', header(/(tenant=\S+)/, '$1 $1'), HEADER],
    ['two spaces', header(' tenant', '  tenant'), HEADER],
    ['a space at the end', header(/$/, ' '), HEADER],
    ['a tab', header(' tenant', '\ttenant'), HEADER],
    ['an empty environment', header(/environment=\S+/, 'environment='), HEADER],
    ['an environment that is no name', header(/environment=\S+/, 'environment=..%2F'), HEADER],
    ['an environment of 65 characters', header(/environment=\S+/, `environment=${'e'.repeat(65)}`), HEADER],
    ['a tenant with needless percent-encoding', header(/tenant=\S+/, 'tenant=%61cme'), HEADER],
    ['percent-encoding in lower case', header(/tenant=\S+/, 'tenant=%c3%a9'), HEADER],
    ['percent-encoding that is not UTF-8', header(/tenant=\S+/, 'tenant=%FF'), HEADER],
    ['percent-encoding that is cut', header(/tenant=\S+/, 'tenant=%C'), HEADER],
    ['a raw character that must be encoded', header(/tenant=\S+/, 'tenant=a/b'), HEADER],
    ['a key id of five characters', header(/key=\S+/, 'key=abcde'), HEADER],
    ['a key id in upper case', header(/key=\S+/, 'key=ABCDEF'), HEADER],
    ['an unknown derivation', header('hkdf', 'scrypt'), HEADER],
    ['no derivation', header('hkdf', ''), HEADER],
    ['PBKDF2 without a count', header('hkdf', 'pbkdf2-sha256'), HEADER],
    ['PBKDF2 with a leading zero', header('hkdf', 'pbkdf2-sha256:0600000'), HEADER],
    ['PBKDF2 with an exponent', header('hkdf', 'pbkdf2-sha256:6e5'), HEADER],
    ['PBKDF2 with 13 digits', header('hkdf', 'pbkdf2-sha256:1000000000000'), HEADER],
    ['PBKDF2 with 0 iterations', header('hkdf', 'pbkdf2-sha256:0'), HEADER],
    ['PBKDF2 with 1 iteration', header('hkdf', 'pbkdf2-sha256:1'), OUT_OF_RANGE],
    ['PBKDF2 with 99 999 iterations', header('hkdf', 'pbkdf2-sha256:99999'), OUT_OF_RANGE],
    ['PBKDF2 with 10 000 001 iterations', header('hkdf', 'pbkdf2-sha256:10000001'), OUT_OF_RANGE],
    ['PBKDF2 with 10^9 iterations', header('hkdf', 'pbkdf2-sha256:1000000000'), OUT_OF_RANGE],
    ['a salt of 31 bytes', header(/salt=\S+/, `salt=${Buffer.alloc(31).toString('base64url')}`), HEADER],
    ['a salt of 33 bytes', header(/salt=\S+/, `salt=${Buffer.alloc(33).toString('base64url')}`), HEADER],
    ['a salt with surplus bits', header(/salt=\S+/, `salt=${'A'.repeat(42)}B`), HEADER],
    ['a salt in base64 with padding', header(/salt=\S+/, `salt=${'A'.repeat(43)}=`), HEADER],
    ['a ring id of 15 characters', header(/ring=[a-z2-7]{16}/, `ring=${'a'.repeat(15)}`), HEADER],
    ['generation 0', header(/:1:/, ':0:'), HEADER],
    ['generation -1', header(/:1:/, ':-1:'), HEADER],
    ['generation 1.5', header(/:1:/, ':1.5:'), HEADER],
    ['generation 2^53', header(/:1:/, ':9007199254740992:'), HEADER],
    ['a digest that is cut', header(/ revision/, ''), HEADER],
    ['revision 0', header(/revision=1/, 'revision=0'), HEADER],
    ['revision 01', header(/revision=1/, 'revision=01'), HEADER],
    ['revision +1', header(/revision=1/, 'revision=+1'), HEADER],
    ['revision 1e3', header(/revision=1/, 'revision=1e3'), HEADER],
    ['revision 0x10', header(/revision=1/, 'revision=0x10'), HEADER],
    ['revision 2^53', header(/revision=1/, 'revision=9007199254740992'), HEADER],
    ['no revision', header(/revision=1/, 'revision='), HEADER],
    ['an empty line', () => withChecksum([lines[0]!, '', ...lines.slice(1)]), LINE],
    ['a plaintext line', () => withChecksum([lines[0]!, 'EXTRA=1', ...lines.slice(1)]), LINE],
    ['a plaintext comment', () => withChecksum([lines[0]!, '# note', ...lines.slice(1)]), LINE],
    ['a line without a name', () => withChecksum([lines[0]!, lines[2]!.slice(1), ...lines.slice(3)]), LINE],
    ['a name in quotes', () => withChecksum([lines[0]!, `"A"${lines[2]!.slice(1)}`, ...lines.slice(3)]), LINE],
    ['export of a comment', () => withChecksum([lines[0]!, `export ${lines[1]}`, ...lines.slice(2)]), LINE],
    ['export with two spaces', () => withChecksum([...lines.slice(0, 3), lines[3]!.replace('export ', 'export  '), lines[4]!]), LINE],
    ['a space before the value', () => withChecksum([lines[0]!, lines[1]!, lines[2]!.replace('=', '= '), ...lines.slice(3)]), LINE],
    ['a space after the value', () => withChecksum([lines[0]!, lines[1]!, `${lines[2]} `, ...lines.slice(3)]), LINE],
    ['CR at the end of a line', () => withChecksum([lines[0]!, lines[1]!, `${lines[2]}\r`, ...lines.slice(3)]), LINE],
    ['a second header', () => withChecksum([lines[0]!, ...lines]), LINE],
    ['a second last line', () => withChecksum([...lines, lines.at(-1)!]), LINE],
    ['a MAC with surplus bits', () => withChecksum([...lines.slice(0, -1), withSurplusBits(lines.at(-1)!)]), {
      code: 'damaged',
      message: '.env.encrypted has a last line that is not laid out as it must be',
      hint: HINT,
    }],
  ];

  test.each(layouts)('%s', (_, alter, expected) => {
    const start = performance.now();
    expect(refusal(alter())).toEqual(expected);
    // A count of 10^9 would take minutes.
    expect(performance.now() - start).toBeLessThan(5_000);
  });
});

/** The same 32 bytes of MAC, written otherwise: base64url of 32 bytes leaves two bits over. */
function withSurplusBits(last: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return last.replace(/(mac=[\w-]{42})([\w-])/, (_, before: string, digit: string) => before + alphabet[alphabet.indexOf(digit) ^ 1]!);
}

test('any text under a fitting checksum is refused with one of the codes', LONG, () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary-ascii', maxLength: 80 }), { maxLength: 6 }), fc.boolean(), (own, headed) => {
      const file = withChecksum([headed ? lines[0]! : (own[0] ?? ''), ...own, lines.at(-1)!]);
      expect(() => openEnvFile(file, scope, 'x')).toThrow(LockfastError);
    }),
    { numRuns: cases(3_000) },
  );
});
