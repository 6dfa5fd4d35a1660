import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, describe, expect, test } from 'vitest';

import { COMMANDS } from '../src/commands.ts';

const LOCKFAST = fileURLToPath(new URL('../bin/lockfast.js', import.meta.url));
const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

/** A directory with two files, and beside it the three scripts as the built command prints them. */
const base = mkdtempSync(join(tmpdir(), 'lockfast-completion-'));
const here = join(base, 'project');
mkdirSync(here);
for (const name of ['prod.env.encrypted', 'two words.env']) writeFileSync(join(here, name), '');
// zsh finds it as a file of `fpath`, as the help of `completion` says, by this name.
const script = (shell: Shell): string => join(base, shell === 'zsh' ? '_lockfast' : `lockfast.${shell}`);
for (const shell of SHELLS) writeFileSync(script(shell), execFileSync(process.execPath, [LOCKFAST, 'completion', shell]));
afterAll(() => rmSync(base, { recursive: true, force: true }));

const ENVIRONMENT = { PATH: process.env['PATH'], HOME: base, TERM: 'dumb', LC_ALL: 'C.UTF-8', PS1: 'READY> ' };

function missing(...commands: readonly string[]): string | undefined {
  const absent = commands.filter((command) => spawnSync(command, ['--version']).error !== undefined);
  return absent.length === 0 ? undefined : `needs ${absent.join(' and ')}`;
}

/** What bash offers, by the function that it calls. */
function offeredByBash(...words: readonly string[]): string[] {
  const program = 'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _lockfast; printf "%s\\n" "${COMPREPLY[@]}"';
  return lines(execFileSync('bash', ['--norc', '-c', program, script('bash'), ...words], { cwd: here, env: ENVIRONMENT, encoding: 'utf8' }));
}

