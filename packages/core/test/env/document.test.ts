/** The splitter: lossless for any bytes, in linear time, and an entry on its own is still that entry. */
import { existsSync, readFileSync } from 'node:fs';

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { isVariableName, printEntries, splitEntries } from '@lockfast/core/env';

import { refusalOf } from '../files/refusal.ts';
import { cases, LONG } from '../formats/scale.ts';
import { anyBytes, envLikeBytes } from './generators.ts';
import { measured } from './measured.ts';

/** `A` an assignment, `export A`, `#` anything else; `/3` after an entry of three lines. */
function shape(bytes: Uint8Array): string {
  return splitEntries(bytes)
    .map(({ kind, name, bytes: own }) => {
      const lines = own.toString('latin1').replace(/\n$/, '').split('\n').length;
      return `${{ other: '#', export: `export ${name}`, assignment: name }[kind]}${lines > 1 ? `/${lines}` : ''}`;
    })
    .join(' ');
}

const TRICKY: readonly (readonly [input: string, entries: string])[] = [
  // lines
  ['', ''],
  ['\n', '#'],
  ['\n\n\n', '# # #'],
  ['A=1', 'A'],
  ['A=1\nB=2', 'A B'],
  ['A=1\r\nB=2\r\n', 'A B'],
  ['A=1\rB=2\n', 'A'],
  ['A=1\n\r\nB=2\n', 'A # B'],
  ['# A=1\n', '#'],
  ['  # A=1\n', '#'],
  [' \t \n', '#'],
  ['A=1 \\\nB=2\n', 'A B'],
  ['# continued \\\nA=1\n', '# A'],
  // names
  ['=1\n', '#'],
  ['A\n', '#'],
  ['A B=1\n', '#'],
  ['A B\n=1\n', '# #'],
  ['A\n=1\n', '# #'],
  [' \tA \t= \t1\n', 'A'],
  ['A:1\n', '#'],
  ['-=1\n', '-'],
  ['.=1\n', '.'],
  ['9=1\n', '9'],
  ['a.b-c_D=1\n', 'a.b-c_D'],
  ['A+=1\n', '#'],
  // padded base64 on a line of its own is no name to show
  ['cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=\n', '#'],
  ['  AwEHoUQDQgAE+/x=\n', '#'],
  ['  AwEHoUQDQgAExw==\r\n', '#'],
  ['AwEHoUQDQgAExyz=', '#'],
  ['AwEHoUQDQgAExyz=1\n', 'AwEHoUQDQgAExyz'],
  ['AwEHoUQDQgAExy=\n', 'AwEHoUQDQgAExy'],
  ['AWS_SECRET_ACCESS_KEY01=\n', 'AWS_SECRET_ACCESS_KEY01'],
  ['aws_secret_access_key01=\n', 'aws_secret_access_key01'],
  ['export AwEHoUQDQgAExyz=\n', 'export AwEHoUQDQgAExyz'],
  ['KEY=-----BEGIN KEY-----\nMHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04fSeQ6tF1aY\nAwEHoUQDQgAE5w==\n-----END KEY-----\n', 'KEY # # #'],
  ['A[0]=1\n', '#'],
  ['__proto__=1\nconstructor=2\n', '__proto__ constructor'],
  ['lfv1.kq2d5x.x=1\n', 'lfv1.kq2d5x.x'],
  ['É=1\n', '#'],
  ['A\u00a0=1\n', '#'],
  ['A\0=1\n', '#'],
  ['\0A=1\n', '#'],
  ['A==\n', 'A'],
  ['A=B=C\n', 'A'],
  // export
  ['export A=1\n', 'export A'],
  ['export\t A=1\n', 'export A'],
  ['  export A=1\n', 'export A'],
  ['export=1\n', 'export'],
  ['export =1\n', 'export'],
  ['export export=1\n', 'export export'],
  ['export A\n', '#'],
  ['exportA=1\n', 'exportA'],
  ['EXPORT A=1\n', '#'],
  ['set A=1\n', '#'],
  // byte order mark
  ['\ufeffA=1\n', 'A'],
  ['\ufeff export A=1\n', 'export A'],
  ['\ufeff# c\nA=1\n', '# A'],
  ['A=1\n\ufeffB=2\n', 'A B'],
  ['\ufeff\ufeffA=1\n', '#'],
  ['\ufeff', '#'],
  // quotes
  ['A="1\n2"\nB=3\n', 'A/2 B'],
  ["A='1\n\n2'\nB=3\n", 'A/3 B'],
  ['A=`1\n2`\nB=3\n', 'A/2 B'],
  ['A= \t"1\n2"\n', 'A/2'],
  ['export A="1\n2"\n', 'export A/2'],
  ['A="1\r\n2"\r\nB=3\r\n', 'A/2 B'],
  ['A="1\n2" # c\nB=3\n', 'A/2 B'],
  ['A="1\n2"B=3\nC=4\n', 'A/2 C'],
  ['A="1\n2', 'A #'],
  ['A="1\nB=2\n', 'A B'],
  ["A='1\nB=2'\nC=3\n", 'A/2 C'],
  ['A="1\nB="2"\n', 'A/2'],
  ["A='it\\'s'\nB='2'\n", 'A B'],
  ['A="a\\"b\nc"\nB=1\n', 'A/2 B'],
  ['A="a\\\\"\nB="b"\n', 'A B'],
  ['A="\\\n"\nB=1\n', 'A/2 B'],
  ["A='a\\\\'\nB=1\n", 'A B'],
  ['A="\'\n\'"\nB=1\n', 'A/2 B'],
  ['A=""\nB=""\n', 'A B'],
  ['A=\n"1\n2"\n', 'A # #'],
  ['A=a"1\n2"\n', 'A #'],
  ['# "quoted\nA=1\n# end"\n', '# A #'],
  ['A="', 'A'],
  ['A="\n', 'A'],
  ['A="\\"\nB=1\n', 'A B'],
  ['A=""""\nB=1\n', 'A B'],
  ['A="1\nB=`2\nC=`3"\nD=4\n', 'A/3 D'],
  // what a JSON, a key in PEM and a certificate look like
  ['A={\n  "b": 1\n}\n', 'A # #'],
  ["A='{\n  \"b\": 1\n}'\n", 'A/3'],
  ['A="-----BEGIN X-----\nab+/=\n-----END X-----\n"\nB=1\n', 'A/4 B'],
];

