/** Setting and unsetting a variable: what is read back, and every other byte where it was. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { type Entry, printAssignment, printEntries, setVariable, splitEntries, unsetVariable } from '@lockfast/core/env';
import { type Dialect, DIALECT_NAMES, readEnv } from '@lockfast/core/env/dialects';
import { LockfastError } from '@lockfast/core/errors';

import { refusalOf } from '../files/refusal.ts';
import { cases, LONG } from '../formats/scale.ts';
import { envLikeBytes, orderlyFile } from './generators.ts';
import { SAMPLE } from './sample.ts';

const entriesOf = (text: string | Uint8Array): Entry[] => splitEntries(Buffer.from(text));
const set = (text: string, name: string, value: string, dialect: Dialect = 'node'): string => printEntries(setVariable(entriesOf(text), name, value, dialect)).toString();
const unset = (text: string, name: string): string => printEntries(unsetVariable(entriesOf(text), name)).toString();

/** Values heavy in what some dialect gives a meaning to. */
const value = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({ unit: fc.constantFrom('a', ' ', '"', "'", '`', '\\', '\n', '\r', '\t', '$', '{', '}', '(', '#', '=', '!', '&', ';', '~', '*', 'é', '😀', '\u00a0', '\ufeff'), maxLength: 10 }),
);

describe('a value', () => {
  test.each([
    ['bare', 'abc', 'A=abc'],
    ['empty', '', 'A='],
    ['a URL', 'https://x.example:8080/a_b?', "A='https://x.example:8080/a_b?'"],
    ['base64', 'aGVsbG8+/w==', 'A=aGVsbG8+/w=='],
    ['spaces', ' a b ', "A=' a b '"],
    ['a hash', 'a#b', "A='a#b'"],
    ['references', '$HOME ${x} $(id) `id`', "A='$HOME ${x} $(id) `id`'"],
    ['JSON', '{"a":"b#c"}', `A='{"a":"b#c"}'`],
    ['an apostrophe', "it's", `A="it's"`],
    ['lines', 'a\nb\n', "A='a\nb\n'"],
    ['backslashes', 'C:\\new\\path', "A='C:\\new\\path'"],
    ['both quotes', `'"`, 'A=`\'"`'],
    ['a key in PEM', '-----BEGIN X-----\nab+/=\n-----END X-----\n', "A='-----BEGIN X-----\nab+/=\n-----END X-----\n'"],
  ])('%s is written so that most programs agree', (_, text, line) => {
    expect(printAssignment('A', text, 'node').toString()).toBe(`${line}\n`);
  });

  test.each([...DIALECT_NAMES])('in %s: any value is read back exactly, or refused', { ...LONG }, (dialect) => {
    let printed = 0;
    fc.assert(
      fc.property(value, (text) => {
        try {
          const line = printAssignment('A', text, dialect);
          expect([...readEnv(line, dialect).variables]).toEqual([['A', text]]);
          expect(splitEntries(line)).toHaveLength(1);
          printed++;
        } catch (error) {
          expect(error).toBeInstanceOf(LockfastError);
          expect(error).toMatchObject({
            code: 'unprintable-value',
            message: `no spelling of the value of A is read back right by ${dialect}`,
            hint: 'encode it, for example in base64, and decode it in the program; or use another --dialect',
          });
        }
      }),
      { numRuns: cases(800) },
    );
    expect(printed).toBeGreaterThan(100);
  });

  test.each([
    ['docker', 'a\nb'],
    ['docker', ' a'.padEnd(70_000, 'a')],
    ['node', '\ud800'],
    ['systemd', 'a\0b'],
    ['shell', 'a\0b'],
    ['python', '\udfff'],
  ] as const)('%s can not hold %#', (dialect, text) => {
    expect(refusalOf(() => printAssignment('A', text, dialect)).code).toBe('unprintable-value');
    expect(refusalOf(() => setVariable(entriesOf('B=1\n'), 'A', text, dialect)).code).toBe('unprintable-value');
  });

  test.each(['', 'A B', 'A=', 'A\n', '#A', 'É', 'A$', '$(id)', 'A\0', ' A', 'N'.repeat(1024)])('%j is no name', (name) => {
    expect(refusalOf(() => printAssignment(name, 'x', 'node'))).toEqual({
      code: 'invalid-name',
      message: 'the name of the variable is not usable',
      hint: 'use letters, digits, underscores, dots and dashes',
    });
  });

  test('the longest name is set, changed and unset as any other', () => {
    const name = 'N'.repeat(1023);
    const once = set('A=1\n', name, 'x');
    expect(set(once, name, 'y')).toBe(`A=1\n${name}=y\n`);
    expect(unset(once, name)).toBe('A=1\n');
  });
});

