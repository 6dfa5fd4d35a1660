/** `env lint` as a person and a CI job call it: what it shows, what it hides, what it writes. */
import { chmodSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';

import { describe, expect, test } from 'vitest';

import { emptyProject, encryptedProject, type Project } from './support/project.ts';

const CANARY = 'zq8V3nQ2mcT1o0bJ7kA9';
const FILE = `PORT=8000\nexport MODE=on\nJWT_SECRET="${CANARY}" # never tell\nWIN=C:\\new\n`;
const FIVE = ['--target', 'node,python,systemd,compose,shell'];

interface Linted {
  readonly variables: readonly { readonly name: string; readonly alike: boolean; readonly readings: readonly { readonly targets: readonly string[]; readonly as: string; readonly value?: string; readonly causes: readonly string[] }[]; readonly spelling: { readonly style: string; readonly text?: string } | null }[];
  readonly findings: readonly { readonly kind: string; readonly severity: string; readonly name?: string }[];
  readonly written?: boolean;
  readonly respelled?: readonly { readonly name: string; readonly line: number }[];
  readonly left?: readonly { readonly name: string }[];
}

async function lint(project: Project, ...args: string[]): Promise<Linted & { status: number | null }> {
  const { stdout, status, stderr } = await project.run(['env', 'lint', '--json', ...args]);
  expect(stderr).toBe('');
  return { ...(JSON.parse(stdout) as Linted), status };
}

const kinds = ({ findings }: Linted): string[] => findings.map(({ severity, kind, name }) => `${severity} ${kind} ${name ?? '-'}`);

describe('[B8] env lint', () => {
  test('[B8] a plaintext file needs no project, no key, and shows no value', async () => {
    const project = emptyProject();
    project.write('.env', FILE);
    const { status, stdout, stderr } = await project.run(['env', 'lint']);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^JWT_SECRET {2}3 {5}node, dotenv, python, compose, shell {2,}value 1 +without quotes$/m);
    for (const secret of [CANARY, 'never tell', 'C:', '8000']) expect(stdout).not.toContain(secret);
    expect((await project.run(['env', 'lint', '--reveal'])).stdout).toContain(CANARY);
  });

  test('[B8] an asked-for target that reads something else is an error, and else a warning', async () => {
    const project = emptyProject();
    project.write('.env', 'A="x y"\n');
    expect((await project.run(['env', 'lint'])).status).toBe(0);
    expect((await project.run(['env', 'lint', '--check'])).status).toBe(1);
    expect((await project.run(['env', 'lint', '--target', 'docker'])).status).toBe(1);
    expect((await project.run(['env', 'lint', '--target', 'docker', '--dialect', 'docker'])).status).toBe(0);
    expect((await project.run(['env', 'lint', '--target', 'systemd , node', '--check']))).toMatchObject({ status: 0, stdout: '' });
  });

  test('[B8] JSON has readings and causes, and values only on request', async () => {
    const project = emptyProject();
    project.write('.env', FILE);
    const report = await lint(project, ...FIVE);
    expect(report.status).toBe(1);
    expect(report.variables.find(({ name }) => name === 'WIN')).toEqual({
      name: 'WIN',
      line: 4,
      alike: false,
      readings: [
        { targets: ['node', 'python', 'compose'], as: 'value', causes: [] },
        { targets: ['systemd', 'shell'], as: 'value', causes: ['escape'] },
      ],
      spelling: { style: 'single-quotes' },
    });
    expect(JSON.stringify(report)).not.toContain(CANARY);
    expect((await lint(project, '--reveal', ...FIVE)).variables.find(({ name }) => name === 'WIN')?.spelling?.text).toBe("WIN='C:\\new'");
  });

  test('[B8] [E4] an encrypted file is read in memory, on record, and a wrong key is its own error', async () => {
    const project = await encryptedProject(FILE);
    const toml = project.text('lockfast.toml').split('\n').filter((line) => !line.startsWith('ledger'));
    project.write('lockfast.toml', ['ledger = "sqlite:ledger.db"', ...toml].join('\n'), 0o644);
    const before = project.tree();
    expect((await project.run(['ledger', 'init'])).status).toBeLessThan(3);
    const report = await lint(project, ...FIVE);
    expect(report.variables.filter(({ alike }) => !alike).map(({ name }) => name)).toEqual(['MODE', 'JWT_SECRET', 'WIN']);
    const { stdout } = await project.run(['ledger', 'list', '--json']);
    expect(stdout).toContain('"decrypt"');
    expect(stdout).not.toContain(CANARY);
    for (const [path, what] of Object.entries(before)) if (path.startsWith('/project/.env')) expect(project.tree()[path]).toBe(what);
    writeFileSync(project.rootKey, `${readFileSync(project.rootKey, 'utf8').trim().slice(0, -4)}AAAA\n`);
    expect((await project.run(['env', 'lint'])).status).toBe(3);
  });

  test('[B8] required variables of a tenant count what all share', async () => {
    const project = await encryptedProject('SHARED=1\n');
    const toml = project.text('lockfast.toml');
    project.write('lockfast.toml', `${toml}\n[tenants]\npath = "tenants/{tenant}"\nextends = ".env.encrypted"\nrequired = ["SHARED", "OWN", "LATER"]\n`, 0o644);
    project.write('tenants/acme/.env', 'OWN=1\n');
    expect(kinds(await lint(project, 'tenants/acme/.env'))).toEqual(['error missing LATER']);
    expect(kinds(await lint(project, '.env.encrypted'))).toEqual([]);
  });

  test('[B8] a schema beside the file, in the project, or given', async () => {
    const project = await encryptedProject('PORT=x\n');
    project.write('.env.schema', '# @type=port\nPORT=\n# @required\nURL=\n');
    expect(kinds(await lint(project))).toEqual(['error missing URL', 'error type PORT']);
    project.write('sub/.env', 'PORT=1\nURL=x\n');
    expect(kinds(await lint(project, 'sub/.env'))).toEqual([]);
    project.write('sub/.env.schema', '# @type=boolean\nURL=\nPORT=\n');
    expect(kinds(await lint(project, 'sub/.env'))).toEqual(['error type URL']);
    expect(kinds(await lint(project, 'sub/.env', '--schema', '.env.schema'))).toEqual([]);
  });

  test('[B8] the example file is the fallback', async () => {
    const project = emptyProject();
    project.write('.env.example', `API_TOKEN=${CANARY}\nMISSING=\n`);
    project.write('.env', `API_TOKEN=${CANARY}\n`);
    expect(kinds(await lint(project))).toEqual(['error example-value API_TOKEN', 'warning missing MISSING']);
  });
});

