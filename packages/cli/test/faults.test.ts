/**
 * A command killed, or refused by the disk, at each of its file-changing calls: nothing is lost, nothing of the plaintext
 * is left where it should not be, and the same command run again finishes. A seeded sample of the calls, all of them with
 * LOCKFAST_DEEP=1; LOCKFAST_SEED=n takes another sample.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { plaintextOf, readEnvFile } from '@lockfast/core/env';
import type { KeyRing } from '@lockfast/core/keyring';
import { openKeyRing } from '@lockfast/keys';
import { expect, test } from 'vitest';

import { FAULTS, missingForTracing, strike, traceFileCalls, type Trial } from '@lockfast/testkit';
import { copyOf, emptyProject, encryptedProject, initialisedProject, LOCKFAST, type Outcome, type Project } from './support/project.ts';
import { deep, inPairs, sampled } from './support/rotation-sample.ts';

const SAMPLE = 8;

const missing = missingForTracing();
const because = missing === undefined ? '' : ` (${missing})`;

const OLD = '# old\nA=old-5d0f\nB=same-77aa\n';
const NEW = '# new\nA=new-31c9\nB=same-77aa\nC=more-e0e0\n';
const FILE = '.env.encrypted';

interface Story {
  readonly title: string;
  /** The project before the command. Each trial is a copy of it. */
  readonly before: () => Promise<Project>;
  readonly args: readonly string[];
  /** What must hold right after the fault. */
  readonly whole: (project: Project, name: string) => Promise<void>;
  /** What must hold when the command was run again; `again` is how that went. */
  readonly finished: (project: Project, again: Outcome, name: string) => Promise<void>;
}

async function ringOf(project: Project): Promise<KeyRing> {
  const around = { environment: {}, home: project.home, directory: project.directory, askPassphrase: () => Promise.reject(new Error('nobody is asked')) };
  const configured = /key-source = "(.*?)"/.exec(project.text('lockfast.toml'))?.[1];
  return openKeyRing({ path: project.path('.lockfast/keyring.json'), sources: [configured ?? ''] }, around);
}

async function plaintextIn(project: Project): Promise<string | undefined> {
  if (!existsSync(project.path(FILE))) return undefined;
  return plaintextOf(readEnvFile(project.path(FILE), { ring: await ringOf(project), tenant: '' })).toString();
}

function textOf(project: Project, name: string): string | undefined {
  return existsSync(project.path(name)) ? project.text(name) : undefined;
}

