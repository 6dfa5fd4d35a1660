/** The new root key of `key rotate --root` lies in a directory that others may write: what is put in its place is not wrapped for. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import type { RotationRecord } from '@lockfast/core/rotation';
import { expect, onTestFinished, test } from 'vitest';

import { missingForTracing, strike, traceFileCalls, type Trial } from '@lockfast/testkit';
import { LOCKFAST, type Outcome } from './support/project.ts';
import { Fleet, FILES, makeFleet, ROOT_ARGS } from './support/rotation-fleet.ts';
import { expectFinished, openRecords } from './support/rotation-oracle.ts';

const missing = missingForTracing();
const FEW = FILES.slice(0, 2);
const RING = '.lockfast/keyring.json';

async function fleetOf(): Promise<Fleet> {
  const fleet = await makeFleet(FEW);
  onTestFinished(() => fleet[Symbol.dispose]());
  return fleet;
}

/** Another root key, in the place of the one that the rotation made. @returns how that one is put back */
async function swap(fleet: Fleet): Promise<() => void> {
  const aside = `${fleet.newRoot}.aside`;
  renameSync(fleet.newRoot, aside);
  writeFileSync(fleet.newRoot, (await fleet.project.run(['key', 'generate', '--format', 'root'])).stdout, { mode: 0o400 });
  return () => renameSync(aside, fleet.newRoot);
}

async function expectRefused(fleet: Fleet): Promise<void> {
  const before = fleet.project.text(RING);
  const refused = await fleet.project.run(['key', 'rotate', '--json']);
  expect([refused.status, refused.stderr], refused.stdout).toEqual([5, expect.any(String)]);
  const { error } = JSON.parse(refused.stdout || refused.stderr) as { error: { code: string; message: string; hint: string } };
  expect(error).toMatchObject({ code: 'conflict', message: expect.stringContaining(`${fleet.newRoot} holds another root key`), hint: expect.stringContaining('move it away') });
  expect(fleet.project.text(RING)).toBe(before);
}

/** A rotation that one file stops, after the new root key was made. @returns its record, and how the file is mended */
async function stoppedByAFile(fleet: Fleet): Promise<{ readonly stopped: RotationRecord; readonly mend: () => void }> {
  const { project } = fleet;
  const { name } = FEW[0]!;
  const whole = project.read(name);
  project.write(name, '', 0o400);
  expect((await project.run(ROOT_ARGS)).status).toBe(1);
  return { stopped: openRecords(fleet)[0]!, mend: () => project.write(name, whole, 0o400) };
}

function finish(fleet: Fleet): Promise<Outcome> {
  return fleet.project.run(['key', 'rotate'], { patience: 60_000 });
}

test.skipIf(missing !== undefined)(`[E18] [S3] killed before the ring is wrapped for the new root key, another one in its place is refused${missing === undefined ? '' : ` (${missing})`}`, { timeout: 60_000 }, async () => {
  const template = await fleetOf();
  const attempt = (fleet: Fleet): Trial & { fleet: Fleet } => {
    const { directory, env, base } = fleet.project;
    return { fleet, command: process.execPath, args: [LOCKFAST, ...ROOT_ARGS], cwd: directory, env, paths: [base] };
  };
  const copy = (): Fleet => {
    const fleet = Fleet.copyOf(template);
    onTestFinished(() => fleet[Symbol.dispose]());
    return fleet;
  };
  const { calls } = await traceFileCalls(process.execPath, [LOCKFAST, ...ROOT_ARGS], attempt(copy()));
  const named = calls.find(({ call, files }) => call.startsWith('rename') && files.some((file) => file.endsWith(RING)))!;
  const { trial: { fleet }, signal } = await strike(() => attempt(copy()), named, 'KILL');
  expect(signal).toBe('SIGKILL');
  expect(openRecords(fleet)).toMatchObject([{ status: 'initiated', root: { file: fleet.newRoot, fingerprint: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) } }]);

  const putBack = await swap(fleet);
  await expectRefused(fleet);
  putBack();
  const done = await finish(fleet);
  expect(done.status, done.stderr).toBe(0);
  await expectFinished(fleet, 'the one that was made is back', FEW);
});

test('[E18] [S3] of a rotation that stopped later it is refused, too; without it another root key is made', async () => {
  const fleet = await fleetOf();
  const { project } = fleet;
  const { stopped, mend } = await stoppedByAFile(fleet);

  await swap(fleet);
  await expectRefused(fleet);
  rmSync(fleet.newRoot);
  mend();
  const done = await finish(fleet);
  expect(done.status, done.stderr).toBe(0);
  await expectFinished(fleet, 'with another one', FEW);
  expect(JSON.parse(project.text(`.lockfast/rotations/${stopped.id}.json`))).toMatchObject({ status: 'completed', root: { fingerprint: expect.not.stringContaining(stopped.root!.fingerprint!) } });
});

test('[E18] a record of before, that does not say which root key was made, is refused and says how to go on', async () => {
  const fleet = await fleetOf();
  const { project } = fleet;
  const { stopped, mend } = await stoppedByAFile(fleet);
  const record = project.path(`.lockfast/rotations/${stopped.id}.json`);
  const { fingerprint: _, ...root } = stopped.root!;
  project.write(`.lockfast/rotations/${stopped.id}.json`, JSON.stringify({ ...stopped, root }));
  mend();

  const refused = await finish(fleet);
  expect(refused.stderr).toContain(`the record ${record} does not say which root key its rotation made`);
  // As the hint says.
  mkdirSync(join(project.base, 'away'));
  renameSync(record, join(project.base, 'away/record.json'));
  const second = join(dirname(fleet.newRoot), 'second.key');
  const done = await project.run(['key', 'rotate', '--root', '--new-key-out', second], { patience: 60_000 });
  expect(done.status, done.stderr).toBe(0);
  expect(fleet.sources).toEqual([`file:${second}`]);
  expect(readFileSync(second, 'utf8')).toMatch(/^lockfast-root-1\./);
});
