/** The example of connections in Prisma and in TypeORM, whole, as a user runs it. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

import { missingForPostgres } from '@lockfast/testkit';

const EXAMPLE = fileURLToPath(new URL('../../../examples/connections/run.mjs', import.meta.url));

const missing = missingForPostgres();

test.skipIf(missing !== undefined)(
  `[T1] [T2] [T4] connections in Prisma and in TypeORM: strict starts, and a rotation under load without an error${missing === undefined ? '' : ` (${missing})`}`,
  { timeout: 240_000 },
  () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--conditions=lockfast-source', EXAMPLE], { encoding: 'utf8' });
    expect([status, stderr, stdout]).toEqual([0, '', expect.stringContaining('The example worked')]);
    expect(stdout.match(/^not started: /gm)).toHaveLength(5);
    expect(stdout.match(/, 0 errors$/gm)).toHaveLength(2);
    for (const secret of ['lfv1.', 'xoxb-', 'atl-org', 'too-short is']) expect(stdout).not.toContain(secret);
  },
);
