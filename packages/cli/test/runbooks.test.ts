/**
 * The commands of docs/runbooks, run as they stand there, in order, in one real project. A fence says in its first line
 * what a page can't: `sh backup` belongs to the story of that name, `exit=1` is the status that is expected, `example`
 * is shown and not run, `value` gets a value on standard input as a person would type it.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

import { missingForTracing } from '@lockfast/testkit';

import { emptyProject, LOCKFAST, type Project } from './support/project.ts';

const RUNBOOKS = fileURLToPath(new URL('../../../docs/runbooks/', import.meta.url));
const PLAINTEXT = 'DATABASE_URL=postgres://u:canary-77d1@db/shop\n# mail\nSMTP_PASSWORD=canary-c0de\n';

interface Block {
  readonly words: readonly string[];
  readonly commands: string;
}

/** The fenced shell commands of a page: those of no story, and those of this one. */
function blocks(page: string, story: string | undefined): Block[] {
  const stories = ['backup', 'shares', 'nothing'];
  return [...readFileSync(join(RUNBOOKS, page), 'utf8').matchAll(/^( *)```sh *(.*)\n([\s\S]*?)\n\1```$/gm)]
    .map(([, indent, words, body]) => ({ words: words!.split(' ').filter((word) => word !== ''), commands: body!.replaceAll(new RegExp(`^${indent}`, 'gm'), '') }))
    .filter(({ words }) => !words.includes('example') && words.every((word) => !stories.includes(word) || word === story));
}

function shell(project: Project, commands: string, input = ''): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync('bash', ['-e', '-c', commands], { cwd: project.directory, env: { ...project.env, ...GIT }, input, encoding: 'utf8', timeout: 60_000 });
  return { status, output: stdout + stderr };
}

