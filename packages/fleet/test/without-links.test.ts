import { execFileSync } from 'node:child_process';
import { linkSync, lstatSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { isReachedWithoutLinks, setMode, setOwner } from '@lockfast/fleet';
import { isRoot } from '@lockfast/testkit';
import { scratch } from './scratch.ts';

const ENCRYPTED = '#lockfast-env/1 environment=production\n';

function mode(path: string): number {
  return lstatSync(path).mode & 0o777;
}

test('[E11] a mode is set on a file and a directory, however deep', () => {
  const below = scratch();
  mkdirSync(join(below, 'acme/app'), { recursive: true });
  writeFileSync(join(below, 'acme/app/.env'), 'A=1', { mode: 0o644 });
  setMode({ path: join(below, 'acme/app/.env'), below, mode: 0o600 });
  setMode({ path: join(below, 'acme'), below, mode: 0o700 });
  expect([mode(join(below, 'acme/app/.env')), mode(join(below, 'acme'))]).toEqual([0o600, 0o700]);
});

test.each([
  ['a link in its place', 'not-a-file', (below: string, victim: string) => symlinkSync(victim, join(below, 'acme/.env'))],
  ['a link on the way', 'not-a-file', (below: string, victim: string) => {
    renameSync(join(below, 'acme'), join(below, 'real'));
    symlinkSync(join(victim, '..'), join(below, 'acme'));
    writeFileSync(join(victim, '../.env'), 'theirs', { mode: 0o644 });
  }],
  ['a second name for another file', 'conflict', (below: string, victim: string) => linkSync(victim, join(below, 'acme/.env'))],
  ['a pipe that nobody writes to', 'not-a-file', (below: string) => execFileSync('mkfifo', [join(below, 'acme/.env')])],
  ['nothing', 'not-found', () => {}],
] as const)('[E11] %s is refused, and nothing changes', (_, code, plant) => {
  const [below, elsewhere] = [scratch(), scratch()];
  const victim = join(elsewhere, 'shadow');
  writeFileSync(victim, 'root:x', { mode: 0o640 });
  mkdirSync(join(below, 'acme'));
  plant(below, victim);
  const place = { path: join(below, 'acme/.env'), below };
  expect(() => setMode({ ...place, mode: 0o777 })).toThrow(expect.objectContaining({ code }));
  expect(() => setOwner({ ...place, uid: 65534, gid: 65534 })).toThrow(expect.objectContaining({ code }));
  expect([mode(victim), lstatSync(victim).uid, readFileSync(victim, 'utf8')]).toEqual([0o640, process.getuid!(), 'root:x']);
});

test('isReachedWithoutLinks tells a directory from a link to one', () => {
  const below = scratch();
  mkdirSync(join(below, 'real'));
  symlinkSync('real', join(below, 'link'));
  expect([isReachedWithoutLinks({ path: join(below, 'real'), below }), isReachedWithoutLinks({ path: join(below, 'link'), below }), isReachedWithoutLinks({ path: join(below, 'none'), below })]).toEqual([true, false, false]);
});

test.runIf(isRoot)('[E11] root gives an encrypted file and a directory to their owner, and nothing else', () => {
  const below = scratch();
  mkdirSync(join(below, 'acme'));
  writeFileSync(join(below, 'acme/.env.encrypted'), ENCRYPTED, { mode: 0o400 });
  writeFileSync(join(below, 'acme/other'), 'SECRET=of-root');
  setOwner({ path: join(below, 'acme/.env.encrypted'), below, uid: 65534, gid: 65534 });
  setOwner({ path: join(below, 'acme'), below, uid: 65534, gid: 65534 });
  expect(() => setOwner({ path: join(below, 'acme/other'), below, uid: 65534, gid: 65534 })).toThrow(expect.objectContaining({ code: 'not-encrypted' }));
  expect(['acme', 'acme/.env.encrypted', 'acme/other'].map((name) => lstatSync(join(below, name)).uid)).toEqual([65534, 65534, 0]);
});
