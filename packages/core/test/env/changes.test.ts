/** What a diff says of two files: names and what happened, never a value. */
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { changesBetween, splitEntries } from '@lockfast/core/env';

import { cases } from '../formats/scale.ts';
import { envLikeBytes, orderlyFile } from './generators.ts';
import { measured } from './measured.ts';

/** `+A` added, `-A` removed, `~A` changed, `>A` moved; `#` for comments and blank lines. */
function changes(before: string | Uint8Array, after: string | Uint8Array): string {
  const signs = { added: '+', removed: '-', changed: '~', moved: '>' };
  return changesBetween(splitEntries(Buffer.from(before)), splitEntries(Buffer.from(after)))
    .map(({ name, what }) => `${signs[what]}${name === '' ? '#' : name}`)
    .join(' ');
}

test.each([
  ['nothing', 'A=1\n# c\nB=2\n', 'A=1\n# c\nB=2\n', ''],
  ['nothing in nothing', '', '', ''],
  ['all is new', '', 'A=1\nB=2\n', '+A +B'],
  ['all is gone', 'A=1\nB=2\n', '', '-A -B'],
  ['a value', 'A=1\nB=2\n', 'A=1\nB=3\n', '~B'],
  ['a comment behind a value', 'A=1\n', 'A=1 # c\n', '~A'],
  ['quotes', 'A=1\n', 'A="1"\n', '~A'],
  ['export', 'A=1\n', 'export A=1\n', '~A'],
  ['line ends', 'A=1\nB=2\n', 'A=1\r\nB=2\r\n', '~A ~B'],
  ['a name', 'A=1\nB=2\n', 'A=1\nC=2\n', '+C -B'],
  ['the case of a name', 'a=1\n', 'A=1\n', '+A -a'],
  ['a line inserted', 'A=1\nC=3\n', 'A=1\nB=2\nC=3\n', '+B'],
  ['a line removed', 'A=1\nB=2\nC=3\n', 'A=1\nC=3\n', '-B'],
  ['the first moved to the end', 'A=1\nB=2\nC=3\n', 'B=2\nC=3\nA=1\n', '>A'],
  ['the last moved to the front', 'A=1\nB=2\nC=3\n', 'C=3\nA=1\nB=2\n', '>C'],
  ['two swapped', 'A=1\nB=2\n', 'B=2\nA=1\n', '>B'],
  ['moved and changed', 'A=1\nB=2\nC=3\n', 'B=2\nC=3\nA=9\n', '~A'],
  ['added before all: nothing moved', 'A=1\nB=2\n', 'N=0\nA=1\nB=2\n', '+N'],
  ['a comment', '# c\nA=1\n', '# d\nA=1\n', '~#'],
  ['a blank line', 'A=1\nB=2\n', 'A=1\n\nB=2\n', '~#'],
  ['a comment carried elsewhere', '# c\nA=1\nB=2\n', 'A=1\n# c\nB=2\n', '>#'],
  ['a comment and a value', '# c\nA=1\n', '# d\nA=2\n', '~A ~#'],
  ['the final newline', 'A=1\nB=2\n', 'A=1\nB=2', ''],
  ['a line after the one without a newline', 'A=1', 'A=1\nB=2\n', '+B'],
  ['a comment after the one without a newline', '# c', '# c\n# d\n', '~#'],
  ['the second of two', 'A=1\nA=2\n', 'A=1\nA=3\n', '~A'],
  ['one of two removed', 'A=1\nA=1\n', 'A=1\n', '-A'],
  ['one more', 'A=1\n', 'A=1\nA=2\n', '+A'],
  ['a value of several lines', 'A="x\ny"\n', 'A="x\nz"\n', '~A'],
  ['a name from Object', '__proto__=1\n', '__proto__=2\nconstructor=1\n', '~__proto__ +constructor'],
])('%s', (_, before, after, expected) => {
  expect(changes(before, after)).toBe(expected);
});

test('any file: no change to itself, and none goes unsaid but that of the final newline', () => {
  const file = fc.oneof(envLikeBytes, orderlyFile);
  fc.assert(
    fc.property(file, file, (a, b) => {
      expect(changes(a, a)).toBe('');
      const ended = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1').replace(/\n$/, '');
      if (changes(a, b) === '') expect(ended(b)).toBe(ended(a));
    }),
    { numRuns: cases(2_000) },
  );
});

test('no value and no comment is in a change', () => {
  const found = changesBetween(splitEntries(Buffer.from('A=hunter2\n# hunter2\n')), splitEntries(Buffer.from('A=hunter3\n# hunter3\nB=hunter4\n')));
  expect(JSON.stringify(found)).not.toContain('hunter');
});

test('a file of 50 000 lines turned round takes no quadratic time', () => {
  const lines = Array.from({ length: 50_000 }, (_, i) => `V${i}=1\n`);
  const [before, after] = [lines.join(''), lines.toReversed().join('')];
  const { result, seconds } = measured(() => changes(before, after));
  expect(result.split(' ')).toHaveLength(49_999);
  expect(seconds).toBeLessThan(5);
});