describe('[B8] env lint --fix', () => {
  const FIXED = `PORT=8000\nMODE=on\n# never tell\nJWT_SECRET=${CANARY}\nWIN='C:\\new'\n`;

  test('[B8] a plaintext file: the same values, mode and owner', async () => {
    const project = emptyProject();
    project.write('.env', FILE, 0o640);
    const dry = await project.run(['env', 'lint', '--fix', '--dry-run', ...FIVE]);
    expect(dry.stdout).toContain('line 2: MODE: without quotes\nline 3: JWT_SECRET: without quotes, its comment on a line of its own above\nline 4: WIN: in single quotes\n.env: 3 lines would be spelled anew; nothing was written, 0 left\n');
    expect(project.text('.env')).toBe(FILE);
    const { status, stdout } = await project.run(['env', 'lint', '--fix', ...FIVE]);
    expect(status).toBe(0);
    expect(stdout + dry.stdout).not.toContain(CANARY);
    expect(project.text('.env')).toBe(FIXED);
    expect(statSync(project.path('.env')).mode & 0o777).toBe(0o640);
    expect((await project.run(['env', 'lint', '--fix', ...FIVE])).stdout).toContain('nothing to spell anew, 0 left');
  });

  test('[B8] an encrypted file: what did not change keeps its ciphertext', async () => {
    const project = await encryptedProject(FILE);
    const before = project.text('.env.encrypted').split('\n');
    const dry = await lint(project, '--fix', '--dry-run', ...FIVE);
    expect([dry.written, dry.respelled?.length, project.text('.env.encrypted')]).toEqual([false, 3, before.join('\n')]);
    expect(await lint(project, '--fix', ...FIVE)).toMatchObject({ status: 0, written: true, left: [] });
    const after = project.text('.env.encrypted').split('\n');
    expect(after.find((line) => line.startsWith('PORT='))).toBe(before.find((line) => line.startsWith('PORT=')));
    expect(after.find((line) => line.startsWith('WIN='))).not.toBe(before.find((line) => line.startsWith('WIN=')));
    expect((await project.run(['env', 'decrypt', '--out', '-'])).stdout).toBe(FIXED);
    expect((await project.run(['env', 'verify'])).status).toBe(0);
  });

  test('[B8] what has no common spelling is named, the rest is written, and the exit status says so', async () => {
    const project = emptyProject();
    project.write('.env', 'A="x y"\nB="z"\nC=a#b\n');
    const report = await lint(project, '--fix', '--target', 'node,docker,shell');
    expect([report.status, report.respelled, report.left?.map(({ name }) => name)]).toEqual([1, [{ name: 'B', line: 2, style: 'bare', commentMoved: false }], ['A', 'C']]);
    expect(project.text('.env')).toBe('A="x y"\nB=z\nC=a#b\n');
  });
});

