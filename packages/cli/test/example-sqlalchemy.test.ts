/** The example of an SQLAlchemy application, whole, as a user runs it. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

import { missingForPostgres } from '@lockfast/testkit';

const EXAMPLE = fileURLToPath(new URL('../../../examples/sqlalchemy-tenants/run.mjs', import.meta.url));

const missing = missingForPostgres() ?? missingPython();

test.skipIf(missing !== undefined)(
  `[T1] [W3] [D4] SQLAlchemy: a migration up twice, down and up, a rotation, then the same table served by Drizzle as lfv1${missing === undefined ? '' : ` (${missing})`}`,
  { timeout: 240_000 },
  () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--conditions=lockfast-source', EXAMPLE], { encoding: 'utf8' });
    expect([status, stderr, stdout]).toEqual([0, '', expect.stringContaining('The example worked')]);
    expect(new Set(stdout.match(/SQLAlchemy read \d.*/g))).toHaveProperty('size', 1);
    expect(stdout.match(/Drizzle read 40 tenants, 0 of them wrong/g)).toHaveLength(3);
    for (const secret of ['gAAAAA', 'gemini-key-of', 'xoxb-']) expect(stdout).not.toContain(secret);
  },
);

function missingPython(): string | undefined {
  return spawnSync('/usr/bin/python3', ['-c', 'import sqlalchemy, psycopg2, cryptography'], { stdio: 'ignore' }).status === 0 ? undefined : 'needs python3-sqlalchemy, python3-psycopg2 and python3-cryptography';
}
