/**
 * A process of its own for the tests that kill, stop, limit or demote one:
 * `node --conditions=lockfast-source child.ts JOB PATH [STATE [WORD]]`. Prints `done`, or its refusal as JSON.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import { identityOf, readRegularFile, removeDurably, withFileLock, writeDurably } from '../../src/files/index.ts';
import { asRefusal } from './refusal.ts';

const [job = '', path = '', state = '', word = ''] = process.argv.slice(2);

// After the imports: the other user may not be able to read them.
if (process.env['LOCKFAST_TEST_UID'] !== undefined && process.geteuid?.() === 0) {
  const id = Number(process.env['LOCKFAST_TEST_UID']);
  process.setgroups?.([]);
  process.setgid?.(id);
  process.setuid?.(id);
}

const jobs: Readonly<Record<string, () => unknown>> = {
  read: () => readRegularFile(path, 'refuse'),
  remove: () => withFileLock(state, path, () => removeDurably(path, identityOf(path)!)),
  create: () => withFileLock(state, path, () => writeDurably({ path, bytes: Buffer.from(word), mode: 0o600, expected: 'absent' })),
  replace: () => withFileLock(state, path, () => replace(Buffer.from(word))),
  /** Without the lock, for which another user has no state directory. */
  write: () => replace(Buffer.from(word)),
  /** Adds one, 25 times, each under the lock; the pause gives other processes the chance to come between. */
  count: async () => {
    for (let i = 0; i < 25; i++) {
      await withFileLock(state, path, async () => {
        const before = Number(readRegularFile(path, 'refuse').bytes.toString());
        await sleep(0);
        replace(Buffer.from(String(before + 1)));
      });
    }
  },
  hold: () =>
    withFileLock(state, path, async () => {
      process.stdout.write('held\n');
      await sleep(60_000);
    }),
};

function replace(bytes: Buffer): void {
  const old = readRegularFile(path, 'refuse');
  writeDurably({ path, bytes, mode: old.mode, owner: old, expected: old.identity });
}

try {
  await jobs[job]!();
  process.stdout.write('done\n');
} catch (error) {
  process.stdout.write(`${JSON.stringify(asRefusal(error))}\n`);
  process.exitCode = 1;
}
