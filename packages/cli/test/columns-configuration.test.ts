/** What `[databases]` and `[[columns]]` may say. No database is reached here. */
import { chmodSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { initialisedProject, type Project } from './support/project.ts';

const CANARY = 'canary-1f6b20c9';
const DATABASE = '[databases.app]\nurl = "env:DATABASE_URL"\n';
const column = (settings = '', id = 'tenants.key'): string => `\n[[columns]]\nid = "${id}"\ndatabase = "app"\ntable = "tenants"\ncolumn = "api_key"\n${settings}`;

async function configured(settings: string): Promise<Project> {
  const project = await initialisedProject();
  project.write('lockfast.toml', `${project.text('lockfast.toml')}\n${settings}`, 0o644);
  return project;
}

describe('[D3] [W3] the declaration of columns', () => {
  const SEE = 'see the table of settings in docs/configuration.md';
  const WRONG: [string, string, string][] = [
    ['no columns', DATABASE, 'declares no columns: add [databases.NAME] and a [[columns]] for each: see docs/guides/columns.md'],
    ['an unknown database', `${DATABASE}${column().replace('"app"', '"shop"')}`, 'the column tenants.key names a database that is not declared: declared are: app'],
    ['no database at all', column(), 'the column tenants.key names a database that is not declared: declare it: [databases.NAME] with a url'],
    ['the same id twice', `${DATABASE}${column()}${column().replace('api_key', 'other')}`, 'the column tenants.key is declared twice: values are bound to the id: give each column its own'],
    ['the same place twice', `${DATABASE}${column()}${column('', 'tenants.other').replace('"tenants"', '"Tenants"')}`, 'the column tenants.other lies in the same place as tenants.key: a value has one id: remove one of the two, or correct its table, column or path'],
    ['a place within another', `${DATABASE}${column('path = ["a"]')}${column('path = ["a", "b"]', 'tenants.other')}`, 'the column tenants.other lies in the same place as tenants.key: a value has one id: remove one of the two, or correct its table, column or path'],
    ['a context that names the column', `${DATABASE}${column('context = ["tenant_id", "api_key"]')}`, 'the column tenants.key names itself in its context: a value can not be bound to itself: name columns beside it'],
    ['a key that names the column', `${DATABASE}${column('key = "api_key"')}`, 'the column tenants.key names itself as its key: name the columns that tell rows apart'],
    ['a label that names the column', `${DATABASE}${column('label = "api_key"')}`, 'the column tenants.key names itself as its label: reports show the label: name another column'],
    ['a table that SQL does not read', `${DATABASE}${column().replace('"tenants"', '"a.b.c"')}`, 'the column tenants.key has a table that SQL does not read: write it as SQL spells it: tenants, app.tenants, app."User"'],
    ['another format', `${DATABASE}${column('format = "aes"')}`, `columns[tenants.key].format is not one of lfv1, fernet: ${SEE}`],
    ['another type', `${DATABASE}${column('as = "number"')}`, `columns[tenants.key].as is not one of text, bytes, json: ${SEE}`],
    ['an id that is none', `${DATABASE}${column('', 'Tenants.Key')}`, `columns.id is not a name such as "integrations.slack.bot_token": lower-case letters, digits, underscores and dots, at most 128: ${SEE}`],
    ['a context column twice', `${DATABASE}${column('context = ["a", "a"]')}`, `columns[tenants.key].context is not a list of the names of columns, each once: ${SEE}`],
    ['a Fernet key that stands there', `${DATABASE}${column(`fernet-keys = ["${CANARY}"]`)}`, `columns[tenants.key].fernet-keys is not a list of ring:, env:NAME, file:PATH, credential:NAME: ${SEE}`],
    ['settings that are no texts', `${DATABASE}${column('set = { app.rotation = "on" }')}`, `columns[tenants.key].set is not a table of texts, such as { "app.rotation" = "on" }: ${SEE}`],
    ['no table', `${DATABASE}${column().replace('table = "tenants"\n', '')}`, 'columns[tenants.key].table is missing: add it: the name of a table, with or without a schema'],
    ['a misspelt setting', `${DATABASE}${column('contxt = ["a"]')}`, 'columns[tenants.key].contxt is not a setting: it takes: id, database, table, column, path, key, context, tenant-key, tenant, format, as, title, label, fernet-keys, set'],
    ['one table of columns', `${DATABASE}[columns]\nid = "x"\n`, 'columns must be a list of tables: write [[columns]] and its settings below'],
    ['a database without a URL', `[databases.app]\n${column()}`, 'databases.NAME.url is missing: add it: env:NAME, file:PATH, sqlite:PATH, or the URL of a PostgreSQL, MySQL or MariaDB database'],
    ['a database of another kind', `[databases.app]\nurl = "mongodb://localhost/x"\n${column()}`, `databases.NAME.url is not env:NAME, file:PATH, sqlite:PATH, or the URL of a PostgreSQL, MySQL or MariaDB database: ${SEE}`],
  ];
  test.each(WRONG)('%s is refused', async (_, settings, message) => {
    const project = await configured(settings);
    const { status, stdout, stderr } = await project.run(['column', 'encrypt']);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toBe(`lockfast: ${project.path('lockfast.toml')}${message.startsWith('declares') ? ' ' : ': '}${message}\n`);
    expect(stderr).not.toContain(CANARY);
  });

  test('doctor says so, too; a good one it names without asking the database', async () => {
    const bad = await configured(`${DATABASE}${column('context = ["api_key"]')}`);
    expect(await bad.run(['doctor'])).toMatchObject({ status: 1, stdout: expect.stringMatching(/columns +failed +.*names itself in its context/) });
    const good = await configured(`${DATABASE}${column()}`);
    const { stdout } = await good.run(['doctor']);
    expect(stdout).toMatch(/columns +good +1 column in 1 database/);
    expect(stdout).toMatch(/database app +warning +DATABASE_URL, which has the URL of the database app, is not set in the environment/);
    expect((await good.run(['status'])).stdout).toContain('1 encrypted column in databases: see lockfast column status\n');
  });
});

describe('[B14] the declaration of blind indexes', () => {
  const SEE = 'see the table of settings in docs/configuration.md';
  const index = (settings = '', id = 'tenants.key.index'): string => `\n[[blind-indexes]]\nid = "${id}"\nof = "tenants.key"\ncolumn = "api_key_index"\n${settings}`;
  const WRONG: [string, string, string][] = [
    ['none', `${DATABASE}${column()}`, 'declares no blind indexes: add a [[blind-indexes]] for each: see docs/guides/blind-index.md'],
    ['a column that is not declared', `${DATABASE}${column()}${index().replace('"tenants.key"', '"tenants.kay"')}`, 'the blind index tenants.key.index is of the column tenants.kay, which is not declared: did you mean tenants.key?'],
    ['the id of a column', `${DATABASE}${column()}${index('', 'tenants.key')}`, 'the blind index tenants.key has the id of a column: give it its own, such as tenants.key.index'],
    ['the same id twice', `${DATABASE}${column()}${index()}${index().replace('api_key_index', 'other')}`, 'the blind index tenants.key.index is declared twice: its keys are bound to the id: give each index its own'],
    ['the same place twice', `${DATABASE}${column()}${index()}${index('', 'tenants.key.other')}`, 'the blind index tenants.key.other lies in the same column as tenants.key.index: give each index a column of its own'],
    ['the encrypted column as its place', `${DATABASE}${column()}${index().replace('api_key_index', 'api_key')}`, 'the blind index tenants.key.index lies in the column of tenants.key: an index needs a column of its own beside the encrypted one'],
    ['a column of JSON values', `${DATABASE}${column('as = "json"')}${index()}`, 'the blind index tenants.key.index is of tenants.key, which holds json: a blind index is over texts'],
    ['a column of bytes', `${DATABASE}${column('as = "bytes"')}${index()}`, 'the blind index tenants.key.index is of tenants.key, which holds bytes: a blind index is over texts'],
    ['a value inside JSON', `${DATABASE}${column('path = ["a"]')}${index()}`, 'the blind index tenants.key.index is of tenants.key, which lies inside a JSON column: a blind index is over a column of its own'],
    ['the value in its context', `${DATABASE}${column()}${index('context = ["api_key"]')}`, 'the blind index tenants.key.index names the encrypted column in its context: name columns beside it'],
    ['itself in its context', `${DATABASE}${column()}${index('context = ["api_key_index"]')}`, 'the blind index tenants.key.index names itself in its context: an index can not be part of its own context'],
    ['itself in the context of its column', `${DATABASE}${column('context = ["api_key_index"]')}${index()}`, 'the blind index tenants.key.index names itself in its context: an index can not be part of its own context'],
    ['itself as the key of the table', `${DATABASE}${column('key = "api_key_index"')}${index()}`, 'the blind index tenants.key.index is a part of the key that tells rows apart: give it a column of its own'],
    ['another normalisation', `${DATABASE}${column()}${index('normalise = "lower"')}`, `blind-indexes[tenants.key.index].normalise is not one of none, case-and-width: ${SEE}`],
    ['7 bits', `${DATABASE}${column()}${index('bits = 7')}`, `blind-indexes[tenants.key.index].bits is not a number from 8 to 256: ${SEE}`],
    ['an id that is none', `${DATABASE}${column()}${index('', 'Tenants Key')}`, `blind-indexes.id is not a name such as "customers.email.index": lower-case letters, digits, underscores and dots, at most 128: ${SEE}`],
    ['no column', `${DATABASE}${column()}${index().replace('column = "api_key_index"\n', '')}`, 'blind-indexes[tenants.key.index].column is missing: add it: the name of a column, not quoted'],
    ['a misspelt setting', `${DATABASE}${column()}${index('bit = 8')}`, 'blind-indexes[tenants.key.index].bit is not a setting: it takes: id, of, column, normalise, bits, context, few-values'],
    ['a bad column', `${DATABASE}${column('context = ["api_key"]')}${index()}`, 'the column tenants.key names itself in its context: a value can not be bound to itself: name columns beside it'],
  ];
  test.each(WRONG)('%s: refused', async (_, settings, message) => {
    const project = await configured(settings);
    const { status, stdout, stderr } = await project.run(['column', 'index', 'build']);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toBe(`lockfast: ${project.path('lockfast.toml')}${message.startsWith('declares') ? ' ' : ': '}${message}\n`);
  });

  test('doctor says so, too, and counts good ones', async () => {
    const bad = await configured(`${DATABASE}${column()}${index('context = ["api_key"]')}`);
    expect(await bad.run(['doctor'])).toMatchObject({ status: 1, stdout: expect.stringMatching(/columns +failed +.*names the encrypted column in its context/) });
    const good = await configured(`${DATABASE}${column()}${index()}`);
    expect((await good.run(['doctor'])).stdout).toMatch(/blind indexes +good +1 over 1 column: how they are/);
  });
});

describe('where a database is', () => {
  const inFile = (project: Project, mode: number): string => {
    project.write('database-url', `postgres://app:${CANARY}@127.0.0.1:1/app\n`, mode);
    return 'file:database-url';
  };
  const said = async (url: string | ((project: Project) => string), env: NodeJS.ProcessEnv = {}): Promise<string> => {
    const project = await configured(column());
    const written = typeof url === 'string' ? url : url(project);
    project.write('lockfast.toml', `${project.text('lockfast.toml')}\n[databases.app]\nurl = ${JSON.stringify(written)}\n`, 0o644);
    const { stderr } = await project.run(['column', 'encrypt'], { env });
    expect(stderr).not.toContain(CANARY);
    expect(stderr).not.toContain('defect');
    return stderr;
  };
  const PASSWORD = 'lockfast: databases.app.url has a password in it: put the URL in a variable or in a file that only its owner may read, and write url = "env:NAME" or "file:PATH"\n';

  test('a password does not stand in lockfast.toml', async () => {
    for (const url of [`postgres://app:${CANARY}@127.0.0.1:1/app`, `postgresql://127.0.0.1:1/app?user=app&password=${CANARY}`, `postgres:///app?host=/nowhere&sslpassword=${CANARY}`, `mysql://app:${CANARY}@127.0.0.1:1/app`, `mariadb://app:${CANARY}@127.0.0.1:1/app`]) expect(await said(url)).toBe(PASSWORD);
  });

  test('env:NAME, file:PATH of mode 0600, and a URL without a password are asked', async () => {
    const away = 'the database postgres://';
    expect(await said('postgres://app@127.0.0.1:1/app')).toContain(away);
    expect(await said('postgres:///app?host=/nowhere')).toContain('the database ');
    expect(await said('env:DATABASE_URL', { DATABASE_URL: `postgres://app:${CANARY}@127.0.0.1:1/app` })).toContain(away);
    expect(await said('env:DATABASE_URL', { DATABASE_URL: `mariadb://app:${CANARY}@127.0.0.1:1/app` })).toContain('the database mariadb://app@127.0.0.1:1/app can not be reached');
    expect(await said('mysql://app@127.0.0.1:1/app')).toContain('the database mysql://app@127.0.0.1:1/app can not be reached');
    expect(await said('sqlite:missing.db')).toContain('missing.db');
    expect(await said((project) => inFile(project, 0o600))).toContain(away);
  });

  test('what is not there, what others may read, and what is no URL is refused', async () => {
    expect(await said('env:DATABASE_URL')).toContain('DATABASE_URL, which has the URL of the database app, is not set in the environment: set it; where an env file has it: lockfast run -- lockfast column status');
    expect(await said('env:DATABASE_URL', { DATABASE_URL: CANARY })).toBe('lockfast: DATABASE_URL is not the URL of a database that is known here: write it as postgres://USER@HOST/DATABASE, mysql://USER@HOST/DATABASE, mariadb://USER@HOST/DATABASE or sqlite:PATH\n');
    expect(await said((project) => inFile(project, 0o644))).toContain('others may read the file with the URL of the database app: run: chmod 0400 ');
    expect(await said('file:missing')).toContain('the URL of the database app is not to be had');
  });
});

test('options that are no numbers, and operands that are no ids', async () => {
  const project = await configured(`${DATABASE}${column()}`);
  chmodSync(project.path('lockfast.toml'), 0o644);
  for (const [args, message] of [
    [['column', 'encrypt', '--batch', '0'], 'column encrypt: --batch is no number from 1 to 100000: write it in digits'],
    [['column', 'rotate', '--max-rate', CANARY], 'column rotate: --max-rate is no number from 1 to 100000000: write it in digits'],
    [['column', 'status', '--verify', 'some'], 'column status: --verify is no number from 1 to 1000000000: write all, or how many rows, in digits'],
    [['column', 'verify', '--sample', '-1'], 'column verify: --sample lacks its value: see: lockfast column verify --help'],
    [['column', 'triage', 'tenants.other'], 'column triage: the column tenants.other is not declared: name some of: tenants.key'],
    [['column', 'triage', CANARY], 'column triage: what is given is no id of a column: name some of: tenants.key'],
    [['column', 'triage', '--database', CANARY], 'column triage: no column is in a database of that name: name one of: app'],
    [['column', 'clear'], 'column clear: an argument is missing: it takes ID; see: lockfast column clear --help'],
    [['column', 'decrypt', 'tenants.key'], 'column decrypt: --to-plaintext is missing: it writes the values back as plaintext, for whoever reads the database; if that is meant, give it'],
  ] as const) {
    expect(await project.run(args), args.join(' ')).toMatchObject({ status: 2, stdout: '', stderr: `lockfast: ${message}\n` });
  }
});