describe('[B8] env lint refuses', () => {
  test.each<[string, string[], number, string]>([
    ['an unknown target', ['--target', 'perl'], 2, 'lockfast: env lint: --target takes some of node,dotenv,python,docker,systemd,compose,shell,k8s: see: lockfast env lint --help\n'],
    ['no target', ['--target', ','], 2, 'lockfast: env lint: --target takes some of node,dotenv,python,docker,systemd,compose,shell,k8s: see: lockfast env lint --help\n'],
    ['--dry-run alone', ['--dry-run'], 2, 'lockfast: env lint: --dry-run is for --fix: see: lockfast env lint --help\n'],
    ['--break-glass with --fix', ['--fix', '--break-glass', '--reason', 'now'], 2, 'lockfast: env lint: --break-glass is for what only reads, and --fix writes: see: lockfast env lint --help\n'],
    ['--check with --fix', ['--check', '--fix'], 2, 'lockfast: env lint: --check changes nothing, and --fix does: see: lockfast env lint --help\n'],
    ['a file that is not there', ['nowhere'], 1, 'lockfast: nowhere was not read: it does not exist'],
    ['a schema that is not there', ['.env', '--schema', 'nowhere'], 1, 'does not exist'],
    ['a directory', ['.'], 1, 'lockfast: . is a directory'],
  ])('%s', async (_, args, status, message) => {
    const project = emptyProject();
    project.write('.env', FILE);
    const outcome = await project.run(['env', 'lint', ...args]);
    expect([outcome.status, outcome.stdout]).toEqual([status, '']);
    expect(outcome.stderr).toContain(message);
    expect(outcome.stderr).not.toContain(CANARY);
  });

  test('to write through a link', async () => {
    const project = emptyProject();
    project.write('real', FILE);
    symlinkSync('real', project.path('.env'));
    const outcome = await project.run(['env', 'lint', '--fix', ...FIVE]);
    expect([outcome.status, project.text('real')]).toEqual([1, FILE]);
    expect(outcome.stderr).toContain('link');
  });

  test('a damaged encrypted file', async () => {
    const project = await encryptedProject(FILE);
    chmodSync(project.path('.env.encrypted'), 0o600);
    writeFileSync(project.path('.env.encrypted'), project.text('.env.encrypted').replace('PORT=', 'P0RT='));
    const outcome = await project.run(['env', 'lint', '--fix']);
    expect([outcome.status, outcome.stdout]).toEqual([4, '']);
  });

  test('an encrypted file without a project', async () => {
    const project = await encryptedProject(FILE);
    const lonely = emptyProject();
    lonely.write('.env.encrypted', project.text('.env.encrypted'));
    const outcome = await lonely.run(['env', 'lint', basename(lonely.path('.env.encrypted'))]);
    expect(outcome.stderr).toContain('there is no lockfast.toml');
  });
});
