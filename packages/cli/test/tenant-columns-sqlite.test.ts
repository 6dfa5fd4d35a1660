/** Columns under tenants' own keys in a SQLite file, whose tenants are numbers: copied before the shred, the file opens for the others alone. */
import { copyFileSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

import { expect, test } from 'vitest';

import { initialisedProject, type Outcome } from './support/project.ts';

const CANARY = 'canary-e07b11';

test('[W10] [D7] a copy of the file from before the shred does not open for the tenant under the present ring; another tenant\'s rows do', async () => {
  const project = await initialisedProject();
  const file = project.path('app.db');
  const database = new DatabaseSync(file);
  database.exec(`CREATE TABLE phone (id INTEGER PRIMARY KEY, org_id INTEGER NOT NULL, number TEXT); INSERT INTO phone VALUES (1, 7, '${CANARY}-7'), (2, 8, '${CANARY}-8'), (3, 7, NULL)`);
  database.close();
  writeFileSync(
    project.path('lockfast.toml'),
    `${project.text('lockfast.toml')}\n[databases.app]\nurl = "sqlite:${file}"\n\n[[columns]]\nid = "users.phone"\ndatabase = "app"\ntable = "phone"\ncolumn = "number"\ncontext = ["org_id"]\ntenant = "org_id"\ntenant-key = "own"\n`,
  );
  const done = async (...args: string[]): Promise<Outcome> => {
    const outcome = await project.run(args);
    expect([outcome.status, outcome.stderr.includes(CANARY)], `${args.join(' ')}: ${outcome.stderr}`).toEqual([0, false]);
    return outcome;
  };
  expect((await done('tenant', 'own-key', '--from-columns')).stdout).toContain('2 tenants got a key of their own');
  await done('column', 'encrypt');
  copyFileSync(file, project.path('before.db'));
  expect((await done('column', 'export', '--tenant', '7', '--reason', 'r')).stdout).toContain(`${CANARY}-7`);
  expect((await done('tenant', 'shred', '7', '--yes')).stdout).toContain('covered: 1 row of it in users.phone');
  copyFileSync(project.path('before.db'), file);
  expect((await done('column', 'verify')).stdout).toContain('1 of 3 rows open; 1 without a value, 1 of tenants whose keys were destroyed: 7 1');
  expect((await done('column', 'export', '--tenant', '7', '--reason', 'r')).stdout).not.toContain(CANARY);
  expect((await done('column', 'export', '--tenant', '8', '--reason', 'r')).stdout).toContain(`${CANARY}-8`);
  expect((await done('column', 'clear', 'users.phone', '--shredded', '--keep', project.path('kept'), '--yes')).stdout).toContain('Emptied: 1');
});
