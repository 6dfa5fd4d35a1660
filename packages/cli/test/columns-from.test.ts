/** `lockfast column rotate --from` on a real PostgreSQL server: what other libraries wrote becomes lfv1, once. */
import { createCipheriv, hkdfSync, pbkdf2Sync, randomBytes } from 'node:crypto';

import { encryptStringSync, generateKey } from '@47ng/cloak';
import { missingForPostgres } from '@lockfast/testkit';
import { describe, expect, test } from 'vitest';

import { type ColumnProject, columnServer } from './support/columns.ts';
import { ledgerEntries } from './support/ledger.ts';

const CANARY = 'canary-52aa0e';
const SETTINGS = `
[databases.app]
url = "env:DATABASE_URL"

[[columns]]
id = "users.phone"
database = "app"
table = "users"
column = "phone_ciphertext"
context = ["org"]
`;
const ALL = "SELECT id || ':' || coalesce(phone_ciphertext, 'NULL') FROM users ORDER BY id";
const missing = missingForPostgres();

function gcm(key: Uint8Array, text: string, ivBytes = 12): { iv: Buffer; sealed: Buffer; tag: Buffer } {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return { iv, sealed, tag: cipher.getAuthTag() };
}

const HEX = randomBytes(32).toString('hex');
const CLOAK = generateKey();
const lockboxKey = Buffer.from(hkdfSync('sha384', Buffer.from(HEX, 'hex'), 'users', Buffer.concat([Buffer.alloc(32, 0xb4), Buffer.from('phone_ciphertext')]), 32));
const railsKey = pbkdf2Sync('primary key', 'salty', 65536, 32, 'sha256');

/** How each library stores a text, its options on the command line, and its variables. */
const LIBRARIES: readonly (readonly [name: string, store: (text: string) => string, options: readonly string[], env: Readonly<Record<string, string>>])[] = [
  ['cloak', (text) => encryptStringSync(text, CLOAK), ['--from-key', 'env:CLOAK'], { CLOAK }],
  ['lockbox', (text) => concat(gcm(lockboxKey, text), 'iv', 'sealed', 'tag'), ['--from-key', 'env:LOCKBOX'], { LOCKBOX: HEX }],
  ['typeorm-encrypted', (text) => concat(gcm(Buffer.from(HEX, 'hex'), text, 16), 'iv', 'tag', 'sealed'), ['--from-key', 'env:TYPEORM', '--from-algorithm', 'aes-256-gcm'], { TYPEORM: HEX }],
  ['rails', railsMessage, ['--from-key', 'env:PRIMARY', '--from-salt', 'env:SALT'], { PRIMARY: 'primary key', SALT: 'salty' }],
];

function concat(parts: ReturnType<typeof gcm>, ...order: (keyof ReturnType<typeof gcm>)[]): string {
  return Buffer.concat(order.map((name) => parts[name])).toString('base64');
}

function railsMessage(text: string): string {
  const { iv, sealed, tag } = gcm(railsKey, text);
  return JSON.stringify({ p: sealed.toString('base64'), h: { iv: iv.toString('base64'), at: tag.toString('base64') } });
}

