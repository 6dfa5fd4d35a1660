/** What all tenants share is a layer below each tenant's own file. */
import { expect, test } from 'vitest';

import { initialisedProject } from './support/project.ts';

test('[E7] run gives a tenant what all share, and its own values over it; the shared file decrypts for no tenant', async () => {
  const project = await initialisedProject();
  project.write('lockfast.toml', `${project.text('lockfast.toml')}\n[tenants]\npath = "tenants/{tenant}"\nextends = "shared/defaults.env.encrypted"\n`);
  project.write('shared/defaults.env', 'OPENAI_API_KEY=sk-shared\nLEVEL=info\n');
  project.write('tenants/acme/.env', 'LEVEL=debug\nPORT=8001\n');
  expect(await project.run(['env', 'encrypt', 'shared/defaults.env'])).toMatchObject({ status: 0 });
  expect(await project.run(['env', 'encrypt', 'tenants/acme/.env'])).toMatchObject({ status: 0 });
  const shell = ['sh', '-c', 'echo $OPENAI_API_KEY $LEVEL $PORT'];
  expect(await project.run(['run', '--tenant', 'acme', '--', ...shell])).toMatchObject({ stdout: 'sk-shared debug 8001\n', stderr: '' });
  // In its directory, too; and a file that is named stands alone.
  expect(await project.run(['run', '--', ...shell], { cwd: project.path('tenants/acme') })).toMatchObject({ stdout: 'sk-shared debug 8001\n' });
  expect(await project.run(['run', '--file', 'tenants/acme/.env.encrypted', '--', ...shell])).toMatchObject({ stdout: 'debug 8001\n' });
});

test('[E6] [E7] a rotation finds the shared file wherever it lies', async () => {
  const project = await initialisedProject();
  project.write('../elsewhere/shared.env', 'A=1\n');
  project.write('lockfast.toml', `${project.text('lockfast.toml')}\n[tenants]\npath = "tenants/{tenant}"\nextends = "../elsewhere/shared.env.encrypted"\n`);
  expect(await project.run(['env', 'encrypt', '../elsewhere/shared.env'])).toMatchObject({ status: 0 });
  const rotation = await project.run(['key', 'rotate', '--json']);
  expect(JSON.parse(rotation.stdout)).toMatchObject({ files: 1 });
});

test.each([
  ['[tenants]\nuser = "deploy"', 'tenants.path is missing'],
  ['[tenant.acme]\nway = "file"', 'tenants.path is missing'],
  ['[tenants]\npath = "t/{tenant}"\nway = "carrier-pigeon"', 'tenants.way is not one of run, file, credential'],
  ['[tenants]\npath = "t/{tenant}"\n[tenants.health]\nhttp = "ftp://x"', 'tenants.health.http is not a URL'],
  ['[tenants]\npath = "t/{tenant}"\n[tenant.acme]\nservcie = "x"', 'tenant.NAME.servcie is not a setting'],
  ['[tenants]\npath = "t/{tenant}"\n[tenant]\nacme = 1', 'tenant must be a table of tables'],
  ['[tenants]\npath = "t/{tenant}"\nservice = "a/b.service"', 'tenants.service is not the name of a unit'],
])('a wrong setting of tenants is refused: %s', async (settings, message) => {
  const project = await initialisedProject();
  project.write('lockfast.toml', `${project.text('lockfast.toml')}\n${settings}\n`);
  const { status, stderr } = await project.run(['status']);
  expect([status, stderr]).toEqual([2, expect.stringContaining(message)]);
});