/** What fish offers, without the descriptions. */
function offeredByFish(...words: readonly string[]): string[] {
  const program = 'source $argv[1]; complete -C $argv[2]';
  const output = execFileSync('fish', ['--no-config', '-c', program, script('fish'), words.join(' ')], { cwd: here, env: ENVIRONMENT, encoding: 'utf8' });
  return lines(output).map((line) => line.split('\t')[0]!);
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

/** How each shell starts without a user's own settings, and what it must read first. */
const INTERACTIVE: Readonly<Record<Shell, { readonly start: string; readonly setUp: string }>> = {
  bash: { start: 'bash --norc --noprofile -i', setUp: `source ${script('bash')}; lockfast() { printf '<%s>' ran "$@"; echo; }` },
  zsh: { start: 'zsh -f -i', setUp: `fpath=(${base} $fpath); autoload -Uz compinit; compinit -u -D; lockfast() { printf '<%s>' ran "$@"; echo; }` },
  fish: {
    start: `fish --no-config -i -C 'function fish_prompt; echo "READY> "; end'`,
    setUp: `source ${script('fish')}; function lockfast; printf '<%s>' ran $argv; echo; end`,
  },
};

/** Types `keys` into the real shell on a pseudo-terminal; gives what the commands were run with. */
async function typed(shell: Shell, keys: readonly string[]): Promise<string[]> {
  const { start, setUp } = INTERACTIVE[shell];
  const terminal = spawn('script', ['-qec', start, '/dev/null'], { cwd: here, env: ENVIRONMENT, stdio: ['pipe', 'pipe', 'ignore'] });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let output = '';
  terminal.stdout.on('data', (chunk: Buffer) => {
    const ready = output.includes('READY>');
    output += chunk.toString();
    if (!ready && output.includes('READY>')) terminal.stdin.write(`${[setUp, ...keys, 'exit'].join('\n')}\n`);
  });
  terminal.on('error', reject);
  terminal.on('close', () => resolve(output));
  return [...(await promise).matchAll(/<ran>((?:<[^<>]*>)*)\r?\n/g)].map(([, words]) => words!);
}

describe.each([
  ['bash', offeredByBash],
  ['fish', offeredByFish],
] as const)('%s offers', (shell, offered) => {
  const lacks = missing(shell);
  const because = lacks === undefined ? '' : ` (${lacks})`;

  test.skipIf(lacks !== undefined)(`commands, verbs, options, choices and files${because}`, () => {
    const sorted = (...words: readonly string[]): string[] => offered(...words).toSorted();
    const nouns = new Set(COMMANDS.map(({ name }) => name.split(' ')[0]!));
    expect(sorted('lockfast', '')).toEqual(expect.arrayContaining([...nouns]));
    expect(sorted('lockfast', 'env', 'en')).toEqual(['encrypt']);
    expect(sorted('lockfast', 'key', 'source', '')).toEqual(['add', 'list', 'remove']);
    expect(sorted('lockfast', 'env', 'get', '--')).toEqual(['--break-glass', '--config', '--dialect', '--file', '--help', '--json', '--reason', '--tenant']);
    expect(sorted('lockfast', 'env', 'get', '--dialect', 'co')).toEqual(['compose']);
    expect(sorted('lockfast', 'watch', '')).toEqual(['ack', 'install', 'list', 'uninstall']);
    expect(sorted('lockfast', 'watch', '--on')).toEqual(['--once']);
    expect(sorted('lockfast', 'completion', '')).toEqual(['bash', 'fish', 'zsh']);
    expect(sorted('lockfast', 'env', 'encrypt', 'prod')).toEqual(['prod.env.encrypted']);
    expect(sorted('lockfast', 'env', 'encrypt', '--out', 'prod')).toEqual(['prod.env.encrypted']);
    expect(sorted('lockfast', 'run', '--file', 'prod')).toEqual(['prod.env.encrypted']);
    expect(sorted('lockfast', 'env', 'get', '')).toEqual([]);
  });

  test.skipIf(lacks !== undefined)(`every option of every command${because}`, { timeout: 120_000 }, () => {
    for (const { name, options } of COMMANDS) {
      const expected = [...Object.keys(options), 'config', 'help'].map((option) => `--${option}`);
      expect(offered('lockfast', ...name.split(' '), '--'), name).toEqual(expect.arrayContaining(expected));
    }
  });

  test.skipIf(lacks !== undefined)(`programs behind \`run --\`, and then their arguments${because}`, () => {
    expect(offered('lockfast', 'run', '--', 'unsha')).toContain('unshare');
    expect(offered('lockfast', 'run', '--only', 'A', '--', 'cat', 'prod')).toEqual(['prod.env.encrypted']);
    expect(offered('lockfast', 'run', '--', 'env', 'en')).not.toContain('encrypt');
  });
});

describe.concurrent.each(SHELLS)('typed into %s', (shell) => {
  const lacks = missing(shell, 'script');
  const because = lacks === undefined ? '' : ` (${lacks})`;

  test.skipIf(lacks !== undefined)(`the Tab key completes to a command line that runs${because}`, { timeout: 30_000 }, async () => {
    const keys = ['lockfast env enc\t--o\tprod\t--ke\t', 'lockfast key source rem\t', 'lockfast env list --dialect=co\t', 'lockfast env encrypt two\t', 'lockfast run --file pr\t-- unsha\t', 'lockfast run -- cat pr\t'];
    // zsh's `_arguments` writes the equals sign itself.
    const out = shell === 'zsh' ? '--out=' : '--out><';
    expect(await typed(shell, keys)).toEqual([
      `<env><encrypt><${out}prod.env.encrypted><--keep>`,
      '<key><source><remove>',
      '<env><list><--dialect=compose>',
      '<env><encrypt><two words.env>',
      '<run><--file><prod.env.encrypted><--><unshare>',
      '<run><--><cat><prod.env.encrypted>',
    ]);
  });
});

test('an unknown shell is refused with the ones that there are', () => {
  const { status, stderr } = spawnSync(process.execPath, [LOCKFAST, 'completion', 'tcsh'], { encoding: 'utf8' });
  expect(stderr).toBe('lockfast: completion: that is no shell that it knows: say one of: bash, zsh, fish\n');
  expect(status).toBe(2);
});
