// A Django control panel whose secrets are partly plaintext, partly Fernet tokens, and how Lockfast takes them over:
// `npm run example:django`. It starts a PostgreSQL server of its own, which is gone at the end, and exits with 1 unless
// every step did what it should.
import { spawn } from 'node:child_process';
import { appendFileSync, cpSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { example } from '../session.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const users = 300;

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

await example('panel', 'every command answered as it should, and Django read every row before, between and after', async (session) => {
  const { directory: panel, environment } = session;
  const heading = (text) => session.heading(text);
  const type = (command) => session.type(command);
  cpSync(here, panel, { recursive: true, filter: (path) => !path.endsWith('.pyc') });

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
  environment.ENCRYPTION_KEY = session.run('lockfast key export --format fernet --reason "for the control panel" --yes 2>/dev/null').stdout.trim();
  unchanged(read);
  type('lockfast column rotate --yes');
  delete environment.OLD_ENCRYPTION_KEY;
  unchanged(read);
  type('lockfast key usage');
  type('lockfast ledger verify');

  function newKey() {
    environment.ENCRYPTION_KEY = session.run('lockfast key generate --format fernet').stdout.trim();
  }

  /** kill -9 while it works: what comes after it must not need to know. */
  async function killedHalfWay() {
    process.stdout.write('\n$ lockfast column rotate --yes --batch 20 --max-rate 100 &\n$ sleep 2; kill -9 %1\n');
    const job = spawn('lockfast', ['column', 'rotate', '--yes', '--batch', '20', '--max-rate', '100'], { cwd: panel, env: environment, stdio: 'ignore' });
    const ended = new Promise((resolve) => job.once('close', (status, signal) => resolve(signal ?? `status ${status}`)));
    // As soon as it has noted how far it is: that takes longer on a busy machine.
    const deadline = performance.now() + 60_000;
    while (session.postgres.sql('panel', 'SELECT count(*) FROM lockfast.column_jobs') === '0' && performance.now() < deadline) await sleep(50);
    job.kill('SIGKILL');
    if ((await ended) !== 'SIGKILL') throw new Error('the rotation was over before it was killed');
  }

  function unchanged(before) {
    const now = type('/usr/bin/python3 manage.py read_secrets');
    if (now !== before) throw new Error('Django read something else than before');
  }
});
