/** What is warned of before a file is encrypted. It refuses nothing, and shows names and lines, never a value. */
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { portabilityWarnings } from '@lockfast/core/env';

import { cases } from '../formats/scale.ts';
import { envLikeBytes } from './generators.ts';
import { SAMPLE } from './sample.ts';

const warnings = (text: string | Uint8Array): string[] => portabilityWarnings(Buffer.from(text)).map(({ where, what }) => `${where}: ${what}`);

const MARK = 'line 1: begins with a byte order mark: Node and systemd take it as part of the first name';
const CRLF = 'lines: end in CR LF: a shell keeps the CR in the value';
const NUL = 'file: holds a NUL byte: systemd refuses it, and no environment variable can carry it';
const NOT_UTF8 = 'file: is not UTF-8: systemd, Docker and Python refuse it, others replace characters';
const dropped = (names: string): string => `${names}: a name that systemd and shells such as dash drop from the environment`;
const docker = (names: string): string => `${names}: read otherwise by \`docker --env-file\`, which takes quotes and comments as part of the value`;
const different = (names: string): string => `${names}: read differently by different programs: compare with \`lockfast env list --reveal --dialect NAME\``;

test.each([
  ['a plain file', 'A=1\nB=two\n# c\n\nC=x/y.z:1@h%+,-\n', []],
  ['nothing', '', []],
  ['quotes', 'A="x y"\nB=\'z\'\n', [docker('A, B')]],
  ['a hash', 'A=abc#def\n', [different('A')]],
  ['a backslash', 'A=C:\\new\n', [different('A')]],
  ['a dotted and a dashed name', 'A.B=1\nC-D=1\n9E=1\n', [dropped('A.B, C-D, 9E'), different('A.B, C-D, 9E')]],
])('%s', (_, text, expected) => {
  expect(warnings(text)).toEqual(expected);
});

test.each([
  ['a byte order mark', '\ufeffA=1\n', MARK],
  ['CR LF', 'A=1\r\n', CRLF],
  ['NUL', 'A=a\0b\n', NUL],
  ['a byte that is not UTF-8', Buffer.from('A=caf\xe9\n', 'latin1'), NOT_UTF8],
  ['a surrogate in UTF-8', Buffer.from('A=\xed\xa0\x80\n', 'latin1'), NOT_UTF8],
  ['an overlong form', Buffer.from('A=\xc0\xaf\n', 'latin1'), NOT_UTF8],
])('%s is warned of', (_, text, warning) => {
  expect(warnings(text)).toContain(warning);
});

test('a long list of names is cut', () => {
  expect(warnings('A-A=1\nA-B=1\nA-C=1\nA-D=1\nA-E=1\nA-F=1\nA-G=1\nA-G=1\nA-H=1\n')[0]).toBe(dropped('A-A, A-B, A-C, A-D, A-E, A-F and 2 more'));
});

test('a real file: its warnings name no value', () => {
  const all = warnings(SAMPLE).join('\n');
  for (const warning of [MARK, CRLF, NUL, NOT_UTF8]) expect(all).toContain(warning);
  for (const word of ['s3cr3t', 'zq8V', 'MC4C', 'first line', 'café', 'junk']) expect(all, word).not.toContain(word);
});

test('any bytes: no failure, and only what a terminal shows', () => {
  fc.assert(
    fc.property(fc.oneof(envLikeBytes, fc.uint8Array({ maxLength: 60 })), (bytes) => {
      for (const warning of warnings(bytes)) expect(warning).toMatch(/^[\x20-\x7e]+$/);
    }),
    { numRuns: cases(1_000) },
  );
});

test('a large file is too much for every dialect, and still no failure', () => {
  expect(warnings(Buffer.alloc(17 * 2 ** 20, `A=${'x'.repeat(1_000)}\n`))).toEqual([]);
});