const GIT = { GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@example.com', GIT_COMMITTER_NAME: 'a', GIT_COMMITTER_EMAIL: 'a@example.com' };

/** A project in git, with an encrypted file, a recovery backup, and three of five shares under the names of the page. */
async function shop(): Promise<Project> {
  const project = emptyProject();
  const usb = join(project.base, 'usb');
  mkdirSync(usb);
  project.write('../passphrase', 'correct horse\n', 0o400);
  project.write('.env', PLAINTEXT);
  const made = shell(project, `git init -q; lockfast init --backup '${usb}/shop.backup' --passphrase-file '${project.base}/passphrase'; lockfast env encrypt; lockfast key split --shares 5 --threshold 3 --out '${usb}/all'; git add -A; git commit -qm shop`);
  expect(made.status, made.output).toBe(0);
  for (const [i, name] of readdirSync(join(usb, 'all')).entries()) renameSync(join(usb, 'all', name), join(usb, `${i + 1}.share`));
  return project;
}

/** What the page leaves to whoever reads it: where the backup is, which key it is about; and a passphrase is typed. */
function filledIn(project: Project, commands: string): string {
  const keys = /"id": "([a-z][a-z2-7]{5})"/.exec(shell(project, 'lockfast key list --json 2>/dev/null || true').output)?.[1] ?? 'KEY';
  return commands
    .replaceAll(/^(lockfast (?:key backup|key restore|init) (?!--shares).*)$/gm, `$1 --passphrase-file ${project.base}/passphrase`)
    .replaceAll('/mnt/usb', join(project.base, 'usb'))
    .replaceAll(/\bNEWKEY\b/g, join(project.home, 'new.key'))
    .replaceAll(/\bTHEIRS\b/g, `file:${project.base}/theirs.key`)
    .replaceAll(/\bKEY\b/g, keys)
    .replaceAll(/\bVARIABLE\b/g, 'API_KEY')
    .replaceAll(/\bTENANT\b/g, 'acme')
    .replaceAll(/\bID\b/g, () => /^([a-z2-7]{10}) /m.exec(shell(project, 'lockfast secret history').output)?.[1] ?? 'ID');
}

function follow(project: Project, page: string, story?: string): string[] {
  return blocks(page, story).map(({ words, commands }) => {
    const filled = filledIn(project, commands);
    const { status, output } = shell(project, filled, words.includes('value') ? 'canary-new' : '');
    expect([filled, status, output], page).toEqual([filled, words.includes('exit=1') ? 1 : 0, output]);
    return output;
  });
}

const hasRotate = readdirSync(fileURLToPath(new URL('../src/key/', import.meta.url))).includes('rotate.ts');

test('[E18] [W8] key-lost.md, with a recovery backup', { timeout: 120_000 }, async () => {
  const project = await shop();
  rmSync(join(project.home, '.config'), { recursive: true });
  follow(project, 'key-lost.md', 'backup');
  expect((await project.run(['env', 'decrypt', '--out', '-'])).stdout).toBe(PLAINTEXT);
});

test('[E18] [B12] key-lost.md, with shares', { timeout: 120_000 }, async () => {
  const project = await shop();
  rmSync(join(project.home, '.config'), { recursive: true });
  follow(project, 'key-lost.md', 'shares');
  expect((await project.run(['env', 'decrypt', '--out', '-'])).stdout).toBe(PLAINTEXT);
});

test('[E18] [W9] key-lost.md, with nothing: each name is there to be entered again', { timeout: 120_000 }, async () => {
  const project = await shop();
  rmSync(join(project.home, '.config'), { recursive: true });
  const [, doctor] = follow(project, 'key-lost.md', 'nothing');
  expect(doctor).toMatch(/^- +DATABASE_URL +/m);
  expect(doctor).toMatch(/^- +SMTP_PASSWORD +/m);
  expect((await project.run(['env', 'list'])).stdout).toBe('DATABASE_URL\n');
});

test.skipIf(!hasRotate)('[E18] key-compromised.md', { timeout: 120_000 }, async () => {
  const project = await shop();
  follow(project, 'key-compromised.md');
  expect((await project.run(['env', 'get', 'SMTP_PASSWORD'])).stdout).toBe('canary-c0de');
  expect(execFileSync('git', ['status', '--porcelain', 'lockfast.toml'], { cwd: project.directory, encoding: 'utf8' })).toBe('');
});

test.skipIf(!hasRotate)('[E18] rotation-failed.md', { timeout: 120_000 }, async () => {
  const project = await shop();
  follow(project, 'rotation-failed.md');
  expect((await project.run(['env', 'decrypt', '--out', '-'])).stdout).toBe(PLAINTEXT);
});

test.skipIf(!hasRotate)('[E18] someone-left.md', { timeout: 120_000 }, async () => {
  const project = await shop();
  const added = shell(project, '(umask 277; lockfast key generate --format root > ../theirs.key); lockfast key source add "file:$(realpath ../theirs.key)"');
  expect(added.status, added.output).toBe(0);
  follow(project, 'someone-left.md');
  expect((await project.run(['env', 'get', 'SMTP_PASSWORD'])).stdout).toBe('canary-c0de');
});

/** Two tenants with a shared API key, beside the shop. */
async function tenants(): Promise<Project> {
  const project = await shop();
  project.write('lockfast.toml', `${project.text('lockfast.toml')}\n[tenants]\npath = "tenants/{tenant}"\nextends = "shared.env.encrypted"\ngenerated = ["SESSION_KEY"]\n`);
  project.write('shared.env', 'API_KEY=canary-old\n');
  for (const name of ['acme', 'wip']) project.write(`tenants/${name}/.env`, 'SESSION_KEY=canary-session\n');
  const made = shell(project, 'for file in shared.env tenants/*/.env; do lockfast env encrypt "$file"; done');
  expect(made.status, made.output).toBe(0);
  return project;
}

test('[E18] [E13] credential-compromised.md', { timeout: 120_000 }, async () => {
  const project = await tenants();
  follow(project, 'credential-compromised.md');
  expect((await project.run(['env', 'get', 'API_KEY', '--file', 'shared.env.encrypted'])).stdout).toBe('canary-new');
  expect((await project.run(['env', 'get', 'SESSION_KEY', '--tenant', 'acme', '--file', 'tenants/acme/.env.encrypted'])).stdout).toMatch(/^[\w-]{43}$/);
});

test.skipIf(missingForTracing() !== undefined)('[E18] [E13] [B6] credential-rotation-failed.md', { timeout: 120_000 }, async () => {
  const project = await tenants();
  // Killed before the first file is in its place: the journal and the list of copies are.
  const killed = shell(project, `set +e; strace -o /dev/null --trace=rename --inject=rename:signal=KILL:when=3 -- '${process.execPath}' '${LOCKFAST}' secret rotate API_KEY --scope all --yes; echo "ended with $?"`, 'canary-new');
  expect(killed.output).toContain('ended with 137');
  const outputs = follow(project, 'credential-rotation-failed.md');
  expect(outputs.join('')).toContain('finishing the rotation');
  expect((await project.run(['env', 'get', 'API_KEY', '--file', 'shared.env.encrypted'])).stdout).toBe('canary-old');
});

test('[E18] [E12] [B7] env-committed.md: the history that git-filter-repo leaves has no value of before', { timeout: 120_000 }, async () => {
  const project = await shop();
  const old = 'canary-Zq8xV2mLr7Kp4Tn9wYb3Hd6Js';
  project.write('.env', `API_KEY=${old}\nPORT=3000\n`);
  const made = shell(project, 'lockfast env encrypt --force --keep; git add --force .env .env.encrypted; git commit -qm "all of it"; echo more > more.txt; git add more.txt; git commit -qm more; git tag v1');
  expect(made.status, made.output).toBe(0);
  const outputs = follow(project, 'env-committed.md');
  expect(outputs[0]).toContain('a plaintext env file, 2 variables with a value');
  expect(outputs[0]).toContain('the live value of API_KEY');
  expect(outputs.join('')).not.toContain(old);
  const cleaned = join(project.base, 'cleaned');
  const objects = execFileSync('git', ['cat-file', '--batch', '--batch-all-objects', '--unordered'], { cwd: cleaned, encoding: 'latin1' });
  expect(objects).toContain('more');
  expect(objects).not.toContain(old);
  expect(project.text('.env')).toContain(old);
  expect((await project.run(['env', 'get', 'API_KEY'])).stdout).toBe('canary-new');
});

test('every page names only commands that there are', async () => {
  const project = emptyProject();
  const { stdout } = await project.run(['--help']);
  const known = [...stdout.matchAll(/^ {2}((?:[a-z]+ ){1,3})/gm)].map(([, name]) => name!.trim());
  for (const page of readdirSync(RUNBOOKS)) {
    for (const [, words] of readFileSync(join(RUNBOOKS, page), 'utf8').matchAll(/(?<![./=\w])lockfast ((?:[a-z]+ ?)+)/g)) {
      const named = words!.trim();
      expect(known.some((name) => `${named} `.startsWith(`${name} `) || `${name} `.startsWith(`${named} `)), `${page}: lockfast ${named}`).toBe(true);
    }
  }
});