test.each(TRICKY)('%j is cut into %j', (input, entries) => {
  const bytes = Buffer.from(input, 'utf8');
  expect(shape(bytes)).toBe(entries);
  expect(printEntries(splitEntries(bytes))).toEqual(bytes);
});

const VECTORS = new URL('../../../../../shared/vectors/dotenv-dialects.json', import.meta.url);

/** The entries of the inputs in the published comparison of dialects, by their names there. */
const PUBLISHED: Readonly<Record<string, string>> = {
  unq_trailing_backslash: 'A B',
  dollar_unq: 'X A',
  dollar_brace_dq: 'X A',
  dollar_sq: 'X A',
  multiline_dq: 'A/2 B',
  export: 'export A',
  no_equals: '# B',
  empty: 'A B',
  dup: 'A A',
  colon: '# B',
  semicolon_comment: '# A',
  crlf: 'A B C',
  nul: 'A B',
  invalid_utf8: 'A B',
  key_dash: 'A-B',
  key_dot: 'A.B',
  key_digit: '1A',
  pem_sq: 'A/4 B',
};

test.skipIf(!existsSync(VECTORS))('the inputs of the published comparison of dialects, where it is at hand', () => {
  const { cases: inputs } = JSON.parse(readFileSync(VECTORS, 'utf8')) as { cases: { name: string; bytes_hex: string }[] };
  expect(inputs.length).toBeGreaterThanOrEqual(36);
  for (const { name, bytes_hex: hex } of inputs) {
    const bytes = Buffer.from(hex, 'hex');
    expect(shape(bytes), name).toBe(PUBLISHED[name] ?? 'A');
    expect(printEntries(splitEntries(bytes)), name).toEqual(bytes);
  }
});

describe('for any bytes', LONG, () => {
  test('[B2] the entries joined again are the same bytes', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => printEntries(splitEntries(bytes)).equals(bytes)),
      { numRuns: cases(30_000) },
    );
    fc.assert(
      fc.property(envLikeBytes, (bytes) => printEntries(splitEntries(bytes)).equals(bytes)),
      { numRuns: cases(35_000) },
    );
  });

  test('an entry on its own is that one entry: what an encrypted line is checked against', () => {
    fc.assert(
      fc.property(envLikeBytes, (bytes) => splitEntries(bytes).every((entry) => isItself(entry))),
      { numRuns: cases(35_000) },
    );
  });
});

