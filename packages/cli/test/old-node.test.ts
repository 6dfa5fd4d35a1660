import { spawnSync } from 'node:child_process';

import { expect, test } from 'vitest';

import { LOCKFAST } from './support/project.ts';

/** The Node of the system, where it is too old. */
const OLD = '/usr/bin/node';
const version = spawnSync(OLD, ['--version'], { encoding: 'utf8' }).stdout?.trim() ?? '';
const isOld = /^v(?:1\d|2[0-3])\./.test(version);

test.skipIf(!isOld).each([[[]], [['run', '--', 'true']], [['env', 'list']]])(`an old Node gets as far as one line that says what to do: lockfast %j`, (args) => {
  const { status, stdout, stderr } = spawnSync(OLD, [LOCKFAST, ...args], { encoding: 'utf8' });
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toBe(`lockfast: needs Node 24 or newer, this is ${version}: install Node 24, put it first in PATH, and run the command again\n`);
});
