/** The newest checkpoint that is known here, in a state directory that is another user's, and on a disk that refuses. */
import { chownSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { isRoot, missingForTracing, strike, traceFileCalls, type Trial } from '@lockfast/testkit';
import { readKnownCheckpoint } from '../src/known-checkpoint.ts';
import { refusalOf, scratchDirectory } from './scratch.ts';

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

test('it is read as strictly as any checkpoint, with signatures and without', async () => {
  const path = join(scratchDirectory(), 'a.checkpoint');
  const [origin, root] = ['lockfast.ledger/aaaaaaaaaaaaaaaa', Buffer.alloc(32, 7)];
  const text = `${origin}\n5\n${root.toString('base64')}\n`;
  for (const good of [text, `${text}\n\u2014 ${origin} AAAA\n`]) {
    writeFileSync(path, good);
    expect(readKnownCheckpoint(path)).toEqual({ origin, size: 5, root });
  }
  const bad = ['', '\n', origin, text.slice(0, -1), `${text}extension\n`, `${text}extension\n\n\u2014 ${origin} AAAA\n`, text.replace('5', '05'), text.replace('5', '-1'), text.replace('5', '9999999999999999'), text.replace('c=', 'd='), text.replace(origin, 'a b'), text.replace(origin, '')];
  for (const each of bad) {
    writeFileSync(path, each);
    expect(await refusalOf((async () => readKnownCheckpoint(path))()), JSON.stringify(each)).toMatchObject({ code: 'ledger-rewound' });
  }
  expect(readKnownCheckpoint(`${path}.none`)).toBeUndefined();
});
