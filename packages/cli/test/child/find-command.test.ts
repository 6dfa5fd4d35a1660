import { chmodSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, describe, expect, test } from 'vitest';

import { findCommand } from '../../src/child/find-command.ts';
import { run, scratch } from './fixtures/processes.ts';

const place = scratch();
afterAll(() => place[Symbol.dispose]());

for (const directory of ['first', 'second', 'second/sub']) mkdirSync(join(place.path, directory));
place.file('first/plain', '#!/bin/sh\n', 0o644);
place.file('first/both', '#!/bin/sh\n', 0o644);
place.file('second/both', '#!/bin/sh\n');
place.file('second/tool', '#!/bin/sh\n');
place.file('here', '#!/bin/sh\n');
mkdirSync(join(place.path, 'first/tool'));
symlinkSync(join(place.path, 'nowhere'), join(place.path, 'first/dangling'));
symlinkSync(join(place.path, 'second/tool'), join(place.path, 'first/link'));

const first = join(place.path, 'first');
const second = join(place.path, 'second');

describe('the search', () => {
  test.each([
    ['the first that can be run', 'both', `${first}:${second}`, `${second}/both`],
    ['a directory of that name is passed over', 'tool', `${first}:${second}`, `${second}/tool`],
    ['a symbolic link is followed', 'link', first, `${first}/link`],
    ['what is no directory is passed over', 'tool', `${first}/plain:/no/such/place:${second}`, `${second}/tool`],
    ['a name with a slash is not searched for', `${second}/tool`, '/nowhere', `${second}/tool`],
    ['without PATH, the system\'s', 'sh', undefined, '/bin/sh'],
  ])('%s', (_, command, path, expected) => {
    expect(findCommand(command, path)).toBe(expected);
  });

  test.each(['', '::/usr/bin', '/usr/bin:'])('an empty element (%j) is the working directory', (path) => {
    const { status, stderr } = run('as lockfast', ['here'], { directory: place.path, wishes: { set: { PATH: path } } });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});

describe('127 and 126', () => {
  test.each([
    ['no such name', 'nosuch', `${first}:${second}`, 'command-not-found', 'PATH'],
    ['an empty text', '', first, 'command-not-found', 'empty'],
    ['no such path', `${first}/nosuch`, first, 'command-not-found', 'there is no file'],
    ['a link to nothing', 'dangling', first, 'command-not-found', 'not found'],
    ['no execute permission', 'plain', first, 'command-not-executable', 'not executable'],
    ['a directory found by name', 'sub', second, 'command-not-executable', 'is a directory'],
    ['a directory', second, first, 'command-not-executable', 'is a directory'],
    ['a device', '/dev/null', first, 'command-not-executable', 'no regular file'],
  ])('%s', (_, command, path, code, message) => {
    expect(() => findCommand(command, path)).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }));
  });

  test('a name is shown with its line breaks and escapes made visible', () => {
    expect(() => findCommand('a\n\u001b[31m\u202eb', first)).toThrow('"a\\n\\u001b[31m\\u202eb"');
  });

  test.skipIf(process.getuid?.() === 0)('a closed directory hides nothing behind it', () => {
    chmodSync(first, 0o000);
    try {
      expect(findCommand('tool', `${first}:${second}`)).toBe(`${second}/tool`);
    } finally {
      chmodSync(first, 0o755);
    }
  });
});
