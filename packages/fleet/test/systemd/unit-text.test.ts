/** The text of units: what is written must be what systemd reads, so systemd is asked where there is one. */
import { BootedSystemd, missingForSystemd } from '@lockfast/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { readExecLine } from '../../src/systemd/exec-line.ts';
import { quotePath, quoteWord, readUnit, ServiceSettings } from '../../src/systemd/unit-text.ts';

const missing = missingForSystemd();

const WORDS = ['plain', '/usr/bin/x', 'two words', '100%', '%i %%', '$HOME', '${HOME} $$', `"double"`, "it's", '', '\\', 'a\\nb', 'line\nbreak\ttab', ';', '#no', 'naïve ☃', '\u0001\u007f\u0085', '-@:+!x', '=a=b', '~'];

describe.skipIf(missing !== undefined)(`as systemd reads it${missing === undefined ? '' : ` (${missing})`}`, () => {
  test('every word of a command line reaches the program byte for byte', async () => {
    // Of random ones as many as fit into one line.
    const words = [...WORDS, ...fc.sample(fc.string({ unit: 'binary', maxLength: 12 }).filter((word) => !word.includes('\0') && word.isWellFormed()), 150)];
    const script = 'for word in "$@"; do printf "%s\\0" "$word"; done > /dev/shm/words';
    // Quotes and backslashes systemd refuses in a program's path.
    const program = '/opt/a 100% $HOME program';
    const line = [quoteWord(program, 'as they are'), ...['-c', script, 'sh', ...words].map((word) => quoteWord(word))].join(' ');
    const colon = [quoteWord(program, 'as they are'), ...['-c', script, 'sh', '$HOME', '$$'].map((word) => quoteWord(word, 'as they are'))].join(' ');
    await using machine = await BootedSystemd.boot({
      files: { '/etc/systemd/system/a.service': `[Service]\nType=oneshot\nWorkingDirectory=${quotePath('/srv/100% a')}\nExecStart=${line}\n`, '/etc/systemd/system/b.service': `[Service]\nType=oneshot\nExecStart=:${colon}\n`, '/srv/100% a/x': '' },
    });
    await machine.run(['cp', '/bin/sh', program]);
    const told = async (unit: string): Promise<string[]> => {
      const { status } = await machine.run(['systemctl', 'start', unit]);
      if (status !== 0) throw new Error((await machine.run(['journalctl', '-o', 'cat'])).stdout);
      return (await machine.run(['cat', '/dev/shm/words'])).stdout.split('\0').slice(0, -1);
    };
    expect(await told('a')).toEqual(words);
    expect(await told('b')).toEqual(['$HOME', '$$']);
  });
});

test('a NUL in a word, and a path that a unit can not hold, are refused', () => {
  expect(() => quoteWord('a\0b')).toThrow('NUL');
  for (const path of ['/a\nb', '/a ', '/a\\']) expect(() => quotePath(path)).toThrow('a path that a unit file is to hold');
});

test('unit files are read with their continuations, comments and resets', () => {
  const text = '[Unit]\nDescription=x\n[Service]\n# no\n ; no\nExecStart=/a \\\n# between\n  b\nEnvironmentFile=/one\nEnvironmentFile=\nEnvironmentFile=/two\nEnvironmentFile=-/three\nUser = web\nDynamicUser=YES\n';
  expect(readUnit(text)[0]).toEqual({ section: 'Unit', name: 'Description', value: 'x' });
  const settings = new ServiceSettings([text, '[Service]\nUser=other\n']);
  expect(settings.list('ExecStart')).toEqual(['/a    b']);
  expect(settings.list('EnvironmentFile')).toEqual(['/two', '-/three']);
  expect([settings.text('User'), settings.flag('DynamicUser'), settings.text('Missing'), settings.flag('Missing')]).toEqual(['other', true, '', false]);
});

test.each([
  ['-/usr/bin/app --port ${PORT} $ARGS', '-', '/usr/bin/app --port ${PORT} $ARGS', ['PORT', 'ARGS']],
  ['+!/usr/bin/app', '+!', '/usr/bin/app', []],
  [':/usr/bin/app ${NO}', ':', '/usr/bin/app ${NO}', []],
  [`/bin/sh -c 'a; b $$NO'`, '', `/bin/sh -c 'a; b $$NO'`, []],
  ['/bin/echo a;b \\; "x ; y"', '', '/bin/echo a;b \\; "x ; y"', []],
])('a command line is taken over as it stands: %s', (value, prefixes, command, variables) => {
  expect(readExecLine(value, 'x.service')).toEqual({ prefixes, command, variables });
});

test.each([
  ['@/bin/sh sh -c x', 'begins with @'],
  ['/bin/a ; /bin/b', 'several commands'],
  ['', 'is empty'],
  ['-', 'is empty'],
])("a command line that can't be carried over is refused: %j", (value, message) => {
  expect(() => readExecLine(value, 'x.service, ExecStart=')).toThrow(message);
});
