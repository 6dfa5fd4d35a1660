// The main job, from a plaintext .env to a program that runs with it, in a fresh directory that is removed at the end.
// node tools/demo.mjs [--keep]. Exits with 1 unless every step did what it should.
import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { appendFileSync, chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { ASK, freePort, SERVER } from './demo-server.mjs';
import { exampleEnv } from './demo-env.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const base = mkdtempSync(join(tmpdir(), 'lockfast-demo-'));
const home = join(base, 'home');
const project = join(home, 'shop');
const environment = {
  PATH: [dirname(process.execPath), join(root, 'node_modules/.bin'), process.env['PATH']].join(delimiter),
  HOME: home,
  XDG_CONFIG_HOME: join(home, '.config'),
  XDG_STATE_HOME: join(home, '.local/state'),
  LANG: 'C.UTF-8',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
  ...Object.fromEntries(['AUTHOR', 'COMMITTER'].flatMap((who) => [[`GIT_${who}_NAME`, 'demo'], [`GIT_${who}_EMAIL`, 'demo@example.invalid']])),
};

try {
  await demo();
  process.stdout.write('\nThe demo worked: every command answered as it should.\n');
} catch (error) {
  process.stdout.write(`\nThe demo FAILED: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  if (process.argv.includes('--keep')) process.stdout.write(`Kept in ${base}\n`);
  else rmSync(base, { recursive: true, force: true });
}

async function demo() {
  const port = await freePort();
  const { text, values } = exampleEnv(port);
  prepare(text);

  heading('A project with a plaintext .env');
  type('ls -A');
  type('cut -c1-78 .env');

  heading('A key ring, a root key outside of the project, and a recovery backup');
  type('lockfast init --backup ~/usb/shop.backup --passphrase-file ~/passphrase');

  heading('Encrypt: the plaintext goes once the encrypted file is proven');
  type('lockfast env encrypt');
  type('ls -A');
  type('cut -c1-78 .env.encrypted | head -n 12');
  type('lockfast env verify');
  type('git init --quiet && git add . && git commit --quiet -m "Encrypted secrets" && git ls-files');

  heading('Run a server that takes its settings from the environment');
  await askServer(port, values);

  heading('Change a value; the others keep their ciphertext');
  const password = `${randomBytes(9).toString('base64url')}#new`;
  writeFileSync(join(home, 'new-password'), password, { mode: 0o600 });
  type('lockfast env set SMTP_PASSWORD < ~/new-password && rm ~/new-password');
  type('lockfast env diff');
  type('git diff --stat');
  await askServer(port, new Map([...values, ['SMTP_PASSWORD', password]]));

  heading('A tampered copy: one line removed');
  type("sed '/^SESSION_SECRET=/d' .env.encrypted > tampered.env.encrypted");
  type('lockfast env verify tampered.env.encrypted', { status: 4 });
  type('lockfast run --file tampered.env.encrypted -- node server.mjs', { status: 4 });
  type('lockfast env verify');

  heading('A new key for everything, and the record of what was done');
  type('rm -f tampered.env.encrypted');
  type('lockfast key rotate --reason "a new quarter"');
  type('lockfast ledger verify');
  await askServer(port, new Map([...values, ['SMTP_PASSWORD', password]]));

  heading('Three customers of the same shop, and a credential that all of them share');
  appendFileSync(join(project, 'lockfast.toml'), '\n[tenants]\npath = "tenants/{tenant}"\nextends = "shared.env.encrypted"\ngenerated = ["SESSION_SECRET"]\nrequired = ["AI_API_KEY"]\n');
  const [old, next] = [newCredential(), newCredential()];
  writeFileSync(join(project, 'shared.env'), `AI_API_KEY=${old}\n`, { mode: 0o600 });
  type('lockfast env encrypt shared.env');
  ['amber', 'birch', 'cedar'].forEach((name, i) => type(`lockfast tenant create ${name} --port ${8001 + i}`));
  type('lockfast tenant list');
  type('lockfast tenant audit');
  writeFileSync(join(home, 'old'), old, { mode: 0o600 });
  writeFileSync(join(home, 'next'), next, { mode: 0o600 });
  type(`lockfast run --tenant birch -- sh -c 'printf %s "$AI_API_KEY" | cmp - ~/old && echo the old one'`);
  type('lockfast secret rotate AI_API_KEY --scope all --reason "seen in a chat" < ~/next');
  type(`lockfast run --tenant birch -- sh -c 'printf %s "$AI_API_KEY" | cmp - ~/next && echo the new one, for $DOMAIN at $PORT'`);
  type('lockfast env explain AI_API_KEY --tenant birch');
  type('lockfast secret history');
}

function newCredential() {
  return `sk-${randomBytes(18).toString('base64url')}`;
}

function prepare(text) {
  for (const directory of [project, join(home, 'usb')]) mkdirSync(directory, { recursive: true });
  writeFileSync(join(project, '.env'), text, { mode: 0o600 });
  writeFileSync(join(project, 'server.mjs'), SERVER);
  writeFileSync(join(project, 'ask.mjs'), ASK);
  writeFileSync(join(home, 'passphrase'), `${randomBytes(18).toString('base64url')}\n`);
  chmodSync(join(home, 'passphrase'), 0o400);
}

function heading(text) {
  process.stdout.write(`\n# ${text}\n`);
}

/** Shows a command, runs just that in a shell, shows its answer, and its status where it is not 0. */
function type(command, { status: expected } = { status: 0 }) {
  process.stdout.write(`\n$ ${command}\n`);
  const { status, stdout, error } = spawnSync('sh', ['-c', `{ ${command}\n} 2>&1`], { cwd: project, env: environment, input: '', encoding: 'utf8' });
  if (error !== undefined) throw error;
  process.stdout.write(stdout);
  if (status !== 0) process.stdout.write(`(exit status ${status})\n`);
  if (status !== expected) throw new Error(`\`${command}\` ended with ${status}, and should with ${expected}`);
}

/** Starts the server under `lockfast run`, asks it, and compares every variable with what stood in the plaintext. */
async function askServer(port, values) {
  process.stdout.write('\n$ lockfast run -- node server.mjs &\n');
  const server = spawn('lockfast', ['run', '--', 'node', 'server.mjs'], { cwd: project, env: environment, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => server.once('close', (status, signal) => resolve(signal ?? `status ${status}`)));
  try {
    const first = await Promise.race([new Promise((resolve, reject) => server.once('error', reject).stdout.once('data', resolve)), ended.then((how) => Promise.reject(new Error(`the server ended with ${how}`)))]);
    process.stdout.write(first.toString());
    type(`node ask.mjs http://127.0.0.1:${port}/`);
    const digests = await (await fetch(`http://127.0.0.1:${port}/digests`)).json();
    for (const [name, value] of values) {
      if (digests[name] !== createHash('sha256').update(value).digest('hex')) throw new Error(`the server has another ${name} than the plaintext`);
    }
    process.stdout.write(`(all ${values.size} variables are exactly those of the plaintext)\n`);
  } finally {
    server.kill('SIGTERM');
  }
  process.stdout.write('\n$ kill %1\n');
  const how = await ended;
  if (how !== 'SIGTERM') throw new Error(`the server ended with ${how}, and should by the signal`);
}
