/** `key rotate` where symbolic links stand among the env files. */
import { existsSync, lstatSync, mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import type { Outcome } from './support/project.ts';
import { type Fleet, FILES, makeFleet } from './support/rotation-fleet.ts';
import { expectFinished, openRecords } from './support/rotation-oracle.ts';

const FEW = FILES.filter(({ name }) => ['.env.encrypted', 'tenants/alpha/.env.encrypted'].includes(name));

async function fleetOf(): Promise<Fleet> {
  const fleet = await makeFleet(FEW);
  onTestFinished(() => fleet[Symbol.dispose]());
  return fleet;
}

function rotate(fleet: Fleet, ...args: string[]): Promise<Outcome> {
  return fleet.project.run(['key', 'rotate', ...args], { patience: 60_000 });
}

test('[E6] [W4] a link to a file that is configured, too: that one is done once, and the link stays', async () => {
  const fleet = await fleetOf();
  const { project } = fleet;
  symlinkSync('.env.encrypted', project.path('.env.link.encrypted'));
  symlinkSync('../../tenants/alpha/.env.encrypted', project.path('tenants/alpha/.env.link.encrypted').replace('.link', '.again'));
  const planned = JSON.parse((await rotate(fleet, '--dry-run', '--json')).stdout) as { files: string[] };
  expect(planned.files.toSorted()).toEqual(FEW.map(({ name }) => project.path(name)).toSorted());
  const done = await rotate(fleet);
  expect([done.status, done.stderr]).toEqual([0, expect.not.stringContaining('symbolic link')]);
  expect(readlinkSync(project.path('.env.link.encrypted'))).toBe('.env.encrypted');
  rmSync(project.path('.env.link.encrypted'));
  rmSync(project.path('tenants/alpha/.env.again.encrypted'));
  await expectFinished(fleet, 'with links', FEW);
});

test('[E6] [W4] a link to a file of the project that is reached by it alone is followed', async () => {
  const fleet = await fleetOf();
  const { project } = fleet;
  mkdirSync(project.path('shared'));
  renameSync(project.path('.env.encrypted'), project.path('shared/secrets'));
  symlinkSync('shared/secrets', project.path('.env.encrypted'));
  const done = await rotate(fleet);
  expect(done.status, done.stderr).toBe(0);
  expect(lstatSync(project.path('.env.encrypted')).isSymbolicLink()).toBe(true);
  const ring = await fleet.ring();
  expect(project.text('shared/secrets')).toContain(ring.active().id);
  const got = await project.run(['env', 'get', 'SECRET']);
  expect([got.status, got.stderr]).toEqual([0, '']);
});

test('[E6] [E18] one that leads elsewhere, or nowhere, is named with what to do, and the others are done', async () => {
  const fleet = await fleetOf();
  const { project } = fleet;
  const outside = join(project.base, 'outside');
  renameSync(project.path('.env.encrypted'), outside);
  symlinkSync(outside, project.path('.env.encrypted'));
  symlinkSync('no-such-file', project.path('.env.gone.encrypted'));
  const stopped = await rotate(fleet);
  expect(stopped.status, stopped.stderr).toBe(1);
  for (const name of ['.env.encrypted', '.env.gone.encrypted']) {
    expect(stopped.stderr.split(`${project.path(name)} is a symbolic link to what is no env file of this project`)).toHaveLength(2);
    expect(stopped.stderr).toContain('put the file itself in its place, or remove the link');
  }
  expect(openRecords(fleet)).toMatchObject([{ files: 1 }]);
  rmSync(project.path('.env.gone.encrypted'));
  rmSync(project.path('.env.encrypted'));
  renameSync(outside, project.path('.env.encrypted'));
  const done = await rotate(fleet);
  expect([done.status, existsSync(outside)], done.stderr).toEqual([0, false]);
  await expectFinished(fleet, 'mended', FEW);
});

test('[E6] a link into the backups of rotations is none to follow: what is kept there stays as it was', async () => {
  const fleet = await fleetOf();
  const { project } = fleet;
  const first = await rotate(fleet, '--json');
  const { id } = JSON.parse(first.stdout) as { id: string };
  symlinkSync(`.lockfast/backups/${id}/files/1`, project.path('.env.old.encrypted'));
  const kept = project.read(`.lockfast/backups/${id}/files/1`);
  expect((await rotate(fleet)).status).toBe(1);
  expect(project.read(`.lockfast/backups/${id}/files/1`).equals(kept)).toBe(true);
  rmSync(project.path('.env.old.encrypted'));
  expect((await rotate(fleet)).status).toBe(0);
});
