// Runs a job of this repository, from a fresh clone too: `node tools/setup.mjs test|deep|bench|demo|django|sqlalchemy|connections [ARG...]`.
// `path` only sets up, and prints the PATH that has our Node and tools first.
//
// Plain JavaScript for Node 20, on built-in modules alone, since it comes before everything else: it gets the Node that
// package-lock.json pins, installs, builds what is stale, then hands over to the job.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { missingParts } from './parts.mjs';
import { pinnedNode } from './pinned-node.mjs';
import { isBuildStale } from './stale-build.mjs';

const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

/** What each job runs under Node 24, after the set-up. */
const JOBS = {
  test: { command: ['node_modules/vitest/vitest.mjs', 'run'], environment: {}, before: sayMissingParts },
  deep: { command: ['node_modules/vitest/vitest.mjs', 'run'], environment: { LOCKFAST_DEEP: '1' }, before: sayMissingParts },
  bench: { command: ['--conditions=lockfast-source', 'bench/bench.ts'], environment: {} },
  demo: { command: ['tools/demo.mjs'], environment: {} },
  django: { command: ['--conditions=lockfast-source', 'examples/django-control-panel/run.mjs'], environment: {} },
  connections: { command: ['--conditions=lockfast-source', 'examples/connections/run.mjs'], environment: {} },
  sqlalchemy: { command: ['--conditions=lockfast-source', 'examples/sqlalchemy-tenants/run.mjs'], environment: {} },
};

const [name, ...args] = process.argv.slice(2);
if (name !== 'path' && (name === undefined || !Object.hasOwn(JOBS, name))) {
  process.stderr.write(`setup: say which job: ${Object.keys(JOBS).join(', ')}, path\n`);
  process.exit(2);
}

const node = pinnedNode(root, say);
// First in PATH, so that npm and every `#!/usr/bin/env node` below run on it too.
const path = [dirname(node), join(root, 'node_modules/.bin'), process.env['PATH'] ?? ''].join(delimiter);
const environment = { ...process.env, PATH: path };
if (isInstallStale()) {
  say('installing what package-lock.json pins');
  runQuietly(...npm('ci'));
}
if (isBuildStale(root)) {
  say('building the command');
  runQuietly(node, ['tools/build.mjs']);
}
if (name === 'path') process.stdout.write(`${path}\n`);
else handOver(JOBS[name]);

/** An install that was broken off has no lock file of its own yet. */
function isInstallStale() {
  const installed = join(root, 'node_modules/.package-lock.json');
  return !existsSync(installed) || statSync(installed).mtimeMs < statSync(join(root, 'package-lock.json')).mtimeMs;
}

/** npm by its script where we know it: then it surely runs on our Node, and warns of no engine. */
function npm(...words) {
  const script = process.env['npm_execpath'];
  // npm warns of settings in a user's own npmrc that it does not know, and that is not about us.
  const quiet = [...words, '--loglevel=error'];
  return script !== undefined && /npm-cli\.[cm]?js$/.test(script) ? [node, [script, ...quiet]] : ['npm', quiet];
}

/** Silent when it works; all of its output, and its status, when not. */
function runQuietly(file, words) {
  const { status, stdout, stderr, error } = spawnSync(file, words, { cwd: root, env: environment, stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8', maxBuffer: 64 * 2 ** 20 });
  if (status === 0) return;
  process.stderr.write(`${stdout ?? ''}${stderr ?? ''}${error === undefined ? '' : `${error.message}\n`}`);
  process.stderr.write(`setup: \`${[file, ...words].join(' ')}\` failed\n`);
  process.exit(status ?? 1);
}

function sayMissingParts() {
  const missing = missingParts();
  if (missing.length > 0) say(`not on this machine: ${missing.join(', ')}; tests that need them are skipped`);
}

/** The job has the terminal, and its end is ours. */
function handOver({ command, environment: extra, before }) {
  before?.();
  const job = spawn(node, [...command, ...args], { cwd: root, env: { ...environment, ...extra }, stdio: 'inherit' });
  // Ctrl-C reaches both of us; the job decides.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => job.kill('SIGTERM'));
  job.on('error', (error) => {
    process.stderr.write(`setup: ${error.message}\n`);
    process.exitCode = 1;
  });
  job.on('close', (status, signal) => {
    if (signal === null) process.exitCode = status ?? 1;
    else {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    }
  });
}

function say(text) {
  process.stderr.write(`setup: ${text}\n`);
}
