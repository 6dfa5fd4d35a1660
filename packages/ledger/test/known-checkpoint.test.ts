/** The newest checkpoint that is known here, in a state directory that is another user's, and on a disk that refuses. */
import { chownSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { isRoot, missingForTracing, strike, traceFileCalls, type Trial } from '@lockfast/testkit';
import { scratchDirectory } from './scratch.ts';

const missing = missingForTracing() ?? (isRoot ? undefined : 'needs root');
const because = missing === undefined ? '' : ` (${missing})`;
const NOBODY = 65_534;
const PREPARE = `
  const { prepareKnownCheckpoints } = await import(${JSON.stringify(new URL('../src/known-checkpoint.ts', import.meta.url).href)});
  try {
    prepareKnownCheckpoints(process.argv[1]);
  } catch (error) {
    process.stdout.write(\`\${error.code}: \${error.message}\`);
  }`;

function setting(): Trial & { readonly state: string } {
  const cwd = scratchDirectory();
  const state = join(cwd, 'state');
  mkdirSync(state);
  chownSync(state, NOBODY, NOBODY);
  return { command: process.execPath, args: ['--conditions=lockfast-source', '--input-type=module', '--eval', PREPARE, state], cwd, env: { PATH: process.env['PATH'] }, paths: [state], state };
}

test.skipIf(missing !== undefined)(`a fault while the directory of the known checkpoints is made is told, and is no defect${because}`, { timeout: 60_000 }, async () => {
  const place = setting();
  const { calls } = await traceFileCalls(process.execPath, place.args, place);
  expect(calls.map(({ call }) => call)).toEqual(['mkdir', 'fsync', 'fchown']);
  expect(statSync(join(place.state, 'ledgers'))).toMatchObject({ uid: NOBODY, gid: NOBODY });
  for (const [fault, code] of [['ENOSPC', 'write-failed'], ['EIO', 'write-failed'], ['EROFS', 'write-failed'], ['EPERM', 'permission-denied']] as const) {
    for (const call of calls.filter((each) => each.call !== 'fsync')) {
      const run = await strike(setting, call, fault);
      expect(run.stdout, `${fault} at ${call.text}`).toMatch(`${code}: `);
    }
  }
});