/** Not those of a root key that a killed `init` was writing: the next one makes another, under another name, and nothing is encrypted with the first. */
function temporaryFiles({ base }: Project): string[] {
  return readdirSync(base, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.tmp') && !path.startsWith('home/.config/'));
}

/** The plaintext or the encrypted file is whole at every moment, and running it again ends with the encrypted one alone. */
function encrypting(encryptedMayBe: readonly (string | undefined)[]): Pick<Story, 'whole' | 'finished'> {
  return {
    whole: async (project, name) => {
      const [plain, encrypted] = [textOf(project, '.env'), await plaintextIn(project)];
      expect([plain, encrypted], name).toContain(NEW);
      expect([NEW, undefined], name).toContain(plain);
      expect(encryptedMayBe, name).toContain(encrypted);
    },
    finished: async (project, again, name) => {
      expect(again.stderr === '' || again.stderr.startsWith('lockfast: .env was not read: it does not exist'), `${name}: ${again.stderr}`).toBe(true);
      expect([textOf(project, '.env'), await plaintextIn(project)], name).toEqual([undefined, NEW]);
      // It was refused before it came to the ledger, where the killed run may have left half a checkpoint: the next use of keys sweeps it.
      if (again.status !== 0) expect((await project.run(['env', 'verify'])).status, name).toBe(0);
    },
  };
}

const STORIES: readonly Story[] = [
  {
    title: '[E5] env encrypt, the first time',
    before: async () => {
      const project = await initialisedProject();
      project.write('.env', NEW);
      return project;
    },
    args: ['env', 'encrypt'],
    ...encrypting([NEW, undefined]),
  },
  {
    title: '[E5] [B2] env encrypt over an encrypted file',
    before: async () => {
      const project = await encryptedProject(OLD);
      project.write('.env', NEW);
      return project;
    },
    args: ['env', 'encrypt'],
    ...encrypting([OLD, NEW]),
  },
  {
    title: '[E4] env unset',
    before: () => encryptedProject(OLD),
    args: ['env', 'unset', 'A'],
    whole: async (project, name) => expect([OLD, '# old\nB=same-77aa\n'], name).toContain(await plaintextIn(project)),
    finished: async (project, again, name) => {
      expect(again.stderr === '' || again.stderr.startsWith('lockfast: the file sets no variable A'), `${name}: ${again.stderr}`).toBe(true);
      expect(await plaintextIn(project), name).toBe('# old\nB=same-77aa\n');
    },
  },
  {
    title: '[E4] env decrypt',
    before: () => encryptedProject(OLD),
    args: ['env', 'decrypt'],
    whole: async (project, name) => {
      expect(await plaintextIn(project), name).toBe(OLD);
      expect([undefined, OLD], name).toContain(textOf(project, '.env'));
    },
    finished: async (project, again, name) => {
      expect(again.stderr === '' || again.stderr.startsWith('lockfast: .env exists already'), `${name}: ${again.stderr}`).toBe(true);
      expect([textOf(project, '.env'), await plaintextIn(project)], name).toEqual([OLD, OLD]);
    },
  },
  {
    title: '[E4] key create',
    before: () => encryptedProject(OLD),
    args: ['key', 'create'],
    whole: async (project, name) => {
      expect([1, 2], name).toContain((await ringOf(project)).keys.length);
      expect(await plaintextIn(project), name).toBe(OLD);
    },
    finished: async (project, again, name) => {
      expect([again.status, again.stderr], name).toEqual([0, '']);
      expect([2, 3], name).toContain((await ringOf(project)).keys.length);
      expect(await plaintextIn(project), name).toBe(OLD);
    },
  },
  {
    title: '[E2] init',
    before: async () => {
      const project = emptyProject();
      project.write('.env', NEW);
      return project;
    },
    args: ['init'],
    whole: async (project, name) => {
      expect(textOf(project, '.env'), name).toBe(NEW);
      if (existsSync(project.path('lockfast.toml'))) expect((await ringOf(project)).keys, name).toHaveLength(1);
    },
    finished: async (project, again, name) => {
      expect(again.status === 0 || again.stderr.includes('keyring.json exists already, and was left alone'), `${name}: ${again.stderr}`).toBe(true);
      expect((await ringOf(project)).keys, name).toHaveLength(1);
      expect(textOf(project, '.gitignore'), name).toContain('\n.env\n');
      expect((await project.run(['env', 'encrypt'])).status, name).toBe(0);
      expect([textOf(project, '.env'), await plaintextIn(project)], name).toEqual([undefined, NEW]);
    },
  },
];

interface Attempt extends Trial {
  readonly project: Project;
}

function attempt(before: Project, args: readonly string[]): Attempt {
  const project = copyOf(before);
  return { project, command: process.execPath, args: [LOCKFAST, ...args], cwd: project.directory, env: project.env, paths: [project.base, project.runtime] };
}

test.skipIf(missing !== undefined).for(STORIES)(`$title: struck at every file-changing call${because}`, { timeout: deep ? 1_800_000 : 120_000 }, async ({ title, before, args, whole, finished }) => {
  const start = await before();
  const first = attempt(start, args);
  const { calls, status, stderr } = await traceFileCalls(first.command, first.args, first);
  expect([status, stderr.replace(/^lockfast: (no recovery backup|warning).*\n/, '')]).toEqual([0, '']);
  const all = calls.flatMap((call) => FAULTS.map((fault) => ({ call, fault })));
  const cases = deep ? all : sampled(all, SAMPLE);
  process.stdout.write(`${title}: ${calls.length} calls, ${cases.length} of ${all.length} faults\n`);
  await inPairs(cases, async ({ call, fault }) => {
    const name = `${fault} at ${call.text}`;
    const run = await strike(() => attempt(start, args), call, fault);
    const { project } = run.trial;
    if (fault === 'KILL') expect(run.signal, name).toBe('SIGKILL');
    else {
      expect(run.signal, name).toBeNull();
      expect(run.stderr, name).not.toContain('defect');
      expect(temporaryFiles(project), name).toEqual([]);
    }
    await whole(project, name);
    const again = await project.run(args);
    await finished(project, { ...again, stderr: again.stderr.replace(/^lockfast: no recovery backup.*\n/, '') }, name);
    expect(temporaryFiles(project), name).toEqual([]);
    // Nowhere but where the command puts it.
    for (const path of readdirSync(project.base, { recursive: true, encoding: 'utf8' })) {
      if (path !== 'project/.env' && /\.(json|toml|encrypted|key)$/.test(path)) expect(readFileSync(join(project.base, path)).includes('same-77aa'), `${name}: ${path}`).toBe(false);
    }
    project[Symbol.dispose]();
  });
});
