/** The example of a Django control panel, whole, as a user runs it. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

import { missingForPostgres } from '@lockfast/testkit';

const EXAMPLE = fileURLToPath(new URL('../../../examples/django-control-panel/run.mjs', import.meta.url));

const missing = missingForPostgres() ?? missingPython();

test.skipIf(missing !== undefined)(
  `[W3] [W4] [W5] a Django control panel: encrypted, rotated with two keys, killed half way, finished; Django reads every row all the while${missing === undefined ? '' : ` (${missing})`}`,
  { timeout: 240_000 },
  () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--conditions=lockfast-source', EXAMPLE], { encoding: 'utf8' });
    expect([status, stderr, stdout]).toEqual([0, '', expect.stringContaining('The example worked')]);
    expect(stdout).toContain('✓ Encrypted for admin');
    expect(new Set(stdout.match(/Django read \d.*/g))).toHaveProperty('size', 1);
    expect(stdout).toMatch(/old key env:OLD_ENCRYPTION_KEY\n/);
    expect(stdout).toContain('Goes on where an earlier run stopped');
    expect(stdout).not.toContain('gAAAAA');
  },
);

function missingPython(): string | undefined {
  return spawnSync('/usr/bin/python3', ['-c', 'import django, psycopg2, cryptography'], { stdio: 'ignore' }).status === 0 ? undefined : 'needs python3-django, python3-psycopg2 and python3-cryptography';
}
