/** `lockfast column ...` on a real PostgreSQL server. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, renameSync, statSync } from 'node:fs';

import { Client } from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';

import { missingForPostgres, PseudoTerminal } from '@lockfast/testkit';
import { type ColumnProject, columnServer, DATABASE_PASSWORD, PANEL, PANEL_TABLES } from './support/columns.ts';
import { ledgerEntries } from './support/ledger.ts';
import { isRoot, LOCKFAST } from './support/project.ts';

const CANARY = 'canary-9d01b3';
const ROWS = `${PANEL_TABLES}
INSERT INTO two_factor VALUES (1, 'admin', 1, '${CANARY}-a'), (2, 'john', 1, '${CANARY}-b'), (3, 'eve', 2, NULL), (4, 'empty', 2, '');
INSERT INTO webhook VALUES (1, 'GitHub Deploy Hook', '${CANARY}-hook');
`;
const ALL = "SELECT id || ':' || coalesce(secret, 'NULL') FROM two_factor UNION ALL SELECT 'w' || id || ':' || secret FROM webhook ORDER BY 1";
const PLAIN = ['1:canary-9d01b3-a', '2:canary-9d01b3-b', '3:NULL', '4:', 'w1:canary-9d01b3-hook'];

/** With the Fernet keys that a Python program has. */
const FERNET = PANEL.replaceAll('[[columns]]', '[[columns]]\nformat = "fernet"\nfernet-keys = ["env:ENCRYPTION_KEY", "env:OLD_ENCRYPTION_KEY"]').replace('context = ["org"]\n', '');

interface Status {
  readonly columns: readonly { readonly id: string; readonly rows: number; readonly null: number; readonly plaintext: number; readonly fernet: number; readonly keys: Readonly<Record<string, number>>; readonly unknown: number; readonly unreadable?: Readonly<Record<string, number>> }[];
}

interface Converted {
  readonly dryRun: boolean;
  readonly interrupted: boolean;
  readonly columns: readonly { readonly id: string; readonly rows: number; readonly already: number; readonly changed: number; readonly plaintext: number; readonly unreadable: { readonly count: number } }[];
  readonly error?: { readonly code: string };
}

const missing = missingForPostgres();

