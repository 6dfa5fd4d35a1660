/** `lockfast column index ...` on a real PostgreSQL server. */
import { blindIndex, column } from '@lockfast/columns';
import { reportInstance } from '@lockfast/columns/instances';
import { KeyRing } from '@lockfast/core/keyring';
import { keySource } from '@lockfast/keys';
import { Client } from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';

import { missingForPostgres } from '@lockfast/testkit';
import { type ColumnProject, columnServer, DATABASE_PASSWORD } from './support/columns.ts';
import { ledgerEntries } from './support/ledger.ts';

const CANARY = 'canary-5c21e8';
const ID = 'customers.email.index';

const SHOP = `
[databases.app]
url = "env:DATABASE_URL"

[[columns]]
id = "customers.email"
title = "Email addresses"
database = "app"
table = "customers"
column = "email"
context = ["org"]
label = "name"
`;
const INDEX = `
[[blind-indexes]]
id = "${ID}"
of = "customers.email"
column = "email_index"
normalise = "case-and-width"
context = ["org"]
`;
const TABLES = `CREATE TABLE customers (id int PRIMARY KEY, name text, org int NOT NULL, email text, email_index text);
INSERT INTO customers SELECT n, 'customer ' || n, 1 + n % 2, '${CANARY}-' || n || '@Example.com' FROM generate_series(1, 40) n;
INSERT INTO customers VALUES (41, 'nobody', 1, NULL);
`;

interface Status {
  readonly indexes: readonly {
    readonly id: string;
    readonly indexKeys: readonly { readonly id: string; readonly state: string }[];
    readonly rows: number;
    readonly null: number;
    readonly unknown: number;
    readonly keys: Readonly<Record<string, number>>;
    readonly verified?: { readonly missing: number; readonly stale: number; readonly null: number };
  }[];
  readonly next: readonly string[];
  readonly error?: { readonly code: string };
}

interface Built {
  readonly indexes: readonly { readonly key: string | null; readonly newKey: boolean; readonly changed: number; readonly already: number; readonly missing: number; readonly older: number; readonly stale: number }[];
  readonly next: readonly string[];
}

const missing = missingForPostgres();

