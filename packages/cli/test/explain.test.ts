/** `env explain`: which layer, who, when; processes are in tenant-systemd.test.ts. */
import { expect, test } from 'vitest';

import { encryptedProject } from './support/project.ts';
import { SHARED_CANARY, tenantProject } from './support/tenants.ts';

interface Explained {
  readonly layer: string;
  readonly shared: boolean;
  readonly hides: readonly string[];
  readonly key: string;
  readonly revision: number;
  readonly written: { readonly time: string; readonly by: string | null; readonly program: string | null; readonly entry: number | null };
}

test('[B13] the highest layer counts, what it hides is named, and the writer is who wrote this value', { timeout: 60_000 }, async () => {
  const project = await tenantProject();
  await project.run(['tenant', 'create', 'acme', '--port', '8001']);
  const explain = async (name: string): Promise<Explained> => {
    const { stdout, stderr } = await project.run(['env', 'explain', name, '--tenant', 'acme', '--json']);
    expect([stderr, stdout.includes(SHARED_CANARY)]).toEqual(['', false]);
    return JSON.parse(stdout) as Explained;
  };
  const shared = project.path('shared/defaults.env.encrypted');
  const own = project.path('tenants/acme/.env.encrypted');
  expect(await explain('OPENAI_API_KEY')).toMatchObject({ layer: shared, shared: true, hides: [], revision: 1, written: { program: 'lockfast env encrypt' } });
  expect(await explain('PORT')).toMatchObject({ layer: own, written: { program: 'lockfast tenant create' } });
  await project.run(['env', 'set', 'OPENAI_API_KEY', '--tenant', 'acme'], { input: 'own' });
  const own1 = await explain('OPENAI_API_KEY');
  expect(own1).toMatchObject({ layer: own, shared: false, hides: [shared], revision: 2, written: { program: 'lockfast env set' } });
  // Another variable is written later: this one keeps its writer. So it does when all is encrypted anew.
  await project.run(['env', 'set', 'LEVEL', '--tenant', 'acme'], { input: 'debug' });
  await project.run(['tenant', 'create', 'acme', '--set', 'MORE'], { input: 'more\n' });
  expect((await explain('OPENAI_API_KEY')).written).toEqual(own1.written);
  await project.run(['key', 'rotate', '--yes']);
  expect((await explain('LEVEL')).written).toMatchObject({ program: 'lockfast env set' });
  // A rotation has the values encrypted before it announces the first write.
  expect(await project.run(['secret', 'rotate', 'LEVEL', '--scope', 'acme', '--yes'], { input: 'rotated' })).toMatchObject({ status: 0 });
  expect(await explain('LEVEL')).toMatchObject({ layer: own, written: { program: 'lockfast secret rotate' } });
  expect((await explain('OPENAI_API_KEY')).written).toEqual(own1.written);
  await project.run(['env', 'set', 'LEVEL', '--tenant', 'acme'], { input: 'rotated' });
  expect((await explain('LEVEL')).written).toMatchObject({ program: 'lockfast secret rotate' });
});

test('[B13] outside of tenants, and without a ledger, it tells what it can', { timeout: 60_000 }, async () => {
  const project = await encryptedProject('A=canary-1\n');
  project.write('lockfast.toml', project.text('lockfast.toml').replace(/^ledger = .*$/m, ''), 0o644);
  const { status, stdout } = await project.run(['env', 'explain', 'A']);
  expect([status, stdout]).toEqual([0, expect.stringMatching(/^A\n {2}layer {6}\.env\.encrypted, revision 1\n {2}hides {6}nothing\n.*\n {2}written .*no ledger tells who wrote it\n/)]);
  expect(stdout).not.toContain('canary');
  expect(await project.run(['env', 'explain', 'NONE'])).toMatchObject({ status: 1, stderr: expect.stringContaining('no layer gives a value') as string });
});
