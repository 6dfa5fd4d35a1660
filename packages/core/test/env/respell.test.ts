/** What --fix does to a file: the readers say that it keeps every value, and that those it changed are read alike. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { printEntries, splitEntries } from '@lockfast/core/env';
import { type Dialect, DIALECT_NAMES, readEnv } from '@lockfast/core/env/dialects';
import { readAs, respell, type Target, TARGET_NAMES } from '@lockfast/core/env/lint';
import { LockfastError } from '@lockfast/core/errors';

import { cases } from '../formats/scale.ts';
import { envLikeBytes, orderlyFile } from './generators.ts';

/** All that take quotes for quotes. */
const QUOTING: readonly Target[] = ['node', 'dotenv', 'python', 'systemd', 'compose', 'shell'];
const fixed = (text: string, targets: readonly Target[] = QUOTING, dialect: Dialect = 'node'): string => printEntries(respell(splitEntries(Buffer.from(text)), dialect, targets).entries).toString();
const left = (text: string): string[] => respell(splitEntries(Buffer.from(text)), 'node', QUOTING).left.map(({ name, line, reason }) => `${line} ${name}: ${reason}`);

describe('[B8] a spelling that all targets read alike', () => {
  test.each<[string, string, string]>([
    ['export goes where one does not know it', 'export A=v\n', 'A=v\n'],
    ['a comment behind the value gets a line of its own', 'A="x y" # c\nB=1\n', "# c\nA='x y'\nB=1\n"],
    ['a backslash is quoted', 'A=C:\\new\\path\n', "A='C:\\new\\path'\n"],
    ['a dollar sign is quoted', 'A=p$X\n', "A='p$X'\n"],
    ['blanks beside the equals sign go', '  A = v\n', 'A=v\n'],
    ['what a shell would run is quoted', 'A=$(echo pwned)\n', "A='$(echo pwned)'\n"],
    ['JSON is quoted', 'A={"a": 1}\n', "A='{\"a\": 1}'\n"],
    ['a carriage return goes from every line', '# c\r\nA=1\r\n\r\nB=x y\r\n', "# c\nA=1\n\nB='x y'\n"],
    ['a last line without a line feed stays without', 'A=a b', "A='a b'"],
    ['an apostrophe takes double quotes', "A=it's\n", 'A="it\'s"\n'],
    ['lines stay lines', 'A=`a\nb`\n', "A='a\nb'\n"],
    ['what is read alike stays as it is', '  A="x"\nB=\'y\' \nC=\n# a  \n\nD=a=b\n', '  A="x"\nB=\'y\' \nC=\n# a  \n\nD=a=b\n'],
  ])('%s', (_, text, expected) => {
    expect(fixed(text)).toBe(expected);
    expect(fixed(expected), 'once is enough').toBe(expected);
  });

  test('docker and kubectl want no quotes', () => {
    expect(fixed('A="x"\nB=\'a b\'\n', ['docker', 'k8s', 'systemd'])).toBe('A=x\nB=a b\n');
    expect(fixed('A="x" # c\n', ['docker'])).toBe('# c\nA=x\n');
  });

  test('each line of a name that stands twice keeps its own value', () => {
    expect(fixed('A=a b\nA=c d\n')).toBe("A='a b'\nA='c d'\n");
  });

  test('the line ending of the file is that of a new comment', () => {
    expect(fixed('A="x y" # c\r\n', ['systemd'])).toBe("# c\r\nA='x y'\r\n");
  });
});

describe('[B8] what has no such spelling is left, and named', () => {
  test.each<[string, string, string[]]>([
    ['blanks for docker and a shell', 'A="x y"\nB=1\n', ['1 A: no spelling of its value is read alike by all']],
    ['a name', 'A.B=1\n', ['1 A.B: no spelling of its value is read alike by all']],
    ['a # that may belong to a password', 'A=abc#def\n', ['1 A: node cuts it at a # that may belong to the value']],
    ['text that would be lost', 'A="x" y\n', ['1 A: there is text behind the value that node does not read']],
    ['a line that another one swallows', 'A=one\\\nB=two\n', ['1 A: no spelling of its value is read alike by all', '2 B: another line of the file gets in the way']],
    ['a byte that is not UTF-8', 'A=\xff "\n', ['1 A: no spelling of its value is read alike by all']],
  ])('%s', (_, text, expected) => {
    const bytes = Buffer.from(text, 'latin1');
    const result = respell(splitEntries(bytes), 'node', TARGET_NAMES);
    expect(result.left.map(({ name, line, reason }) => `${line} ${name}: ${reason}`)).toEqual(expected);
    expect(printEntries(result.entries)).toEqual(bytes);
  });

  test('a file that its own dialect refuses', () => {
    expect(fixed('A="x\nB=a b\n', QUOTING, 'compose')).toBe('A="x\nB=a b\n');
  });

  test('the rest is spelled anew all the same', () => {
    expect(fixed('A=abc#def\nB=x y\n')).toBe("A=abc#def\nB='x y'\n");
    expect(left('A=abc#def\nB=x y\n')).toEqual(['1 A: node cuts it at a # that may belong to the value']);
  });
});

function own(bytes: Uint8Array, dialect: Dialect): [string, string | null][] | undefined {
  try {
    return [...readEnv(bytes, dialect).variables];
  } catch (error) {
    if (error instanceof LockfastError) return undefined;
    throw error;
  }
}

const someTargets = fc.subarray([...TARGET_NAMES], { minLength: 1 });

test('[B8] of any file, for any targets: its own dialect reads what it read, and what was spelled anew all read alike', () => {
  let respelled = 0;
  fc.assert(
    fc.property(fc.oneof(envLikeBytes, orderlyFile), fc.constantFrom(...DIALECT_NAMES), someTargets, (bytes, dialect, targets) => {
      const result = respell(splitEntries(bytes), dialect, targets);
      const after = printEntries(result.entries);
      expect(own(after, dialect)).toEqual(own(bytes, dialect));
      const unsettled = new Set(result.left.map(({ name }) => name));
      const right = new Map(own(after, dialect));
      for (const { name } of result.respelled) {
        respelled++;
        if (unsettled.has(name)) continue;
        for (const target of targets) {
          const reading = readAs(after, target);
          if (reading.refusal === undefined) expect(reading.variables.get(name), `${target} ${name}`).toBe(right.get(name));
        }
      }
      const again = respell(result.entries, dialect, targets);
      expect(printEntries(again.entries), 'a second time changes nothing').toEqual(after);
      // Every byte of a comment is still there.
      for (const { kind, bytes: line } of splitEntries(bytes)) {
        if (kind === 'other') expect(after.toString('latin1')).toContain(line.toString('latin1').trimEnd());
      }
    }),
    { numRuns: cases(2_000) },
  );
  expect(respelled).toBeGreaterThan(100);
});