describe.skipIf(missing !== undefined)(`column rotate --from${missing === undefined ? '' : ` (${missing})`}`, { timeout: 120_000 }, () => {
  const databases = columnServer();

  async function users(values: readonly (string | null)[]): Promise<ColumnProject> {
    const rows = values.map((value, i) => `(${i + 1}, ${i % 2}, ${value === null ? 'NULL' : `'${value}'`})`);
    return await databases.project(`CREATE TABLE users (id int PRIMARY KEY, org int NOT NULL, phone_ciphertext text); INSERT INTO users VALUES ${rows.join(', ')}`, SETTINGS);
  }

  test.each(LIBRARIES)('[D3] status does not send values of %s into a second encryption', async (name, store) => {
    const panel = await users([store('a text of some length'), null, store('another one'), 'plain']);
    const { stdout } = await panel.done(['column', 'status']);
    expect(stdout).toMatch(new RegExp(`^Next: lockfast column rotate users\\.phone --from ${name === 'typeorm-encrypted' ? 'lockbox, or typeorm-encrypted,' : name}`, 'm'));
    expect(stdout).not.toMatch(/^Next: lockfast column encrypt/m);
    expect(await panel.json(['column', 'status'])).toMatchObject({ columns: [{ plaintext: 3, looksLike: ['cloak', 'rails'].includes(name) ? name : 'base64' }] });
    const plain = await users(['plain', 'cGxhaW4gdGV4dCB0aGF0IHNvbWVib2R5IGVuY29kZWQ=', '0123456789012345678901234567890123456789']);
    expect((await plain.done(['column', 'status'])).stdout).toContain('Next: lockfast column encrypt users.phone\n');
  });

  test.each(LIBRARIES)('[D3] [W4] %s: its values become lfv1, bound to their rows; plaintext and NULL stay; nothing the second time', async (name, store, options, env) => {
    const panel = await users([store(`${CANARY}-1`), null, 'not encrypted!', store(`${CANARY}-4`)]);
    const before = panel.sql(ALL);
    const args = ['column', 'rotate', '--from', name, ...options];
    const dry = await panel.done([...args, '--dry-run'], { env });
    expect(dry.stdout).toContain('To be rotated: 2');
    expect(panel.sql(ALL)).toEqual(before);
    const { stdout, stderr } = await panel.done(args, { env });
    expect(stdout).toContain('Successfully rotated: 2');
    expect(stdout).toContain('Plaintext, left as it is: 1');
    expect(stdout + stderr).not.toContain(CANARY);
    const after = panel.sql(ALL);
    expect(after.filter((line) => /:lfv1\./.test(line))).toHaveLength(2);
    expect(after.slice(1, 3)).toEqual(['2:NULL', '3:not encrypted!']);
    // They belong to their rows, and mean what they meant.
    await panel.done(['column', 'decrypt', '--to-plaintext', '--yes']);
    expect(panel.sql(ALL)).toEqual([`1:${CANARY}-1`, '2:NULL', '3:not encrypted!', `4:${CANARY}-4`]);
    await panel.done(['column', 'encrypt']);
    const encrypted = panel.sql(ALL);
    expect((await panel.done(args, { env })).stdout).not.toContain('Successfully rotated: 1');
    expect(panel.sql(ALL)).toEqual(encrypted);
    const [entry] = (await ledgerEntries(panel.project)).filter(({ operation }) => operation === 'column-rotate');
    expect(entry).toMatchObject({ details: { from: name } });
  });

  test('[D5] wrong keys: nothing is changed, with GCM as with CBC, where a wrong key would make nonsense of some values', async () => {
    const key = Buffer.from(HEX, 'hex');
    const cbc = (text: string): string => {
      const iv = randomBytes(16);
      const cipher = createCipheriv('aes-256-cbc', key, iv);
      return Buffer.concat([iv, cipher.update(text), cipher.final()]).toString('base64');
    };
    const other = randomBytes(32).toString('hex');
    const cases: readonly (readonly [readonly string[], readonly string[], next: string])[] = [
      [Array.from({ length: 600 }, () => cbc(`${CANARY} of some length`)), ['typeorm-encrypted', '--from-key', 'env:WRONG'], 'name the right keys'],
      [Array.from({ length: 3 }, () => concat(gcm(key, CANARY), 'iv', 'sealed', 'tag')), ['lockbox', '--from-key', 'env:WRONG'], 'check the keys and the other options of --from'],
    ];
    for (const [values, options, next] of cases) {
      const panel = await users(values);
      const before = panel.sql(ALL);
      const { status, stderr } = await panel.run(['column', 'rotate', '--yes', '--from', ...options], { env: { WRONG: other } });
      expect(status).toBe(3);
      expect(stderr).toContain('nothing was changed');
      expect(stderr).toContain(next);
      expect(stderr).not.toContain(CANARY);
      expect(panel.sql(ALL)).toEqual(before);
    }
    const panel = await users([cbc(`${CANARY}-1`), cbc(`${CANARY}-2`)]);
    await panel.done(['column', 'rotate', '--from', 'typeorm-encrypted', '--from-key', 'env:RIGHT'], { env: { RIGHT: HEX } });
    expect(panel.sql(ALL).every((line) => /:lfv1\./.test(line))).toBe(true);
  });

  test('what cloak or Rails wrote is never encrypted a second time by mistake', async () => {
    const panel = await users([encryptStringSync(CANARY, CLOAK), railsMessage(CANARY)]);
    const before = panel.sql(ALL);
    expect(await panel.run(['column', 'encrypt', '--yes'])).toMatchObject({ status: 3, stderr: expect.stringContaining('none of those looked at opens') });
    expect(panel.sql(ALL)).toEqual(before);
  });

  test.each([
    [['--from', 'cloack', '--from-key', 'env:K'], 2, 'did you mean cloak?'],
    [['--from', 'cloak'], 2, '--from needs a key of that library'],
    [['--from-key', 'env:K'], 2, '--from-key goes with --from cloak or typeorm-encrypted or lockbox or rails'],
    [['--from', 'cloak', '--from-key', 'env:K', '--from-salt', 'env:K'], 2, '--from-salt goes with --from rails'],
    [['--from', 'rails', '--from-key', 'env:K'], 2, '--from rails needs --from-salt'],
    [['--from', 'lockbox', '--from-key', 'env:K', '--from-place', 'users'], 2, '--from-place is not TABLE.COLUMN'],
    [['--from', 'typeorm-encrypted', '--from-key', 'env:K', '--from-iv-bytes', '17'], 2, '--from-iv-bytes is no number from 1 to 16'],
    [['--from', 'typeorm-encrypted', '--from-key', 'env:K', '--from-algorithm', 'des'], 4, 'of typeorm-encrypted only'],
    [['--from', 'cloak', '--from-key', 'env:NOT_SET'], 3, 'the variable that is named for a key of cloak is not set'],
    [['--from', 'cloak', '--from-key', 'env:EMPTY'], 3, 'env:EMPTY: it is empty'],
    // As a shell leaves it of env:$KEY.
    [['--from', 'cloak', '--from-key', `env:${CANARY}`], 3, 'env:NAME and not env:$NAME'],
    [['--from', 'cloak', '--from-key', 'env:K'], 3, 'this is no key of cloak'],
    [['--from', 'cloak', '--from-key', CANARY], 2, 'is not named by a source that Lockfast knows'],
    [['--from', 'cloak', '--from-key', 'file:/nowhere/key'], 3, 'the key of cloak is not to be had'],
  ])('[D5] %j is refused with %i', async (options, status, message) => {
    const panel = await users(['a']);
    const outcome = await panel.run(['column', 'rotate', ...options], { env: { K: CANARY, EMPTY: ' ' } });
    expect([outcome.status, outcome.stderr]).toEqual([status, expect.stringContaining(message)]);
    expect(outcome.stdout + outcome.stderr).not.toContain(CANARY);
    expect(panel.sql(ALL)).toEqual(['1:a']);
  });
});
