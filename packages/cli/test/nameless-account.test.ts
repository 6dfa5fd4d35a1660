/** As a number that no account of the machine has, as containers run programs. */
import { spawnSync } from 'node:child_process';
import { chownSync, writeFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { initialisedProject, isRoot, LOCKFAST, type Outcome } from './support/project.ts';

/** No distribution gives it to anybody. */
const UID = 3_999_999_999;

test.skipIf(!isRoot)('without a name for the account, a root key of another one is told plainly, and units are planned', { timeout: 60_000 }, async () => {
  using project = await initialisedProject();
  project.write('.env', 'A=1\n');
  expect(await project.run(['env', 'encrypt'])).toMatchObject({ status: 0 });
  const nameless = (...args: string[]): Pick<Outcome, 'status' | 'stderr'> =>
    spawnSync('setpriv', [`--reuid=${UID}`, `--regid=${UID}`, '--clear-groups', process.execPath, LOCKFAST, ...args], { cwd: project.directory, env: { PATH: process.env['PATH'], HOME: project.home }, encoding: 'utf8' });
  const key = project.path('root.key');
  project.write('lockfast.toml', project.text('lockfast.toml').replace(/^ledger = .*$/m, '').replace(/^key-source = .*$/m, `key-source = "file:${key}"`));
  spawnSync('chmod', ['-R', 'a+rX', project.directory]);
  writeFileSync(key, 'x', { mode: 0o400 });
  const refused = nameless('env', 'list');
  expect([refused.status, refused.stderr]).toEqual([3, expect.stringContaining(`run as its owner; this is uid ${UID}`)]);
  chownSync(project.home, UID, UID);
  expect(nameless('watch', 'install', '--dry-run')).toMatchObject({ status: 0, stderr: '' });
});
