// Tenants of an SQLAlchemy application whose API keys are plaintext: encrypted by its own migration, rotated by Lockfast, then the
// same table served by Drizzle, as lfv1: `npm run example:sqlalchemy`. It starts a PostgreSQL server of its own, which is gone at
// the end, and exits with 1 unless every step did what it should.
import { appendFileSync, cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { example } from '../session.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const tenants = 40;

const COLUMNS = ['gemini_api_key', 'slack_token'].reduce(
  (text, column) =>
    `${text}\n[[columns]]\nid = "tenants.${column}"\ndatabase = "app"\ntable = "tenants"\ncolumn = "${column}"\nlabel = "tenant_id"\nformat = "fernet"\nfernet-keys = ["env:ENCRYPTION_KEY", "env:OLD_ENCRYPTION_KEY"]\n`,
  '\n[databases.app]\nurl = "env:DATABASE_URL"\n',
);

await example('tenants', 'SQLAlchemy and Drizzle read what they should, before, between and after', async (session) => {
  const { directory, environment } = session;
  const type = (command, expected) => session.type(command, expected);
  cpSync(here, directory, { recursive: true });
  cpSync(join(here, '../python/fernet_text.py'), join(directory, 'fernet_text.py'));
  symlinkSync(join(here, '../../node_modules'), join(directory, 'node_modules'));

  session.heading('The application refuses to work without a key, or with half of one');
  expect(type('/usr/bin/python3 seed.py 1 2>&1 | tail -n 1', 1), /ENCRYPTION_KEY environment variable not set/);
  newKey();
  const key = environment.ENCRYPTION_KEY;
  environment.ENCRYPTION_KEY = key.slice(1);
  expect(type('/usr/bin/python3 seed.py 1 2>&1 | tail -n 1', 1), /is not 32 url-safe base64-encoded bytes/);
  environment.ENCRYPTION_KEY = key;
  type(`/usr/bin/python3 seed.py ${tenants}`);

  session.heading('Its migration: up twice, down, up');
  expect(type('/usr/bin/python3 migrate.py upgrade'), /36 keys encrypted, 0 already encrypted/);
  expect(type('/usr/bin/python3 migrate.py upgrade'), /0 keys encrypted, 36 already encrypted/);
  const read = type('/usr/bin/python3 read_tenants.py');
  expect(type('/usr/bin/python3 migrate.py downgrade'), /36 keys decrypted/);
  if (session.postgres.sql('tenants', "SELECT gemini_api_key FROM tenants WHERE tenant_id = 'tenant-001'") !== 'gemini-key-of-001') throw new Error('the way back does not lead to the plaintext');
  expect(type('/usr/bin/python3 migrate.py upgrade'), /36 keys encrypted/);
  unchanged();
  expect(type('/usr/bin/python3 rename_tenant.py'), /wrote 0 rows/);

  session.heading('Lockfast finds every row encrypted, and brings it under a key of the ring');
  type('lockfast init');
  appendFileSync(join(directory, 'lockfast.toml'), COLUMNS);
  type('lockfast column encrypt --yes');
  unchanged();
  environment.OLD_ENCRYPTION_KEY = environment.ENCRYPTION_KEY;
  environment.ENCRYPTION_KEY = session.run('lockfast key export --format fernet --reason "for the tenants" --yes 2>/dev/null').stdout.trim();
  unchanged();
  type('lockfast column rotate --yes');
  delete environment.OLD_ENCRYPTION_KEY;
  unchanged();

  session.heading('The same table, served by Drizzle: Fernet tokens at first, which it reads, and lfv1, which it writes');
  environment.NODE_OPTIONS = '--conditions=lockfast-source';
  environment.KEY_SOURCE = /^key-source = "([^"]*)"/m.exec(readFileSync(join(directory, 'lockfast.toml'), 'utf8'))[1];
  type('node serve.mjs read');
  type('node serve.mjs write tenant-001');
  const settings = readFileSync(join(directory, 'lockfast.toml'), 'utf8');
  writeFileSync(join(directory, 'lockfast.toml'), settings.replaceAll('format = "fernet"', 'format = "lfv1"'));
  type('lockfast column rotate --yes');
  type('lockfast column status --verify all');
  type('node serve.mjs read');
  if (session.postgres.sql('tenants', "SELECT count(*) FROM tenants WHERE slack_token NOT LIKE 'lfv1.%' OR gemini_api_key NOT LIKE 'lfv1.%'") !== '0') throw new Error('a row is not lfv1');

  session.heading('SQLAlchemy, left with its Fernet keys, says so, and does not hand out ciphertext');
  expect(type('/usr/bin/python3 read_tenants.py 2>&1 | tail -n 1', 1), /Invalid encrypted data or wrong encryption key/);
  type('lockfast ledger verify');

  function newKey() {
    environment.ENCRYPTION_KEY = session.run('lockfast key generate --format fernet').stdout.trim();
  }

  function unchanged() {
    if (type('/usr/bin/python3 read_tenants.py') !== read) throw new Error('SQLAlchemy read something else than before');
  }
});

function expect(text, pattern) {
  if (!pattern.test(text)) throw new Error(`the answer should be ${pattern}`);
}
