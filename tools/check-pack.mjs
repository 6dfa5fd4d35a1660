// Packs the command, installs the tarball alone into an empty directory, offline, and does the main job with it there.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const cli = fileURLToPath(new URL('../packages/cli/', import.meta.url));
const base = mkdtempSync(join(tmpdir(), 'lockfast-pack-'));
const project = join(base, 'project');
const environment = { PATH: [join(project, 'node_modules/.bin'), dirname(process.execPath), process.env['PATH']].join(delimiter), HOME: base };

try {
  mkdirSync(project);
  // npm as this repository's user has it set; the rest with a home of its own.
  execFileSync('npm', ['pack', '--silent', '--loglevel=error', '--pack-destination', base], { cwd: cli });
  const [tarball] = readdirSync(base).filter((name) => name.endsWith('.tgz'));
  writeFileSync(join(project, 'package.json'), '{ "private": true }\n');
  execFileSync('npm', ['install', '--offline', '--loglevel=error', '--no-audit', '--no-fund', join(base, tarball)], { cwd: project, env: { ...environment, npm_config_cache: join(base, 'cache') } });
  expect('the tarball brings no dependency', readdirSync(join(project, 'node_modules')).filter((name) => !name.startsWith('.')).join(), 'lockfast');
  const files = readdirSync(join(project, 'node_modules/lockfast'), { recursive: true });
  for (const file of ['bin/lockfast.js', 'man/lockfast.1', 'schema/lockfast.schema.json', 'dist/THIRD-PARTY.txt']) expect(`the tarball holds ${file}`, files.includes(file), true);
  mainJob();
} catch (error) {
  process.stderr.write(`${error.message}\n${error.stderr ?? ''}`);
  process.exitCode = 1;
} finally {
  rmSync(base, { recursive: true, force: true });
}

function mainJob() {
  const plaintext = "# a comment\nPORT=8000\nGREETING='two words'\n";
  const env = join(project, '.env');
  writeFileSync(env, plaintext);
  lockfast('init');
  lockfast('env', 'encrypt');
  expect('the plaintext is gone', readdirSync(project).includes('.env'), false);
  lockfast('env', 'verify');
  expect('the program has the value', lockfast('run', '--', 'sh', '-c', 'printf %s "$GREETING"'), 'two words');
  lockfast('key', 'rotate', '--reason', 'a new key');
  expect('the program has the value after a rotation', lockfast('run', '--', 'sh', '-c', 'printf %s "$GREETING"'), 'two words');
  lockfast('ledger', 'verify');
  lockfast('env', 'decrypt');
  expect('the plaintext is back, byte for byte', readFileSync(env, 'utf8'), plaintext);
}

function lockfast(...args) {
  return execFileSync('lockfast', args, { cwd: project, env: environment, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function expect(claim, actual, expected) {
  if (actual !== expected) throw new Error(`not so: ${claim} (${JSON.stringify(actual)})`);
}