function isItself(entry: ReturnType<typeof splitEntries>[number]): boolean {
  const again = splitEntries(entry.bytes);
  return again.length === 1 && again[0]!.kind === entry.kind && again[0]!.name === entry.name && again[0]!.bytes.equals(entry.bytes);
}

describe('at the edge of the 1024 bytes that are looked at for a name', () => {
  test.each([1020, 1021, 1022, 1023, 1024, 1025, 1026])('a name of %i characters', (length) => {
    const name = 'N'.repeat(length);
    const [entry, ...more] = splitEntries(Buffer.from(`${name}="a\nb"\n`));
    expect(entry!.name).toBe(length < 1024 ? name : '');
    expect(isVariableName(name)).toBe(length < 1024);
    // Nobody's name, nobody's quote: then it is lines.
    expect(more).toHaveLength(length < 1024 ? 0 : 1);
  });

  test.each([1018, 1020, 1021, 1022, 1023, 1024])('%i spaces before the quote', (spaces) => {
    const bytes = Buffer.from(`A=${' '.repeat(spaces)}"a\nb"\nB=1\n`);
    const entries = splitEntries(bytes);
    expect(printEntries(entries)).toEqual(bytes);
    expect(entries.every(isItself)).toBe(true);
    expect(entries).toHaveLength(spaces <= 1022 ? 2 : 3);
  });

  test.each([1016, 1017, 1018, 1019])('a name after `export` and %i spaces', (spaces) => {
    const [entry] = splitEntries(Buffer.from(`export${' '.repeat(spaces)}A=1\n`));
    expect(entry!.kind).toBe(spaces <= 1016 ? 'export' : 'other');
  });
});

describe('8 MiB take linear time', () => {
  const SIZE = 8 * 2 ** 20;
  const hostile: Readonly<Record<string, () => Buffer>> = {
    'double quotes': () => Buffer.alloc(SIZE, '"'),
    'single quotes': () => Buffer.alloc(SIZE, "'"),
    backslashes: () => Buffer.alloc(SIZE, '\\'),
    'a quote and backslashes': () => Buffer.concat([Buffer.from('A="'), Buffer.alloc(SIZE, '\\')]),
    'long lines that open a quote': () => Buffer.alloc(SIZE, `A="${'x'.repeat(60)}\n`),
    'long lines that open each quote': () => Buffer.alloc(SIZE, `A="${'x'.repeat(40)}\nB='${'y'.repeat(40)}\nC=\`${'z'.repeat(40)}\n`),
    'quotes that never close': () => Buffer.concat([Buffer.from('A="\nB=\'\nC=`\n'), Buffer.alloc(SIZE, `D=${'x'.repeat(40)}\n`)]),
    'escaped quotes only': () => Buffer.concat([Buffer.from('A="\n'), Buffer.alloc(SIZE, `B=${'x'.repeat(40)}\\"\n`)]),
    'one name': () => Buffer.alloc(SIZE, 'a'),
    'one line of names': () => Buffer.alloc(SIZE, 'a='),
    spaces: () => Buffer.alloc(SIZE, ' '),
    'lines of spaces and no name': () => Buffer.alloc(SIZE, `${' '.repeat(1022)}a\n`),
    exports: () => Buffer.alloc(SIZE, 'export '),
    'exports of nothing': () => Buffer.alloc(SIZE, `export${' '.repeat(1000)}\n`),
    NUL: () => Buffer.alloc(SIZE),
    CR: () => Buffer.alloc(SIZE, '\r'),
    'byte order marks': () => Buffer.alloc(SIZE, '\ufeff'),
  };

  test.each(Object.keys(hostile))('%s', (name) => {
    const bytes = hostile[name]!();
    const { result: entries, seconds } = measured(() => splitEntries(bytes));
    expect(seconds).toBeLessThan(2);
    expect(printEntries(entries).equals(bytes)).toBe(true);
  });

  test.each([
    ['blank lines', '\n'],
    ['lines that open a quote', 'A="\n'],
    ['empty assignments', 'A=\n'],
  ])('%s are more entries than an encrypted file can hold: refused before they take the memory', (_, line) => {
    const bytes = Buffer.alloc(SIZE, line);
    const { result: refusal, seconds } = measured(() => refusalOf(() => splitEntries(bytes)));
    expect(refusal).toEqual({
      code: 'too-large',
      message: 'an env file has more than 524288 entries',
      hint: 'check that it is the right file',
    });
    expect(seconds).toBeLessThan(2);
  });
});