describe('setVariable', () => {
  test.each([
    ['in place', 'A=1\nB=2\nC=3\n', 'A=1\nB=new\nC=3\n'],
    ['at the end', 'A=1\n', 'A=1\nB=new\n'],
    ['into nothing', '', 'B=new\n'],
    ['after a last line without a newline', 'A=1', 'A=1\nB=new\n'],
    ['as the last line without a newline', 'A=1\nB=2', 'A=1\nB=new'],
    ['with export', 'export B=2\n', 'export B=new\n'],
    ['indented', '  B=2\n', '  B=new\n'],
    ['with spaces around the equals sign', 'B = 2\n', 'B=new\n'],
    ['with CR LF', 'A=1\r\nB=2\r\nC=3\r\n', 'A=1\r\nB=new\r\nC=3\r\n'],
    ['the last one of several', 'B=1\nB=2\nA=1\n', 'B=1\nB=new\nA=1\n'],
    ['over several lines', 'A=1\nB="x\ny\nz"\nC=3\n', 'A=1\nB=new\nC=3\n'],
    ['with its comment', '# about B\nB=2 # note\n', '# about B\nB=new\n'],
    ['not in a comment', '# B=2\n', '# B=2\nB=new\n'],
    ['not within another value', "A='\nB=2\n'\n", "A='\nB=2\n'\nB=new\n"],
    ['not in a name that ends so', 'AB=2\nA.B=2\n', 'AB=2\nA.B=2\nB=new\n'],
    ['behind blank lines', '\n\n', '\n\nB=new\n'],
  ])('%s', (_, before, after) => {
    expect(set(before, 'B', 'new')).toBe(after);
  });

  test('a line that only some dialects read keeps what stands before the name; where it is not read, that is said', () => {
    expect(set('\texport\t B=2\n', 'B', 'new', 'python')).toBe('\texport\t B=new\n');
    expect(refusalOf(() => set('\texport\t B=2\n', 'B', 'new', 'node')).code).toBe('unprintable-value');
    expect(set('\ufeffB=2\n', 'B', 'new', 'dotenv')).toBe('\ufeffB=new\n');
    expect(refusalOf(() => set('\ufeffB=2\n', 'B', 'new', 'node')).code).toBe('unprintable-value');
  });

  test('the same value again gives the same bytes', () => {
    const once = set('A=1\n', 'B', 'x y');
    expect(set(once, 'B', 'x y')).toBe(once);
  });

  test.each([
    ['an open quote above', 'A="open\n', 'systemd'],
    ['a comment that goes on', '# comment \\', 'systemd'],
    ['a value that goes on', 'A=1\\', 'shell'],
    ['CR LF, which a shell keeps', 'A=1\r\nB=2\r\n', 'shell'],
  ] as const)('%s gets in the way, and that is found by reading', (_, text, dialect) => {
    expect(refusalOf(() => set(text, 'B', 'new', dialect))).toEqual({
      code: 'unprintable-value',
      message: `${dialect} would not read B back from this file: another line of the file gets in the way`,
      hint: 'look for an open quote above it with `lockfast env edit`',
    });
  });

  test('a file that the dialect refuses as a whole is not written either', () => {
    expect(refusalOf(() => set('A B=1\n', 'B', 'new', 'docker')).code).toBe('unreadable-env');
  });

  test('on a real file, every other byte stays', () => {
    const before = entriesOf(SAMPLE);
    const after = setVariable(before, 'SESSION_SECRET', 'another one', 'node');
    const at = before.findIndex(({ name }) => name === 'SESSION_SECRET');
    expect(after[at]!.bytes.toString()).toBe("SESSION_SECRET='another one'\n");
    expect(after.filter((_, i) => i !== at)).toEqual(before.filter((_, i) => i !== at));
  });

  test.each([...DIALECT_NAMES])('in %s: in any file, the value is read back or nothing is written, and every other byte stays', { ...LONG }, (dialect) => {
    let done = 0;
    fc.assert(
      fc.property(fc.oneof(orderlyFile, envLikeBytes), value, fc.constantFrom('A', 'B', 'NEW', 'a.b'), (file, text, name) => {
        const before = entriesOf(file);
        let after: Entry[];
        try {
          after = setVariable(before, name, text, dialect);
        } catch (error) {
          expect(['unprintable-value', 'unreadable-env']).toContain((error as LockfastError).code);
          return;
        }
        done++;
        expect(readEnv(printEntries(after), dialect).variables.get(name)).toBe(text);
        const at = before.findLastIndex((entry) => entry.name === name);
        const others = (entries: readonly Entry[], own: number): string => printEntries(entries.filter((_, i) => i !== own)).toString('latin1');
        const expected = others(before, at);
        const actual = others(after, at === -1 ? after.length - 1 : at);
        // A last line gets the newline that it needs when another follows.
        expect([expected, `${expected}\n`]).toContain(actual);
        expect(after.every((entry) => splitEntries(entry.bytes).length === 1)).toBe(true);
      }),
      { numRuns: cases(400) },
    );
    expect(done).toBeGreaterThan(20);
  });
});

describe('unsetVariable', () => {
  test.each([
    ['one line', 'A=1\nB=2\nC=3\n', 'A=1\nC=3\n'],
    ['every one of several', 'B=1\nA=1\nexport B=2\n B=3\n', 'A=1\n'],
    ['several lines', 'A=1\nB="x\ny"\nC=3\n', 'A=1\nC=3\n'],
    ['the last line', 'A=1\nB=2', 'A=1\n'],
    ['all that there is', 'B=2\n', ''],
    ['not a comment', '# B=2\nB=2\n', '# B=2\n'],
  ])('%s', (_, before, after) => {
    expect(unset(before, 'B')).toBe(after);
  });

  test.each(['', 'A=1\n', '# B=1\n', "A='\nB=1\n'\n", 'AB=1\n'])('nothing to unset in %j', (text) => {
    expect(refusalOf(() => unset(text, 'B'))).toEqual({
      code: 'no-such-variable',
      message: 'the file sets no variable B',
      hint: 'see `lockfast env list` for the names that it sets',
    });
  });

  test('a comment is not a variable without a name', () => {
    expect(refusalOf(() => unset('# c\n', '')).code).toBe('no-such-variable');
  });
});
