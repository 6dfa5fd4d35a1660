/** What root makes for another user, and a system that refuses to give it to him. */
import { chownSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

import { missingForTracing, strike, traceFileCalls, type Trial } from '@lockfast/testkit';
import { isRoot, scratchDirectory } from './scratch.ts';

const missing = missingForTracing() ?? (isRoot ? undefined : 'needs root');
const because = missing === undefined ? '' : ` (${missing})`;
const child = fileURLToPath(new URL('child.ts', import.meta.url));
const NOBODY = 65_534;

/** A file is created under the lock of a state directory that is another user's. */
function setting(): Trial & { readonly state: string } {
  const cwd = scratchDirectory();
  const state = join(cwd, 'state');
  mkdirSync(state);
  chownSync(state, NOBODY, NOBODY);
  const args = ['--conditions=lockfast-source', child, 'create', join(cwd, 'file'), state, 'text'];
  return { command: process.execPath, args, cwd, env: { PATH: process.env['PATH'] }, paths: [state], state };
}

test.skipIf(missing !== undefined)(`what root makes in a user's state directory is that user's${because}`, { timeout: 60_000 }, async () => {
  const place = setting();
  const { calls, stdout } = await traceFileCalls(process.execPath, place.args, place);
  expect(stdout).toBe('done\n');
  expect(statSync(join(place.state, 'locks'))).toMatchObject({ uid: NOBODY, gid: NOBODY });
  const gifts = calls.filter(({ call }) => call === 'fchown');
  expect(gifts).toHaveLength(2);
  for (const [fault, code, says] of [
    ['ENOSPC', 'write-failed', 'the disk is full'],
    ['EIO', 'write-failed', 'the disk reported an I/O error'],
    ['EROFS', 'write-failed', 'the file system is read-only'],
    ['EPERM', 'permission-denied', 'the operation is not permitted'],
    ['EDQUOT', 'write-failed', 'the disk quota is used up'],
  ] as const) {
    for (const gift of gifts) {
      const run = await strike(setting, gift, fault);
      expect(JSON.parse(run.stdout), `${fault} at ${gift.text}`).toMatchObject({ code, message: expect.stringMatching(`was not given to the owner of ${run.trial.state}: ${says}$`) });
    }
  }
});