describe.skipIf(missing !== undefined)(`blind indexes${missing === undefined ? '' : ` (${missing})`}`, { timeout: 120_000 }, () => {
  const databases = columnServer();

  async function aShop(settings = SHOP + INDEX, tables = TABLES): Promise<ColumnProject> {
    const shop = await databases.project(tables, settings);
    await shop.done(['column', 'encrypt', '--yes']);
    return shop;
  }

  /** The ring as an application opens it. */
  async function ringOf({ project }: ColumnProject): Promise<KeyRing> {
    const source = keySource(`file:${project.rootKey}`, { environment: {}, home: project.directory, directory: project.directory, askPassphrase: () => Promise.reject(new Error('nobody is asked')), askShares: () => Promise.reject(new Error('nobody is asked')) });
    return KeyRing.open(project.text('.lockfast/keyring.json'), 'ring', [source]);
  }

  async function found(shop: ColumnProject, n: number): Promise<string[]> {
    const index = blindIndex(await ringOf(shop), { id: ID, column: 'customers.email', normalise: 'case-and-width', context: ['org'] });
    const candidates = index.candidates(`${CANARY}-${n}@EXAMPLE.com`, { org: 1 + (n % 2) });
    return shop.sql(`SELECT id FROM customers WHERE email_index IN (${candidates.map((one) => `'${one}'`).join(', ')})`);
  }

  test('[B14] [W5] the first build makes the key and fills every row; searches find them; a second one changes nothing', async () => {
    const shop = await aShop();
    expect(await shop.json<Status>(['column', 'index', 'status'])).toMatchObject({ indexes: [{ id: ID, indexKeys: [], rows: 41, null: 41, unknown: 0, keys: {} }], next: [`lockfast column index build ${ID}`] });
    const before = shop.project.text('.lockfast/keyring.json');

    const dry = await shop.done(['column', 'index', 'build', '--dry-run', '-v']);
    expect(dry.stdout).toContain(`Indexing Email addresses as ${ID} (dry run)\n  Would be indexed for customer 1\n`);
    expect(dry.stdout).toContain('  Total: 41\n  Already right: 0\n  To be indexed: 40\n  Found without an index: 40\n  Without a value: 1\nNothing was changed\n');
    expect(shop.project.text('.lockfast/keyring.json')).toBe(before);
    expect(shop.sql('SELECT count(email_index) FROM customers')).toEqual(['0']);

    const built = await shop.done(['column', 'index', 'build', '--reason', 'ticket 4711']);
    const [{ id: key } = { id: '' }] = (await ringOf(shop)).indexKeys;
    expect(built.stdout).toContain(`Indexing Email addresses as ${ID}, under the key ${key}, which is new\n  Total: 41\n  Already right: 0\n  Newly indexed: 40\n`);
    expect(built.stdout).toContain(`Next: bring the key ring to every program; when all of them write the index, once more: lockfast column index build ${ID}\n`);
    expect(await found(shop, 7)).toEqual(['7']);
    expect(shop.sql(`SELECT count(*) FROM customers WHERE email_index ~ '^lfi1\\.${key}\\.[A-Za-z0-9_-]{43}$'`)).toEqual(['40']);

    expect(await shop.json<Built>(['column', 'index', 'build'])).toMatchObject({ indexes: [{ key, newKey: false, changed: 0, already: 40 }], next: [] });
    expect(await shop.json<Status>(['column', 'index', 'status', '--verify', 'all'])).toMatchObject({ indexes: [{ null: 1, keys: { [key]: 40 }, verified: { missing: 0, stale: 0, null: 1 } }], next: [] });

    const entries = (await ledgerEntries(shop.project)).filter(({ operation }) => /index/.test(operation));
    expect(entries.map(({ operation, object, keyId, reason }) => [operation, object, keyId, reason])).toEqual(
      expect.arrayContaining([
        ['index-key-create', ID, undefined, 'ticket 4711'],
        ['index-key-create', ID, key, 'ticket 4711'],
        ['column-index-build', ID, key, 'ticket 4711'],
        ['column-index-verify', ID, undefined, undefined],
      ]),
    );
    for (const text of [built.stdout, built.stderr, dry.stdout, shop.project.text('.lockfast/keyring.json')]) {
      expect(text).not.toContain(CANARY);
      expect(text).not.toContain(DATABASE_PASSWORD);
    }
  });

  test('[D7] [B14] a rotation in four steps; each refused at a wrong time, finish while a row is under the old key; key list, usage and status show it', async () => {
    const shop = await aShop();
    expect(await shop.run(['column', 'index', 'rotate', ID])).toMatchObject({ status: 1, stderr: `lockfast: the blind index ${ID} has no key yet: make its first one with \`lockfast column index build ${ID}\`\n` });
    await shop.done(['column', 'index', 'build']);
    const [{ id: old } = { id: '' }] = (await ringOf(shop)).indexKeys;
    expect((await shop.run(['column', 'index', 'activate', ID])).stderr).toContain('has no staged key');
    expect((await shop.run(['column', 'index', 'finish', ID, '--yes'])).stderr).toContain('has no older key');

    const rotated = await shop.done(['column', 'index', 'rotate', ID, '--reason', 'yearly']);
    const { id: now } = (await ringOf(shop)).indexKeys[1]!;
    expect(rotated.stdout).toBe(`${now}: created, staged; next: bring the key ring to every program that searches by the index, then lockfast column index activate ${ID}\n`);
    expect((await shop.run(['column', 'index', 'rotate', ID])).stderr).toContain('has a staged key already');
    // A build goes on under the present key.
    expect(await shop.json<Built>(['column', 'index', 'build'])).toMatchObject({ indexes: [{ key: old, changed: 0 }] });
    expect(await found(shop, 7)).toEqual(['7']);

    expect((await shop.done(['column', 'index', 'activate', ID])).stdout).toBe(`${old}: current -> older; ${now}: staged -> current; next: bring the key ring to every program that writes the index, then lockfast column index build ${ID}\n`);
    expect(await found(shop, 7)).toEqual(['7']);
    const early = await shop.run(['column', 'index', 'finish', ID, '--yes']);
    expect(early).toMatchObject({ status: 1, stderr: `lockfast: the index key ${old} is in use: 40 rows of ${ID}: write them anew with \`lockfast column index build ${ID}\`, then run this again\n` });
    expect((await shop.done(['status'])).stdout).toContain(`The blind index ${ID} is being rotated: see lockfast column index status\n`);
    expect((await shop.done(['column', 'index', 'status'])).stdout).toMatch(new RegExp(`${ID} +customers.email +41 +1 +0 +${now} 0, ${old} 40 \\(older\\)\n`));

    expect(await shop.json<Built>(['column', 'index', 'build'])).toMatchObject({ indexes: [{ key: now, older: 40, changed: 40 }], next: [`when every program has the present key ring: lockfast column index finish ${ID}`] });
    expect(await shop.json<{ indexKeys: unknown }>(['key', 'usage'])).toMatchObject({ indexKeys: [{ id: old, index: ID, state: 'older', rows: 0 }, { id: now, state: 'current', rows: 40 }] });
    expect((await shop.done(['key', 'usage', now])).stdout).toMatch(new RegExp(`^INDEX KEY +STATE +BLIND INDEX +ROWS\n${now} +current +${ID} +40\n$`));
    expect((await shop.done(['key', 'list'])).stdout).toMatch(new RegExp(`\n\nINDEX KEY +STATE +CREATED +BLIND INDEX +FINGERPRINT\n${old} +older .*\n${now} +current `));

    expect(await shop.run(['column', 'index', 'finish', ID])).toMatchObject({ status: 2, stderr: expect.stringContaining('--yes') as unknown });
    expect((await shop.done(['column', 'index', 'finish', ID, '--yes'])).stdout).toMatch(new RegExp(`^${old}: older -> destroyed; next: remove old copies`));
    expect(await found(shop, 7)).toEqual(['7']);
    expect(await shop.json<Status>(['column', 'index', 'status', '--verify', 'all'])).toMatchObject({ indexes: [{ keys: { [now]: 40 } }], next: [] });
    // The keys of columns are another matter, and so are their rotations.
    await shop.done(['key', 'rotate', '--yes']);
    await shop.done(['column', 'rotate', '--yes']);
    expect(await shop.json<Built>(['column', 'index', 'build'])).toMatchObject({ indexes: [{ key: now, changed: 0, already: 40 }] });
    expect(await shop.done(['ledger', 'verify'])).toMatchObject({ status: 0 });
  });

  test('[T4] [B14] activate waits until each running application that reports itself holds the next key, and finish until each has the ring of then', async () => {
    const shop = await aShop(SHOP.replace('url = "env:DATABASE_URL"', 'url = "env:DATABASE_URL"\ninstances = "lockfast_instances"') + INDEX);
    await shop.done(['column', 'index', 'build']);
    const client = new Client({ connectionString: shop.url });
    await client.connect();
    onTestFinished(async () => await client.end());
    const live = { ring: await ringOf(shop) };
    const instance = await reportInstance({ current: () => live.ring, lookAgain: () => false }, { database: 'postgres', query: async (text, values) => (await client.query({ text, values: [...values], rowMode: 'array' })).rows, host: 'web-1' }, () => {});
    onTestFinished(() => instance.stop());
    await shop.done(['column', 'index', 'rotate', ID]);
    const staged = (await ringOf(shop)).indexKeys[1]!.id;
    expect(await shop.run(['column', 'index', 'activate', ID])).toMatchObject({ status: 1, stderr: expect.stringContaining(`the key ${staged} is not held by 1 of 1 live instance: web-1`) as unknown });
    expect(await shop.run(['column', 'index', 'activate', ID, '--despite-instances'])).toMatchObject({ status: 2, stderr: expect.stringContaining('--reason') as unknown });
    live.ring = await ringOf(shop);
    await instance.report();
    await shop.done(['column', 'index', 'activate', ID]);
    expect((await ringOf(shop)).indexKeys.map(({ state }) => state)).toEqual(['older', 'current']);
    await shop.done(['column', 'index', 'build']);
    // Its ring is of before the activation: it writes under the older key.
    const older = (await ringOf(shop)).indexKeys[0]!.id;
    expect(await shop.run(['column', 'index', 'finish', ID, '--yes'])).toMatchObject({ status: 1, stderr: expect.stringContaining(`1 of 1 live instance may still write under the index key ${older}`) as unknown });
    expect(await shop.run(['column', 'index', 'finish', ID, '--yes', '--despite-instances'])).toMatchObject({ status: 2, stderr: expect.stringContaining('--reason') as unknown });
    live.ring = await ringOf(shop);
    await instance.report();
    await shop.done(['column', 'index', 'finish', ID, '--yes']);
    expect((await ringOf(shop)).indexKeys.map(({ state }) => state)).toEqual(['destroyed', 'current']);
  });

  test('[B14] a writer that forgets the index is found by --verify, named, and repaired by a build', async () => {
    const shop = await aShop();
    await shop.done(['column', 'index', 'build']);
    const emails = column(await ringOf(shop), { id: 'customers.email', context: ['org'] });
    shop.sql(`UPDATE customers SET email = '${String(emails.encrypt(`${CANARY}-new`, { org: 2 }))}' WHERE id = 3; UPDATE customers SET email_index = NULL WHERE id = 4`);
    expect((await shop.done(['column', 'index', 'status'])).stdout).not.toContain('✗');
    const verified = await shop.run(['column', 'index', 'status', '--verify', 'all']);
    expect(verified.status).toBe(1);
    expect(verified.stdout).toContain(`✗ ${ID}: 38 of 41 rows have the index of their value; 1 without a value, 1 without an index, 1 with the index of another value\n    ✗ customer 3\n    ✗ customer 4\n`);
    expect(verified.stderr).toContain(`lockfast column index build ${ID}`);
    expect(await shop.json<Built>(['column', 'index', 'build'])).toMatchObject({ indexes: [{ changed: 2, missing: 1, stale: 1 }] });
    expect((await shop.done(['column', 'index', 'status', '--verify', 'all'])).stdout).toContain(`✓ ${ID}: 40 of 41 rows have the index of their value; 1 without a value\n`);
    expect(await shop.json<Status>(['column', 'index', 'status', '--verify', '10'])).toMatchObject({ indexes: [{ verified: { missing: 0, stale: 0, sampled: true } }] });
  });

  test('[B14] a column of few values is refused before its index gets a key; few-values says that it is known', async () => {
    const tables = TABLES.replace("'canary-5c21e8-' || n || '@Example.com'", "CASE n % 3 WHEN 0 THEN 'yes' ELSE 'no' END").replace('generate_series(1, 40)', 'generate_series(1, 300)').replace('(41,', '(901,');
    const shop = await aShop(SHOP + INDEX, tables);
    const before = shop.project.text('.lockfast/keyring.json');
    const refused = await shop.run(['column', 'index', 'build']);
    expect(refused).toMatchObject({ status: 2, stderr: `lockfast: ${ID}: customers.email has only 2 different values in 300 rows, and whoever reads the database could tell from the index which row has which; nothing was changed: leave the column without an index; if that is known and accepted, set few-values = true in its [[blind-indexes]]\n` });
    expect(shop.project.text('.lockfast/keyring.json')).toBe(before);
    shop.project.write('lockfast.toml', `${shop.project.text('lockfast.toml')}few-values = true\nbits = 8\n`, 0o644);
    expect(await shop.json<Built>(['column', 'index', 'build'])).toMatchObject({ indexes: [{ changed: 300 }] });
    expect((await shop.done(['column', 'index', 'status'])).stdout).toContain(`${ID}: with 8 bits a search finds about 1.2 other rows, too\n`);
  });

  test('values that do not open are left, told, and make the exit status 1; a database out of reach does, too', async () => {
    const shop = await aShop();
    await shop.done(['column', 'index', 'build']);
    shop.sql("UPDATE customers SET email = left(email, 60) WHERE id = 5");
    const built = await shop.run(['column', 'index', 'build']);
    expect(built).toMatchObject({ status: 1, stdout: expect.stringContaining('  Not readable, left as they are: 1\n    ✗ customer 5: malformed\n') as unknown });
    expect(built.stderr).toContain('1 value of customers.email was left with the index that is there, since it does not open');
    const gone = { env: { DATABASE_URL: 'postgres://127.0.0.1:1/app' } };
    expect((await shop.run(['column', 'index', 'status'], gone)).status).not.toBe(0);
    expect((await shop.run(['column', 'index', 'build'], gone)).status).not.toBe(0);
    expect(await shop.json<{ unread: unknown[]; indexKeys: unknown[] }>(['key', 'usage'], gone)).toMatchObject({ indexKeys: [{ rows: null }] });
    expect((await shop.run(['column', 'index', 'finish', ID, '--yes'], gone)).status).not.toBe(0);
  });

  test.each<[string, readonly string[], RegExp]>([
    ['an index that is not declared', ['build', 'customers.mail.index'], /^lockfast: column index build: the blind index customers\.mail\.index is not declared: did you mean customers\.email\.index\?\n$/],
    ['what is no id', ['status', 'Secret-Value 7'], /^lockfast: column index status: what is given is no id of a blind index: name some of: customers\.email\.index\n$/],
    ['a batch of nothing', ['build', '--batch', '0'], /--batch is no number from 1 to 100000/],
    ['a rate that is none', ['build', '--max-rate', 'fast'], /--max-rate is no number/],
    ['a sample that is none', ['status', '--verify', 'some'], /--verify is no number/],
    ['no index to rotate', ['rotate'], /column index rotate/],
    ['two to finish', ['finish', ID, ID], /column index finish/],
    ['an unknown option', ['build', '--force'], /--force/],
  ])('%s is refused', async (_, words, message) => {
    const shop = await databases.project('SELECT 1', SHOP + INDEX);
    const { status, stdout, stderr } = await shop.run(['column', 'index', ...words]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain('Secret-Value');
  });
});
