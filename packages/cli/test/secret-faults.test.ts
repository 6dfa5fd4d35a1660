/** `secret rotate` on files alone, killed or refused by the disk at a sample of its file-changing calls; and its recovery. */
import { cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { FAULTS, missingForTracing, strike, traceFileCalls, type Trial } from '@lockfast/testkit';

import { LOCKFAST, Project } from './support/project.ts';
import { deep, sampledOfEach, seed } from './support/rotation-sample.ts';

const missing = missingForTracing();
/** Of each fault. */
const SAMPLE = deep ? Infinity : 2;
const ARGS: readonly string[] = ['secret', 'rotate', 'API_KEY', '--scope', 'all', '--generate'];

/** The tenant, its file, and what stands in it. */
const FILES: readonly (readonly [tenant: string, file: string, text: string])[] = [
  ['', 'shared.env.encrypted', 'API_KEY=old-shared\nLEVEL=info\n'],
  ['a', 'tenants/a/.env.encrypted', '# a\nAPI_KEY="old a" # why\nX=1\n'],
  ['b', 'tenants/b/.env.encrypted', 'export API_KEY=old-b'],
  ['c', 'tenants/c/.env.encrypted', 'X=1\n'],
];

async function makeTemplate(): Promise<Project> {
  const project = new Project();
  const run = async (args: readonly string[]): Promise<void> => expect(await project.run(args)).toMatchObject({ status: 0 });
  await run(['init']);
  project.write('lockfast.toml', `${project.text('lockfast.toml')}\n[tenants]\npath = "tenants/{tenant}"\nextends = "shared.env.encrypted"\n`);
  for (const [, file, text] of FILES) {
    project.write(file.replace('.encrypted', ''), text);
    await run(['env', 'encrypt', file.replace('.encrypted', '')]);
  }
  return project;
}

async function plaintexts(project: Project, name: string): Promise<string[]> {
  const texts: string[] = [];
  for (const [, file] of FILES) {
    const { status, stdout, stderr } = await project.run(['env', 'decrypt', '--out', '-', file]);
    expect(status, `${name}: ${stderr}`).toBe(0);
    texts.push(stdout);
  }
  return texts;
}

interface Attempt extends Trial {
  readonly project: Project;
}

describe.skipIf(missing !== undefined)(`secret rotate struck${missing === undefined ? '' : ` (${missing})`}`, () => {
  let template: Project;
  beforeAll(async () => {
    template = await makeTemplate();
  }, 120_000);
  afterAll(() => template[Symbol.dispose]());

  function attempt(): Attempt {
    const project = new Project();
    for (const part of ['project', 'home']) cpSync(join(template.base, part), join(project.base, part), { recursive: true });
    return { project, command: process.execPath, args: [LOCKFAST, ...ARGS], cwd: project.directory, env: project.env, paths: [project.base] };
  }

  test('[B6] [E13] at any file-changing call: every file is whole, the next run finishes, and a roll-back gives it all back', { timeout: deep ? 7_200_000 : 600_000 }, async () => {
    const first = attempt();
    const { calls, status, stderr } = await traceFileCalls(first.command, first.args, first);
    first.project[Symbol.dispose]();
    expect(status, stderr).toBe(0);
    const cases = calls.flatMap((call) => FAULTS.map((fault) => ({ call, fault })));
    const counts = { fresh: 0, resumed: 0 };
    for (const { call, fault } of sampledOfEach(cases, (one) => one.fault, SAMPLE)) {
      const name = `seed ${seed}: ${fault} at ${call.index}: ${call.text}`;
      const run = await strike(attempt, call, fault);
      using project = run.trial.project;
      if (fault === 'KILL') expect(run.signal, name).toBe('SIGKILL');
      else expect(run.stderr, name).not.toContain('defect');
      // Each file is as it was, or has the new value.
      for (const [i, text] of (await plaintexts(project, name)).entries()) {
        const old = FILES[i]![2];
        const value = /API_KEY=([\w-]{43})/.exec(text)?.[1];
        expect([old, old.replace(/API_KEY=.*/, `API_KEY=${value}`)], name).toContain(text);
      }
      const again = await project.run(ARGS, { patience: 120_000 });
      expect([again.status, again.signal], `${name}: ${again.stderr}`).toEqual([0, null]);
      counts[again.stderr.includes('finishing the rotation') ? 'resumed' : 'fresh'] += 1;
      const done = await plaintexts(project, name);
      const values = new Set(done.flatMap((text) => /API_KEY=([\w-]{43})/.exec(text)?.[1] ?? []));
      expect([values.size, done[3]], name).toEqual([1, 'X=1\n']);
      expect(done[2], name).toMatch(/^export API_KEY=[\w-]{43}$/);
      expect(readdirSync(project.path('.lockfast/credential-rotations')).filter((entry) => entry.endsWith('.tmp')), name).toEqual([]);
      // Back through all that there were.
      const { rotations } = JSON.parse((await project.run(['secret', 'history', '--json'])).stdout) as { rotations: { id: string; status: string }[] };
      expect(rotations.map((rotation) => rotation.status), name).not.toContain('open');
      for (const { id, status: was } of rotations.toReversed()) if (was === 'completed') expect(await project.run(['secret', 'rollback', id], { patience: 120_000 }), name).toMatchObject({ status: 0 });
      expect(await plaintexts(project, name), name).toEqual(FILES.map(([, , text]) => text));
    }
    process.stdout.write(`secret rotate: ${calls.length} calls, seed ${seed}, ${counts.resumed} resumed, ${counts.fresh} begun anew\n`);
  });

  test('[B6] keys that rotate while a credential is half way do not stop it', { timeout: 120_000 }, async () => {
    const first = attempt();
    const { calls } = await traceFileCalls(first.command, first.args, first);
    first.project[Symbol.dispose]();
    // Before the last file is in its place.
    const call = calls.findLast((one) => one.call.startsWith('rename') && one.files.some((file) => file.endsWith('.env.encrypted')))!;
    using project = (await strike(attempt, call, 'KILL')).trial.project;
    // Who looks at the fleet is told, and what to do.
    const [id] = (JSON.parse((await project.run(['secret', 'history', '--json'])).stdout) as { rotations: { id: string }[] }).rotations.map((one) => one.id);
    const half = `the rotation ${id!} of API_KEY (all), begun `;
    const next = `lockfast secret rotate --resume, or back with lockfast secret rollback ${id!}`;
    for (const [command, status] of [[['status'], 1], [['tenant', 'list'], 0]] as const) {
      const told = await project.run(command);
      expect([told.status, told.stderr], command.join(' ')).toEqual([status, expect.stringContaining(half)]);
      expect(told.stderr).toContain(next);
      expect(JSON.parse((await project.run([...command, '--json'])).stdout)).toMatchObject({ credentialRotation: id });
    }
    expect(await project.run(['key', 'rotate'], { patience: 120_000 })).toMatchObject({ status: 0 });
    // Its journal is sealed under the key before: no env file shows that it is needed.
    const [old] = (JSON.parse((await project.run(['key', 'list', '--json'])).stdout) as { keys: { id: string }[] }).keys;
    expect(await project.run(['key', 'retire', old!.id, '--yes'])).toMatchObject({ status: 1, stderr: expect.stringMatching(/the rotation \w+ of API_KEY is not finished.*secret rotate --resume/) as string });
    const again = await project.run(['secret', 'rotate', '--resume']);
    expect([again.status, again.stderr], again.stderr).toEqual([0, expect.stringContaining('finishing the rotation')]);
    expect(JSON.parse((await project.run(['status', '--json'])).stdout)).toMatchObject({ credentialRotation: null });
    expect(new Set((await plaintexts(project, 'resumed')).flatMap((text) => /API_KEY=([\w-]{43})/.exec(text)?.[1] ?? [])).size).toBe(1);
  });
});
