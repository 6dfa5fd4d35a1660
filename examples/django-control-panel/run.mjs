// A Django control panel whose secrets are partly plaintext, partly Fernet tokens, and how Lockfast takes them over:
// `npm run example:django`. It starts a PostgreSQL server of its own, which is gone at the end, and exits with 1 unless
// every step did what it should.
import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { startPostgres } from '@lockfast/testkit';

const here = fileURLToPath(new URL('.', import.meta.url));
const programs = join(here, '../../node_modules/.bin');
const users = 300;
const base = mkdtempSync(join(tmpdir(), 'lockfast-django-'));
const panel = join(base, 'panel');
const postgres = await startPostgres('fast');
const environment = {
  PATH: [dirname(process.execPath), programs, process.env['PATH']].join(delimiter),
  HOME: base,
  XDG_STATE_HOME: join(base, '.local/state'),
  LANG: 'C.UTF-8',
  PYTHONDONTWRITEBYTECODE: '1',
  DATABASE_URL: `postgres://postgres@localhost/panel?host=${encodeURIComponent(postgres.socket)}&port=${postgres.port}`,
};

/** The shape of what Django's models declare. The first Fernet key encrypts, all of them decrypt. */
const COLUMNS = [
  ['two_factor.secret', '2FA TOTP Secrets', 'two_factor_auth', 'secret', 'username'],
  ['webhook.secret', 'Webhook Secrets', 'webhook', 'secret', 'name'],
  ['managed_database.password', 'Database Passwords', 'managed_database', 'password', 'name'],
  ['api_token.token', 'API Tokens', 'api_token', 'token', 'name'],
].reduce(
  (text, [id, title, table, column, label]) =>
    `${text}\n[[columns]]\nid = "${id}"\ntitle = "${title}"\ndatabase = "panel"\ntable = "${table}"\ncolumn = "${column}"\nlabel = "${label}"\nformat = "fernet"\nfernet-keys = ["env:ENCRYPTION_KEY", "env:OLD_ENCRYPTION_KEY"]\n`,
  '\n[databases.panel]\nurl = "env:DATABASE_URL"\n',
);

try {
  await example();
  process.stdout.write('\nThe example worked: every command answered as it should, and Django read every row before, between and after.\n');
} catch (error) {
  process.stdout.write(`\nThe example FAILED: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  await postgres.stop();
  rmSync(base, { recursive: true, force: true });
}

async function example() {
  mkdirSync(base, { recursive: true });
  cpSync(here, panel, { recursive: true, filter: (path) => !path.endsWith('.pyc') });
  postgres.sql('postgres', 'CREATE DATABASE panel');

  heading('The panel as it is: half of the secrets are plaintext still, the others under its ENCRYPTION_KEY');
  newKey();
  type('/usr/bin/python3 manage.py migrate --verbosity 0');
  type(`/usr/bin/python3 manage.py seed --users ${users}`);
  const read = type('/usr/bin/python3 manage.py read_secrets');

  heading('Lockfast: a key ring, a ledger, and the four columns');
  type('lockfast init');
  appendFileSync(join(panel, 'lockfast.toml'), COLUMNS);
  type('lockfast column status');

  heading('Encrypt what is plaintext: a dry run, then for real, then once more');
  type('lockfast column encrypt --dry-run');
  unchanged(read);
  type('lockfast column encrypt two_factor.secret -v --yes | head -n 6');
  type('lockfast column encrypt --yes');
  unchanged(read);
  type('lockfast column encrypt --yes');

  heading('A new key, with the old one beside it: a rotation that is killed half way');
  environment.OLD_ENCRYPTION_KEY = environment.ENCRYPTION_KEY;
  newKey();
  unchanged(read);
  type('lockfast column rotate --dry-run');
  await killedHalfWay();
  unchanged(read);
  type('lockfast column triage two_factor.secret --all | sed -n "1,3p;299,301p"');
  type('lockfast column status --verify all');
  type('lockfast column rotate --yes');
  delete environment.OLD_ENCRYPTION_KEY;
  unchanged(read);
  type('lockfast column verify');

  heading('From now on a key of the ring, which Django gets on record');
  environment.OLD_ENCRYPTION_KEY = environment.ENCRYPTION_KEY;
  environment.ENCRYPTION_KEY = run('lockfast key export --format fernet --reason "for the control panel" --yes 2>/dev/null').stdout.trim();
  unchanged(read);
  type('lockfast column rotate --yes');
  delete environment.OLD_ENCRYPTION_KEY;
  unchanged(read);
  type('lockfast key usage');
  type('lockfast ledger verify');
}

function newKey() {
  environment.ENCRYPTION_KEY = run('lockfast key generate --format fernet').stdout.trim();
}

/** kill -9 while it works: what comes after it must not need to know. */
async function killedHalfWay() {
  process.stdout.write('\n$ lockfast column rotate --yes --batch 20 --max-rate 100 &\n$ sleep 2; kill -9 %1\n');
  const job = spawn('lockfast', ['column', 'rotate', '--yes', '--batch', '20', '--max-rate', '100'], { cwd: panel, env: environment, stdio: 'ignore' });
  const ended = new Promise((resolve) => job.once('close', (status, signal) => resolve(signal ?? `status ${status}`)));
  await sleep(2000);
  job.kill('SIGKILL');
  if ((await ended) !== 'SIGKILL') throw new Error('the rotation was over before it was killed');
}

function unchanged(read) {
  const now = type('/usr/bin/python3 manage.py read_secrets');
  if (now !== read) throw new Error('Django read something else than before');
}

function heading(text) {
  process.stdout.write(`\n# ${text}\n`);
}

/** Shows a command, runs just that in a shell, shows and gives its answer. */
function type(command) {
  process.stdout.write(`\n$ ${command}\n`);
  const { status, stdout } = run(command);
  process.stdout.write(stdout);
  if (status !== 0) throw new Error(`\`${command}\` ended with ${status}`);
  return stdout;
}

function run(command) {
  const { status, stdout, error } = spawnSync('bash', ['-o', 'pipefail', '-c', `{ ${command}\n} 2>&1`], { cwd: panel, env: environment, input: '', encoding: 'utf8' });
  if (error !== undefined) throw error;
  return { status, stdout };
}
