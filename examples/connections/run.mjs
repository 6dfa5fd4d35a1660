// Slack and Confluence connections with encrypted tokens, served by an application on Prisma and by one on TypeORM, which read
// each other's rows; production checks at the start, and a rotation while both are under load: `npm run example:connections`. It
// starts a PostgreSQL server of its own, which is gone at the end, and exits with 1 unless every step did what it should.
import { spawn } from 'node:child_process';
import { appendFileSync, chmodSync, cpSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { example } from '../session.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const PATIENCE_MS = 30_000;

const SETTINGS = `
[databases.app]
url = "env:DATABASE_URL"
instances = "lockfast_instances"

[[columns]]
id = "slack.bot_token"
database = "app"
table = "slack_connections"
column = "bot_token_encrypted"
context = ["org_id"]

[[columns]]
id = "confluence.access_token"
database = "app"
table = "confluence_connections"
column = "access_token_encrypted"
context = ["org_id"]
`;

await example('connections', 'no instance started without its key, and none saw an error while the key was rotated under load', async (session) => {
  const { directory, environment, postgres } = session;
  const type = (command, expected) => session.type(command, expected);
  cpSync(here, directory, { recursive: true });
  symlinkSync(join(here, '../../node_modules'), join(directory, 'node_modules'));
  postgres.sql('connections', readFileSync(join(here, 'tables.sql'), 'utf8'));
  // Without these it downloads an engine, and asks for news.
  const generated = session.run('PRISMA_SCHEMA_ENGINE_BINARY=/bin/true CHECKPOINT_DISABLE=1 PRISMA_HIDE_UPDATE_MESSAGE=1 prisma generate --schema schema.prisma');
  if (generated.status !== 0) throw new Error(`prisma generate: ${generated.stdout}`);

  session.heading('A key ring for production');
  type('lockfast init');
  appendFileSync(join(directory, 'lockfast.toml'), SETTINGS);
  const ring = join(directory, '.lockfast/keyring.json');
  Object.assign(environment, {
    NODE_OPTIONS: '--conditions=lockfast-source',
    ENVIRONMENT: 'production',
    KEY_RING: ring,
    KEY_SOURCE: /^key-source = "([^"]*)"/m.exec(readFileSync(join(directory, 'lockfast.toml'), 'utf8'))[1],
  });

  session.heading('What is not fit for production does not start, and says why');
  const starts = (variables, code) => expect(type([...variables, 'node serve.mjs prisma'].join(' '), 1), new RegExp(`^not started: ${code}: `, 'm'));
  starts(['KEY_SOURCE=env:TOKEN_ENCRYPTION_KEY'], 'source-unavailable');
  starts(['KEY_SOURCE=env:TOKEN_ENCRYPTION_KEY', 'TOKEN_ENCRYPTION_KEY=too-short'], 'invalid-key');
  starts(['KEY_RING=nowhere/keyring.json'], 'ring-missing');
  starts(['ENVIRONMENT=staging'], 'wrong-environment');
  chmodSync(ring, 0o666);
  starts([], 'permission-denied');
  chmodSync(ring, 0o600);

  session.heading('Two instances under load: one on Prisma, one on TypeORM, on the same tables');
  const instances = [instance('prisma'), instance('typeorm')];
  try {
    await Promise.all(instances.map(({ serving }) => serving));
    await sleep(2000);
    expect(type('lockfast column status --verify all'), /slack\.bot_token +\d+ +0 +0 +0 +0 /);

    session.heading('A new key, while they read and write');
    const [old] = keys('active');
    type('lockfast key create --reason quarterly');
    const [fresh] = keys('staged');
    await until(`lockfast column instances`, (text) => !text.includes('not held'));
    type(`lockfast key activate ${fresh} --reason quarterly`);
    await until(`lockfast column instances`, (text) => text.split('\n').filter((line) => /^(prisma|typeorm) .* live /.test(line)).every((line) => line.includes(` ${fresh} `)));
    type('lockfast column rotate --yes --reason quarterly');
    await sleep(1000);
    expect(type('lockfast column status --verify all'), new RegExp(`slack\\.bot_token +\\d+ +0 +0 +0 +0 +${fresh} \\d+\n`));
    type(`lockfast key retire ${old} --reason quarterly`);
    await sleep(2000);
  } finally {
    session.heading('The instances end');
    for (const { child } of instances) child.kill('SIGTERM');
    for (const { ended, said } of instances) {
      await ended;
      process.stdout.write(said());
    }
  }
  for (const { said } of instances) expect(said(), /^(prisma|typeorm): serves\n\1: [1-9]\d* writes, [1-9]\d* reads, 0 errors\n$/);
  type('lockfast column verify');
  type('lockfast ledger verify');
  for (const [table, column] of [['slack_connections', 'bot_token_encrypted'], ['confluence_connections', 'access_token_encrypted']]) {
    if (postgres.sql('connections', `SELECT count(*) FROM ${table} WHERE ${column} NOT LIKE 'lfv1.%'`) !== '0') throw new Error(`${table} has plaintext`);
  }

  function instance(orm) {
    process.stdout.write(`\n$ node serve.mjs ${orm} &\n`);
    let text = '';
    const child = spawn('node', ['serve.mjs', orm], { cwd: directory, env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
    const serving = new Promise((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (more) => {
          text += more;
          if (text.includes('serves\n')) resolve();
        });
      }
      child.once('close', () => reject(new Error(`${orm} ended: ${text}`)));
    });
    const ended = new Promise((resolve) => child.once('close', resolve));
    return { child, serving, ended, said: () => text };
  }

  function keys(state) {
    return JSON.parse(session.run('lockfast key list --json').stdout).keys.filter((key) => key.state === state).map(({ id }) => id);
  }

  /** Asks until the answer is the right one, and shows that. */
  async function until(command, isRight) {
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      const { stdout } = session.run(command);
      if (isRight(stdout)) break;
      if (Date.now() > end) throw new Error(`\`${command}\` still says: ${stdout}`);
      await sleep(300);
    }
    type(command);
  }
});

function expect(text, pattern) {
  if (!pattern.test(text)) throw new Error(`the answer should be ${pattern}`);
}