describe.skipIf(missing !== undefined)(`columns${missing === undefined ? '' : ` (${missing})`}`, { timeout: 120_000 }, () => {
  const databases = columnServer();

  async function keyIds(panel: ColumnProject): Promise<{ active: string; draining: string | undefined }> {
    const { keys } = await panel.json<{ keys: { id: string; state: string }[] }>(['key', 'list']);
    return { active: keys.find(({ state }) => state === 'active')!.id, draining: keys.find(({ state }) => state === 'draining')?.id };
  }

  async function fernetKey(panel: ColumnProject): Promise<string> {
    return (await panel.done(['key', 'generate', '--format', 'fernet'])).stdout.trim();
  }

  test('[W3] [D3] encrypt: a dry run names every record and changes nothing; then each is encrypted, and nothing the second time', async () => {
    const panel = await databases.project(ROWS, PANEL);
    const dry = await panel.done(['column', 'encrypt', '--dry-run', '-v']);
    expect(dry.stdout).toContain('Encrypting 2FA TOTP Secrets (dry run)\n  Would be encrypted for admin\n  Would be encrypted for john\n  Would be encrypted for empty\n\n  Total: 4\n  Already encrypted: 0\n  To be encrypted: 3\n  Without a value: 1\n');
    expect(panel.sql(ALL)).toEqual(PLAIN);

    const real = await panel.done(['column', 'encrypt', '--verbose', '--reason', 'ticket 4711']);
    expect(real.stdout).toContain('Encrypting 2FA TOTP Secrets\n  ✓ Encrypted for admin\n  ✓ Encrypted for john\n  ✓ Encrypted for empty\n\n  Total: 4\n  Already encrypted: 0\n  Newly encrypted: 3\n  Without a value: 1\n');
    expect(real.stdout).toContain('Encrypting Webhook Secrets\n  ✓ Encrypted for GitHub Deploy Hook\n\n  Total: 1\n');
    expect(real.stdout).toContain('✓ All values of 2 columns are encrypted\n');
    expect(real.stdout).toMatch(/dead rows until VACUUM, in pg_statistic until ANALYZE; and in WAL archives, replicas and backups.*\n {2}VACUUM two_factor;\n {2}ANALYZE two_factor;\n {2}VACUUM webhook;\n {2}ANALYZE webhook;\n$/);
    const stored = panel.sql(ALL);
    expect(stored.filter((line) => /:lfv1\./.test(line))).toHaveLength(4);
    expect(stored).toContain('3:NULL');

    const again = await panel.json<Converted>(['column', 'encrypt']);
    expect(again.columns.map(({ rows, already, changed }) => ({ rows, already, changed }))).toEqual([
      { rows: 4, already: 3, changed: 0 },
      { rows: 1, already: 1, changed: 0 },
    ]);
    expect(panel.sql(ALL)).toEqual(stored);
    expect((await panel.done(['column', 'encrypt'])).stdout).not.toContain('VACUUM');

    // What the watch makes metrics of.
    await panel.done(['column', 'status']);
    expect((await ledgerEntries(panel.project)).at(-1)).toMatchObject({ operation: 'column-status', details: { columns: 2, rows: 5, 'rows two_factor.secret plaintext': 0, [`rows two_factor.secret ${(await keyIds(panel)).active}`]: 3, 'rows webhook.secret unknown': 0 } });

    const entries = (await ledgerEntries(panel.project)).filter(({ operation }) => operation.startsWith('column-encrypt'));
    expect(entries.map(({ operation, object, reason }) => [operation, object, reason]).slice(0, 4)).toEqual([
      ['column-encrypt-dry-run', 'two_factor.secret', undefined],
      ['column-encrypt-dry-run', 'webhook.secret', undefined],
      ['column-encrypt', 'two_factor.secret', 'ticket 4711'],
      ['column-encrypt', 'two_factor.secret', 'ticket 4711'],
    ]);
    // How many of which, and how long it took.
    expect(entries[3]).toMatchObject({ outcome: 'success', details: { rows: 4, null: 1, plaintext: 3, changed: 3, unreadable: 0, ms: expect.any(Number) } });
  });

  test('[D4] decrypt goes back to the very plaintext, behind --to-plaintext and --yes', async () => {
    const panel = await databases.project(ROWS, PANEL);
    await panel.done(['column', 'encrypt']);
    const stored = panel.sql(ALL);
    expect(await panel.run(['column', 'decrypt', '--yes'])).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining('--to-plaintext is missing') });
    expect(await panel.run(['column', 'decrypt', '--to-plaintext'])).toMatchObject({ status: 2, stderr: expect.stringContaining('this would write 4 values of two_factor.secret, webhook.secret back as plaintext for good, and there is no terminal to ask on') });
    await panel.done(['column', 'decrypt', '--to-plaintext', '--dry-run']);
    expect(panel.sql(ALL)).toEqual(stored);
    const { stdout } = await panel.done(['column', 'decrypt', '--to-plaintext', '--yes', '-v']);
    expect(stdout).toContain('Decrypting 2FA TOTP Secrets\n  ✓ Decrypted for admin\n');
    expect(stdout).toContain('  Already plaintext: 0\n  Newly decrypted: 3\n');
    expect(panel.sql(ALL)).toEqual(PLAIN);
    const [again] = (await panel.json<Converted>(['column', 'decrypt', '--to-plaintext', '--yes'])).columns;
    expect(again).toMatchObject({ rows: 4, already: 3, changed: 0 });
  });

  test('[W3] plaintext that can not be encrypted is told from what does not open, with what to do about it', async () => {
    const panel = await databases.project(PANEL_TABLES, PANEL);
    panel.sql("ALTER TABLE two_factor ALTER COLUMN org DROP NOT NULL; INSERT INTO two_factor VALUES (1, 'admin', 7, 'one'), (2, 'eve', NULL, 'two')");
    const encrypted = await panel.run(['column', 'encrypt', 'two_factor.secret']);
    expect(encrypted.status).toBe(1);
    expect(encrypted.stdout).toContain('    ✗ eve: invalid-context\n');
    expect(encrypted.stderr).toContain('1 row of two_factor.secret can not be encrypted, and was left as it is: invalid-context: a column that the value is bound to is NULL in its row: fill it in\n');
    panel.sql("INSERT INTO two_factor VALUES (3, 'mallory', 7, 'lfv1.zzzzzz.cut')");
    expect((await panel.run(['column', 'encrypt', 'two_factor.secret'])).stderr).toContain('2 rows of two_factor.secret do not open, and were left as they are: see which, and what would open them: lockfast column triage two_factor.secret\n');
  });

  test('[W4] rotate with the old and the new Fernet key: fingerprints in place of keys, per record and per model; the plaintext is the same', async () => {
    const panel = await databases.project(ROWS, FERNET);
    const [old, key] = [await fernetKey(panel), await fernetKey(panel)];
    await panel.done(['column', 'encrypt'], { env: { ENCRYPTION_KEY: old, OLD_ENCRYPTION_KEY: key } });
    const before = panel.sql(ALL);
    const env = { ENCRYPTION_KEY: key, OLD_ENCRYPTION_KEY: old };
    const dry = await panel.done(['column', 'rotate', '--dry-run'], { env });
    expect(dry.stdout).toContain('To be rotated: 3');
    expect(panel.sql(ALL)).toEqual(before);
    const { stdout, stderr } = await panel.done(['column', 'rotate', '-v'], { env });
    expect(stdout).toMatch(/^Rotating Encryption Key\n {2}Old key: env:OLD_ENCRYPTION_KEY {2}sha256:\S+\n(?: {2}Old key: ring:\S+ +sha256:\S+\n)* {2}New key: env:ENCRYPTION_KEY {6}sha256:\S+\n\nRotating 2FA TOTP Secrets\n {2}✓ Rotated for admin\n/);
    expect(stdout).toContain('Rotating Webhook Secrets\n  ✓ Rotated for GitHub Deploy Hook\n\n  Total: 1\n  Successfully rotated: 1\n');
    expect(stdout).toContain('take it out of fernet-keys');
    for (const text of [old, key, old.slice(0, 16), key.slice(0, 16), CANARY]) expect(stdout + stderr).not.toContain(text);
    const after = panel.sql(ALL);
    // A token's time are its first characters; all that follow are new.
    expect(after.map((line) => line.slice(0, 12))).toEqual(before.map((line) => line.slice(0, 12)));
    expect(after.filter((line, i) => line !== before[i])).toHaveLength(4);
    await panel.done(['column', 'verify'], { env: { ENCRYPTION_KEY: key, OLD_ENCRYPTION_KEY: await fernetKey(panel) } });
    await panel.done(['column', 'decrypt', '--to-plaintext', '--yes'], { env });
    expect(panel.sql(ALL)).toEqual(PLAIN);
  });

  test('[W5] [D3] a rotation that was killed: triage says for every row what it is; the same command finishes what is left', async () => {
    const rows = `${PANEL_TABLES} INSERT INTO two_factor SELECT i, 'user ' || i, i % 7, '${CANARY}-' || i FROM generate_series(1, 2000) i; INSERT INTO webhook VALUES (1, 'hook', '${CANARY}');`;
    const panel = await databases.project(rows, PANEL);
    await panel.done(['column', 'encrypt']);
    const { active: old } = await keyIds(panel);
    await panel.done(['key', 'rotate']);
    const { active } = await keyIds(panel);
    const killed = await panel.run(['column', 'rotate', '--batch', '50', '--max-rate', '500'], { patience: 2500 });
    expect(killed.signal).toBe('SIGKILL');
    panel.sql("UPDATE two_factor SET secret = 'lfv1.zzzzzz.' || substr(secret, 13) WHERE id = 1999; UPDATE two_factor SET secret = left(secret, 60) WHERE id = 2000");

    const { rows: triaged } = await panel.json<{ rows: { column: string; key: string[]; kind: string; keyId?: string; code?: string; current?: boolean }[] }>(['column', 'triage', 'two_factor.secret', '--all']);
    expect(triaged).toHaveLength(2000);
    const count = (matching: (row: (typeof triaged)[number]) => boolean): number => triaged.filter(matching).length;
    expect(triaged.map(({ key }) => Number(key.join()))).toEqual(Array.from({ length: 2000 }, (_, i) => i + 1));
    const rotated = count(({ kind, current }) => kind === 'encrypted' && current === true);
    const left = count(({ kind, current }) => kind === 'encrypted' && current === false);
    expect(rotated).toBeGreaterThan(0);
    expect(left).toBeGreaterThan(0);
    expect([rotated + left, count(({ code }) => code === 'missing-key'), count(({ code }) => code === 'malformed')]).toEqual([1998, 1, 1]);
    const shown = await panel.run(['column', 'triage', 'two_factor.secret']);
    expect(shown.status).toBe(1);
    expect(shown.stdout).toMatch(new RegExp(`two_factor\\.secret +1999 +user 1999 +unknown key \\(missing-key, names zzzzzz\\) +a key ring that has this key\n`));
    expect(shown.stdout).toMatch(/two_factor\.secret +2000 +user 2000 +corrupt \(malformed.*\) +nothing that is here\n/);
    expect(shown.stdout).toContain(`old key ${old}`);
    expect(shown.stdout).not.toContain(active);

    const status = await panel.json<Status>(['column', 'status', '--verify', 'all']);
    expect(status.columns[0]!.keys).toEqual({ [old]: left, [active]: rotated });
    const finished = await panel.run(['column', 'rotate']);
    expect(finished).toMatchObject({ status: 1, stderr: expect.stringContaining('2 rows of two_factor.secret do not open, and were left as they are: see which, and what would open them: lockfast column triage two_factor.secret\n') });
    expect(finished.stdout).toContain('    ✗ user 1999: missing-key\n    ✗ user 2000: malformed\n');
    // The killed one is on record as that.
    const ends = (await ledgerEntries(panel.project)).filter(({ operation, outcome }) => operation === 'column-rotate' && outcome !== undefined);
    expect(ends.map(({ object, outcome }) => `${object} ${outcome}`)).toEqual(expect.arrayContaining(['two_factor.secret interrupted', 'two_factor.secret success', 'webhook.secret success']));
    expect((await panel.done(['ledger', 'verify'])).stdout).not.toContain('without an outcome');
    expect((await panel.json<Status>(['column', 'status'])).columns[0]).toMatchObject({ rows: 2000, keys: { [old]: 1, [active]: 1998 }, unknown: 1 });
  });

  test('[D6] status and verify: counts by key and format, exit status 1 for what does not open, a sample; on record with counts', async () => {
    const panel = await databases.project(ROWS, PANEL);
    const { active } = await keyIds(panel);
    expect((await panel.json<Status>(['column', 'status'])).columns).toMatchObject([
      { id: 'two_factor.secret', rows: 4, null: 1, plaintext: 3, fernet: 0, keys: {}, unknown: 0 },
      { id: 'webhook.secret', rows: 1, null: 0, plaintext: 1, fernet: 0, keys: {}, unknown: 0 },
    ]);
    expect(await panel.run(['column', 'verify'])).toMatchObject({ status: 1, stderr: 'lockfast: 0 values do not open, 4 are plaintext: two_factor.secret, webhook.secret: see which: lockfast column triage two_factor.secret webhook.secret\n' });
    await panel.done(['column', 'encrypt', 'two_factor.secret']);
    const status = await panel.done(['column', 'status']);
    expect(status.stdout).toMatch(new RegExp(`^COLUMN +ROWS +NULL +PLAINTEXT +FERNET +UNKNOWN +KEYS\ntwo_factor\\.secret +4 +1 +0 +0 +0 +${active} 3\nwebhook\\.secret +1 +0 +1 +0 +0 +-\nNext: lockfast column encrypt webhook\\.secret\n$`));
    panel.sql('UPDATE two_factor SET org = 2 WHERE id = 1');
    expect(await panel.run(['column', 'status'])).toMatchObject({ status: 0 });
    expect((await panel.json<Status>(['column', 'status', '--verify', 'all'])).columns[0]).toMatchObject({ unknown: 1, unreadable: { 'moved-or-altered': 1 } });
    expect(await panel.run(['column', 'status', '--verify', '100'])).toMatchObject({ status: 1 });
    expect(await panel.run(['column', 'verify', 'two_factor.secret'])).toMatchObject({ status: 1, stdout: '✗ two_factor.secret: 2 of 4 rows open; 1 without a value, not readable: moved-or-altered 1\n' });
    const triaged = await panel.json<{ rows: { opens: unknown }[] }>(['column', 'triage', 'two_factor.secret']);
    expect(triaged.rows.map(({ opens }) => opens)).toEqual([{ column: 'two_factor.secret', row: ['2'] }]);
    panel.sql('UPDATE two_factor SET org = 1 WHERE id = 1');
    await panel.done(['column', 'verify', 'two_factor.secret', '--sample', '2']);
    const looked = (await ledgerEntries(panel.project)).filter(({ operation }) => operation === 'column-verify').at(-1);
    expect(looked).toMatchObject({ details: { columns: 1, plaintext: 0, unreadable: 0 } });
  });

  test('[B3] key usage, retire and destroy count and prove columns: rows, Fernet tokens of the ring, what can not be read, a database that is away', async () => {
    const panel = await databases.project(ROWS, PANEL.replace('label = "name"', 'label = "name"\nformat = "fernet"'));
    const { active: old } = await keyIds(panel);
    await panel.done(['column', 'encrypt']);
    expect(panel.sql('SELECT secret FROM webhook')[0]).toMatch(/^gAAAAA/);
    const rotated = await panel.done(['key', 'rotate']);
    expect(rotated.stdout).toContain('Columns of databases are still under the old key: lockfast column rotate, when every program has the key ring: two_factor.secret, webhook.secret\n');
    const usage = await panel.json<{ keys: { id: string; rows: number }[] }>(['key', 'usage']);
    expect(usage.keys.map(({ id, rows }) => [id, rows])).toContainEqual([old, 4]);
    expect((await panel.done(['key', 'usage', old])).stdout).toMatch(/ {2}two_factor\.secret: 3 rows\n {2}webhook\.secret: 1 row\n$/);
    const retire = ['key', 'retire', old, '--yes'];
    expect(await panel.run(retire)).toMatchObject({ status: 1, stderr: `lockfast: the key ${old} is in use: 3 rows of two_factor.secret, 1 row of webhook.secret: encrypt them anew with \`lockfast column rotate two_factor.secret webhook.secret\`, then run this again\n` });
    const { stdout } = await panel.done(['column', 'rotate', 'two_factor.secret']);
    expect(stdout).toContain(`When no program encrypts with ${old} any more: lockfast key retire ${old}\n`);
    expect(await panel.run(retire)).toMatchObject({ status: 1, stderr: expect.stringContaining(`is in use: 1 row of webhook.secret`) });
    await panel.done(['column', 'rotate']);

    const away = await panel.run(retire, { env: { DATABASE_URL: 'postgres://127.0.0.1:1/app' } });
    expect(away).toMatchObject({ status: 1, stderr: expect.stringContaining(`nobody can tell whether the key ${old} is in use: two_factor.secret: the database postgres://127.0.0.1:1/app can not be reached`) });
    expect(await panel.run(['key', 'usage'], { env: { DATABASE_URL: '' } })).toMatchObject({ status: 1, stderr: expect.stringContaining('warning: not counted: two_factor.secret: DATABASE_URL, which has the URL of the database app, is not set') });
    // A token that nothing opens may be of any key.
    panel.sql("UPDATE webhook SET secret = translate(secret, 'abc', 'bca')");
    expect(await panel.run(retire)).toMatchObject({ status: 1, stderr: expect.stringContaining('1 row of webhook.secret can not be read') });
    panel.sql('UPDATE webhook SET secret = NULL');
    // One that names another key is not.
    panel.sql('UPDATE two_factor SET org = 2 WHERE id = 1');
    await panel.done(retire);
    const kept = panel.sql('SELECT secret FROM two_factor WHERE id = 2')[0]!;
    panel.sql(`UPDATE two_factor SET secret = 'lfv1.${old}.' || substr('${kept}', 13) WHERE id = 2`);
    expect(await panel.run(['key', 'destroy', old, '--yes'])).toMatchObject({ status: 1, stderr: expect.stringContaining(`1 row of two_factor.secret that names ${old} can not be read`) });
    panel.sql(`UPDATE two_factor SET secret = '${kept}' WHERE id = 2`);
    await panel.done(['key', 'destroy', old, '--yes']);
  });

  test('[W5] clear empties what nothing opens, and only that; the ciphertext is kept aside', async () => {
    const panel = await databases.project(ROWS, PANEL);
    await panel.done(['column', 'encrypt']);
    panel.sql("UPDATE two_factor SET secret = 'lfv1.abcdef.AAAA' WHERE id = 1; UPDATE two_factor SET org = 2 WHERE id = 2");
    const clear = ['column', 'clear', 'two_factor.secret'];
    expect(await panel.run([...clear, '--keep', 'kept.jsonl'])).toMatchObject({ status: 2, stderr: expect.stringContaining('it takes --unrecoverable or --shredded') });
    expect(await panel.run([...clear, '--unrecoverable'])).toMatchObject({ status: 2, stderr: expect.stringContaining('--keep is missing') });
    expect(await panel.run([...clear, '--unrecoverable', '--keep', 'lockfast.toml', '--yes'])).toMatchObject({ status: 5 });
    expect(await panel.run([...clear, '--unrecoverable', '--keep', 'kept.jsonl'])).toMatchObject({ status: 2, stderr: expect.stringContaining('this would empty every row of two_factor.secret that nothing opens for good, and there is no terminal to ask on: if that is meant, give --yes\n') });
    expect((await panel.done([...clear, '--unrecoverable', '--dry-run'])).stdout).toBe('  Total: 4\n  To be emptied: 1\n  Left, since something opens them: 1\nNothing was changed\n');
    await panel.done([...clear, '--unrecoverable', '--keep', 'kept.jsonl', '--yes', '--reason', 'key lost in March']);
    expect(panel.sql('SELECT id FROM two_factor WHERE secret IS NULL ORDER BY id')).toEqual(['1', '3']);
    expect(JSON.parse(panel.project.text('kept.jsonl'))).toMatchObject({ column: 'two_factor.secret', key: ['1'], value: 'lfv1.abcdef.AAAA' });
    expect(statSync(panel.project.path('kept.jsonl')).mode & 0o777).toBe(0o600);
    panel.sql('UPDATE two_factor SET org = 1 WHERE id = 2');
    await panel.done(['column', 'verify', 'two_factor.secret']);
  });

  test('[W3] on a terminal: it says what it is about and asks; rows, rate and time left; ^C ends after the batch with 130, and the same command goes on', async () => {
    const rows = `${PANEL_TABLES} INSERT INTO two_factor SELECT i, 'user ' || i, i % 7, '${CANARY}-' || i FROM generate_series(1, 5000) i; ANALYZE two_factor;`;
    const panel = await databases.project(rows, PANEL);
    const start = (args: readonly string[]): PseudoTerminal => {
      const terminal = new PseudoTerminal([process.execPath, LOCKFAST, ...args], { cwd: panel.project.directory, env: { ...panel.project.env, DATABASE_URL: panel.url } });
      onTestFinished(() => terminal[Symbol.dispose]());
      return terminal;
    };
    const declined = start(['column', 'encrypt']);
    await declined.until('encrypts 5,000 of 5,000 rows of two_factor.secret');
    await declined.until('Encrypt 5,000 rows? [y/N] ');
    declined.type('n\n');
    expect(await declined.end()).toMatchObject({ status: 2, shown: expect.stringContaining('broken off: nothing was changed') });

    const stopped = start(['column', 'encrypt', 'two_factor.secret', '--max-rate', '800', '--batch', '100', '--yes']);
    await stopped.until('of 5,000 rows, ');
    await stopped.until('rows/s, ');
    await stopped.until('s left');
    stopped.type('\u0003');
    await stopped.until('stops after the running batch; ^C again stops at once');
    const { status, shown } = await stopped.end();
    expect(status, shown).toBe(130);
    expect(shown).toContain('the same command goes on: lockfast column encrypt two_factor.secret --max-rate 800 --batch 100 --yes');
    const done = Number(panel.sql("SELECT count(*) FROM two_factor WHERE secret LIKE 'lfv1.%'")[0]);
    expect(done).toBeGreaterThan(0);
    expect(done).toBeLessThan(5000);
    expect(shown).toMatch(/ {2}Looked at: [\d,]+ of 5,000\n {2}Already encrypted: 0\n {2}Newly encrypted: \d+\n/);

    const finished = await panel.done(['column', 'encrypt', 'two_factor.secret']);
    expect(finished.stdout).toContain('  Goes on where an earlier run stopped, whose counts are among these\n  Total: 5,000\n');
    expect(panel.sql("SELECT count(*) FROM two_factor WHERE secret LIKE 'lfv1.%'")).toEqual(['5000']);

    const typed = start(['column', 'decrypt', '--to-plaintext', 'two_factor.secret']);
    await typed.until('This will write 5,000 values of two_factor.secret back as plaintext for good. Type plaintext to go on: ');
    typed.type('yes\n');
    expect(await typed.end()).toMatchObject({ status: 2 });
  });

  test('[D6] ^C ends a look at a large table with 130, and that is on record', async () => {
    const panel = await databases.project(`${PANEL_TABLES} INSERT INTO two_factor SELECT i, 'user', 1, 'x' FROM generate_series(1, 400000) i;`, PANEL);
    for (const args of [['column', 'verify'], ['column', 'status', '--verify', 'all'], ['key', 'usage']]) {
      const terminal = new PseudoTerminal([process.execPath, LOCKFAST, ...args], { cwd: panel.project.directory, env: { ...panel.project.env, DATABASE_URL: panel.url } });
      onTestFinished(() => terminal[Symbol.dispose]());
      await terminal.until(' rows/s');
      terminal.type('\u0003');
      const { status, shown } = await terminal.end();
      expect(status, shown).toBe(130);
    }
    const ends = (await ledgerEntries(panel.project)).flatMap(({ operation, outcome }) => (outcome === 'interrupted' ? [operation] : []));
    expect(ends).toEqual(['column-verify', 'column-verify', 'key-usage']);
    expect((await panel.done(['ledger', 'verify'])).stdout).not.toContain('without an outcome');
  });

  test('[D6] ^C while the database counts: a status ends with 130 and a word, as text and as JSON, and shows no half of it', async () => {
    const panel = await databases.project(ROWS, PANEL);
    const others = new Client({ connectionString: panel.url });
    await others.connect();
    onTestFinished(async () => await others.end());
    for (const json of [[], ['--json']]) {
      await others.query('BEGIN; LOCK TABLE two_factor');
      const child = spawn(process.execPath, [LOCKFAST, 'column', 'status', ...json], { cwd: panel.project.directory, env: { ...panel.project.env, DATABASE_URL: panel.url } });
      onTestFinished(() => void child.kill('SIGKILL'));
      let [said, shown] = ['', ''];
      child.stderr.on('data', (data: Buffer) => (said += data.toString()));
      child.stdout.on('data', (data: Buffer) => (shown += data.toString()));
      const ended = once(child, 'close');
      await expect.poll(() => panel.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"), { timeout: 30_000 }).toEqual(['1']);
      child.kill('SIGINT');
      await expect.poll(() => said, { timeout: 30_000 }).toContain('lockfast: stops\n');
      await others.query('COMMIT');
      expect([(await ended)[0], shown], said).toEqual([130, '']);
    }
    expect((await ledgerEntries(panel.project)).filter(({ outcome }) => outcome === 'interrupted')).toHaveLength(2);
  });

  test('[D4] [W4] roles: auditors look, operators encrypt, admins rotate, decrypt and clear; a refusal is on record', async () => {
    if (!isRoot) return;
    const panel = await databases.project(ROWS, `${PANEL}\n[roles]\nadmin = ["daemon"]\noperator = ["games"]\nauditor = ["www-data"]\n`);
    const as = async (user: string, args: readonly string[]): Promise<number | null> => (await panel.run(args, { env: { SUDO_USER: user } })).status;
    for (const args of [['column', 'status'], ['column', 'triage']]) expect([await as('www-data', args), await as('nobody', args)], args.join(' ')).toEqual([0, 1]);
    const stderr = (await panel.run(['column', 'encrypt'], { env: { SUDO_USER: 'www-data' } })).stderr;
    expect(stderr).toContain('column encrypt: www-data is not an operator');
    expect([await as('daemon', ['column', 'encrypt']), await as('games', ['column', 'encrypt'])]).toEqual([1, 0]);
    for (const args of [['column', 'rotate'], ['column', 'decrypt', '--to-plaintext', '--yes'], ['column', 'clear', 'webhook.secret', '--unrecoverable', '--keep', 'x', '--yes']]) {
      expect(await as('games', args), args.join(' ')).toBe(1);
    }
    expect(await as('daemon', ['column', 'rotate'])).toBe(0);
    const refused = (await ledgerEntries(panel.project)).filter(({ outcome }) => outcome === 'refused');
    expect(refused.map(({ operation, object }) => `${operation} ${object}`)).toContain('column-encrypt two_factor.secret webhook.secret');
  });

  test('the variables of databases and Fernet keys reach the application, and no other program', async () => {
    const panel = await databases.project(ROWS, FERNET);
    const key = await fernetKey(panel);
    const env = { ENCRYPTION_KEY: key };
    panel.project.write('.env', 'A=1\n');
    await panel.done(['env', 'encrypt'], { env });
    expect((await panel.done(['run', '--', 'env'], { env })).stdout).toContain(`ENCRYPTION_KEY=${key}\n`);
    await panel.done(['env', 'edit'], { env: { ...env, EDITOR: `sh -c 'env > ${panel.project.base}/editor-env' x` } });
    expect(readFileSync(`${panel.project.base}/editor-env`, 'utf8')).not.toMatch(/ENCRYPTION_KEY|DATABASE_URL|pgcanary/);
  });

  test('[W3] [W4] without its ledger no column command reads or writes; with it each is on record for each column', async () => {
    const panel = await databases.project(`${PANEL_TABLES} INSERT INTO two_factor VALUES (1, 'admin', 1, '${CANARY}');`, PANEL);
    await panel.done(['column', 'encrypt', 'two_factor.secret']);
    const stored = panel.sql(ALL);
    const commands: readonly (readonly [args: readonly string[], operation: string])[] = [
      [['column', 'status', '--verify', 'all'], 'column-verify'],
      [['column', 'verify'], 'column-verify'],
      [['column', 'triage'], 'column-triage'],
      [['column', 'encrypt', '--dry-run'], 'column-encrypt-dry-run'],
      [['column', 'rotate'], 'column-rotate'],
      [['column', 'clear', 'two_factor.secret', '--unrecoverable', '--keep', 'lost.jsonl', '--yes'], 'column-clear'],
      [['column', 'decrypt', '--to-plaintext', '--dry-run'], 'column-decrypt-dry-run'],
    ];
    for (const [args, operation] of commands) {
      const before = (await ledgerEntries(panel.project)).length;
      await panel.done(args);
      const added = (await ledgerEntries(panel.project)).slice(before);
      expect(new Set(added.map((entry) => entry.operation)), args.join(' ')).toEqual(new Set([operation]));
      // A dry run, which changes nothing, is one event for each column.
      expect(added.filter(({ outcome }) => outcome === 'success').length, args.join(' ')).toBeGreaterThan(0);
      expect(added.filter(({ kind }) => kind === 'intent')).toHaveLength(added.filter(({ kind }) => kind === 'outcome').length);
    }
    renameSync(panel.project.path('.lockfast/ledger.db'), panel.project.path('.lockfast/gone.db'));
    for (const [args] of commands) {
      const { status, stdout, stderr } = await panel.run(args);
      expect([status, stdout], args.join(' ')).toEqual([1, '']);
      expect(stderr, args.join(' ')).toMatch(/ledger .* is gone/);
    }
    expect(panel.sql(ALL)).toEqual(stored);
  });

  test('[W3] [D3] no plaintext, key or password is in what is said, in the ledger, or in the checkpoints', async () => {
    const panel = await databases.project(ROWS, PANEL);
    const said: string[] = [];
    const check = async (args: readonly string[]): Promise<void> => {
      const { stdout, stderr } = await panel.run(args);
      said.push(stdout, stderr);
      expect(stderr, args.join(' ')).not.toContain('defect');
    };
    for (const args of [['column', 'status'], ['column', 'encrypt', '--dry-run', '-v'], ['column', 'encrypt', '-v', '--json'], ['key', 'rotate'], ['column', 'rotate', '-v']]) await check(args);
    panel.sql("UPDATE two_factor SET secret = secret || 'x' WHERE id = 1; UPDATE two_factor SET org = 9 WHERE id = 2");
    for (const args of [['column', 'verify', '--json'], ['column', 'triage', '--all'], ['column', 'triage', '--json'], ['column', 'rotate'], ['column', 'clear', 'two_factor.secret', '--unrecoverable', '--dry-run'], ['key', 'usage', '--json'], ['column', 'decrypt', '--to-plaintext', '--dry-run', '-v'], ['column', 'decrypt', '--to-plaintext', '--yes', '-v', '--json'], ['doctor'], ['status'], ['ledger', 'list', '--json']]) await check(args);
    await check(['column', 'status', CANARY]);
    await check(['column', 'status', '--database', CANARY]);
    await check(['column', 'encrypt', '--batch', CANARY]);
    const places = [said.join(''), readFileSync(panel.project.path('.lockfast/ledger.db'), 'latin1'), panel.sql("SELECT coalesce(string_agg(query, ''), '') FROM pg_stat_activity").join('')];
    const schema = panel.sql("SELECT table_name FROM information_schema.tables WHERE table_schema = 'lockfast'").filter((name) => name !== '');
    for (const table of schema) places.push(panel.sql(`SELECT * FROM lockfast.${table}`).join('\n'));
    for (const place of places) for (const secret of [CANARY, DATABASE_PASSWORD]) expect(place).not.toContain(secret);
    expect(said.join('').length).toBeGreaterThan(5000);
  });
});
