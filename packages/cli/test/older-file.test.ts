/** An older encrypted file that was put back is a file that was right once: only what is on record tells it. */
import { copyFileSync, rmSync } from 'node:fs';

import { expect, test } from 'vitest';

import { ledgerEntries } from './support/ledger.ts';
import { encryptedProject, initialisedProject, type Outcome, type Project } from './support/project.ts';

const verify = async (project: Project, ...args: string[]): Promise<Outcome> => project.run(['env', 'verify', ...args]);

const set = async (project: Project, value: string): Promise<void> => expect(await project.run(['env', 'set', 'A'], { input: value })).toMatchObject({ status: 0 });

function warning(present: number, highest: number): string {
  return `lockfast: warning: .env.encrypted has revision ${present}, and the ledger has ${highest}: an older file was put back, or another branch is checked out. To refuse it: lockfast env verify --min-revision ${highest}\n`;
}

test('[E14] [E5] an older file that was put back opens, and env verify warns that the ledger has a newer one', async () => {
  using project = await encryptedProject('A=1\n');
  const [file, older] = [project.path('.env.encrypted'), project.path('older')];
  copyFileSync(file, older);
  await set(project, '2');
  expect(await verify(project)).toMatchObject({ status: 0, stderr: '' });
  copyFileSync(older, file);
  expect(await verify(project)).toMatchObject({ status: 0, stderr: warning(1, 2), stdout: expect.stringMatching(/good, revision 1/) });
  expect(JSON.parse((await verify(project, '--json')).stdout)).toMatchObject({ ok: true, files: [{ revision: 1, recorded: 2 }] });
  expect(await verify(project, '--min-revision', '2')).toMatchObject({ status: 4 });
  // What is written on top of it counts on from there.
  await set(project, '3');
  await set(project, '4');
  expect(await verify(project)).toMatchObject({ status: 0, stderr: '' });
});

test('[E14] [E6] a rotation puts the revisions on record, too', async () => {
  using project = await encryptedProject('A=1\n');
  const [file, older] = [project.path('.env.encrypted'), project.path('older')];
  copyFileSync(file, older);
  expect(await project.run(['key', 'rotate', '--yes'])).toMatchObject({ status: 0 });
  const rotated = (await ledgerEntries(project)).find(({ operation, outcome }) => operation === 're-encrypt' && outcome === 'success');
  expect(rotated).toMatchObject({ object: file, details: { revision: 2 } });
  copyFileSync(older, file);
  expect(await verify(project)).toMatchObject({ status: 0, stderr: warning(1, 2) });
});

test('[E14] a file that is made anew is no older one, and nothing is warned of without a ledger', async () => {
  using project = await initialisedProject();
  project.write('.env', 'A=1\n');
  expect(await project.run(['env', 'encrypt'])).toMatchObject({ status: 0 });
  await set(project, '2');
  rmSync(project.path('.env.encrypted'));
  project.write('.env', 'A=1\n');
  expect(await project.run(['env', 'encrypt'])).toMatchObject({ status: 0 });
  expect(await verify(project)).toMatchObject({ status: 0, stderr: '' });
  const older = project.path('older');
  copyFileSync(project.path('.env.encrypted'), older);
  await set(project, '3');
  copyFileSync(older, project.path('.env.encrypted'));
  project.write('lockfast.toml', project.text('lockfast.toml').replace(/^ledger = .*$/m, ''));
  expect(await verify(project)).toMatchObject({ status: 0, stderr: '' });
});
