/** Who logged in, as the kernel keeps it: it outranks every name that the environment gives. */
import { spawnSync } from 'node:child_process';

import { expect, test } from 'vitest';

import { ledgerEntries } from './support/ledger.ts';
import { initialisedProject, isRoot, LOCKFAST } from './support/project.ts';

/** As root, and where nobody has logged in yet, a process may say who did. */
const AS_DAEMON = 'echo 1 > /proc/self/loginuid && exec "$@"';
const missing = isRoot && spawnSync('sh', ['-c', AS_DAEMON, 'sh', 'true']).status === 0 ? undefined : 'the login can not be set';

test.skipIf(missing !== undefined)(`[S4] [S8] the uid that logged in is on record, and who it is decides what may be done${missing === undefined ? '' : ` (${missing})`}`, async () => {
  const project = await initialisedProject();
  project.write('lockfast.toml', `${project.text('lockfast.toml')}\n[roles]\nadmin = ["daemon"]\n`, 0o644);
  const run = (script: string): ReturnType<typeof spawnSync> => spawnSync('sh', ['-c', script, 'sh', process.execPath, LOCKFAST, 'key', 'create'], { cwd: project.directory, env: { ...project.env, SUDO_USER: 'games' } });
  expect(run('exec "$@"').status).toBe(1);
  const done = run(AS_DAEMON);
  expect(done.status, String(done.stderr)).toBe(0);
  const entries = await ledgerEntries(project);
  expect(entries.filter(({ operation, outcome }) => operation === 'key-create' && outcome !== undefined).map(({ outcome, actor: { user, sudo, login } }) => [outcome, user, sudo, login])).toEqual([
    ['refused', 'root', 'games', undefined],
    ['success', 'root', 'games', 1],
  ]);
});
