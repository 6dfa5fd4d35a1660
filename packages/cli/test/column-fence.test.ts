/** `lockfast column fence` on a real PostgreSQL server, and on a file of SQLite. */
import { writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

import { describe, expect, test } from 'vitest';

import { missingForPostgres } from '@lockfast/testkit';
import { type ColumnProject, columnServer, PANEL, PANEL_TABLES } from './support/columns.ts';
import { ledgerEntries } from './support/ledger.ts';
import { initialisedProject } from './support/project.ts';

const ROWS = `${PANEL_TABLES}
INSERT INTO two_factor VALUES (1, 'admin', 1, 'one'), (2, 'john', 1, 'two'), (3, 'eve', 2, NULL);
INSERT INTO webhook VALUES (1, 'GitHub Deploy Hook', 'hook');
`;

interface Fenced {
  readonly columns: readonly { readonly id: string; readonly name: string; readonly done: string; readonly proven: boolean; readonly refusedKeys: readonly string[]; readonly violations: { readonly rows: number } }[];
  readonly next: readonly string[];
  readonly error?: { readonly code: string };
}

interface Status {
  readonly columns: readonly { readonly id: string; readonly fences: readonly { readonly proven: boolean; readonly state: string }[] }[];
}

const missing = missingForPostgres();

describe.skipIf(missing !== undefined)(`column fence${missing === undefined ? '' : ` (${missing})`}`, { timeout: 120_000 }, () => {
  const databases = columnServer();

  /** What the database says to a write. */
  function write(panel: ColumnProject, sql: string): string {
    return panel.sql(`DO $$ BEGIN ${sql}; RAISE EXCEPTION 'done' USING ERRCODE = 'LF001'; EXCEPTION WHEN check_violation THEN CREATE TEMP TABLE refused (); WHEN SQLSTATE 'LF001' THEN NULL; END $$; SELECT CASE WHEN to_regclass('refused') IS NULL THEN 'let in' ELSE 'refused' END`).at(-1)!;
  }

  test('[B16] from plaintext to the proof, over a rotation, and down again', async () => {
    const panel = await databases.project(ROWS, PANEL);
    const early = await panel.run(['column', 'fence']);
    expect(early.status).toBe(1);
    expect(early.stdout).toContain('✗ two_factor.secret: no fence was put up\n  2 rows do not pass: 2 plaintext\n    admin: plaintext\n    john: plaintext\n');
    expect(early.stderr).toContain('3 rows of two_factor.secret, webhook.secret would not pass, and while a fence is up the database refuses every change of such a row: convert them first: lockfast column encrypt two_factor.secret webhook.secret; then lockfast column fence two_factor.secret webhook.secret');
    await panel.done(['column', 'encrypt']);

    const dry = await panel.done(['column', 'fence', '--dry-run', 'webhook.secret']);
    expect(dry.stdout).toMatch(/^-- webhook\.secret: lfv1 passes; refused is plaintext\nBEGIN; SET LOCAL lock_timeout = '500ms'; ALTER TABLE "public"\."webhook" ADD CONSTRAINT "lockfast_webhook_secret_\w+" CHECK \(.*\) NOT VALID; COMMIT;\nALTER TABLE "public"\."webhook" VALIDATE CONSTRAINT "lockfast_webhook_secret_\w+";\n$/);
    expect(write(panel, "UPDATE webhook SET secret = 'plain'")).toBe('let in');

    const up = await panel.done(['column', 'fence', '--reason', 'ticket 4711']);
    expect(up.stdout).toMatch(/^✓ two_factor\.secret: the fence is up, and every row passes\n {2}lockfast_two_factor_secret_\w+: lfv1 passes; refused is plaintext\n✓ webhook\.secret/);
    expect(write(panel, "UPDATE webhook SET secret = 'plain'")).toBe('refused');
    expect(write(panel, "UPDATE webhook SET secret = NULL, name = 'x'")).toBe('let in');
    const proof = (await ledgerEntries(panel.project)).filter(({ operation, kind }) => operation === 'column-fence' && kind === 'outcome');
    expect(proof.at(-1)).toMatchObject({ object: 'webhook.secret', outcome: 'success', reason: 'ticket 4711', details: { constraint: expect.stringMatching(/^lockfast_webhook_secret_/), proven: true, violating: 0, formats: 'lfv1', refused: '' } });

    const before = panel.sql('SELECT secret FROM webhook').join();
    await panel.done(['key', 'rotate']);
    // The programs that have the key ring of before go on.
    expect(write(panel, `UPDATE webhook SET secret = '${before}'`)).toBe('let in');
    const status = await panel.done(['column', 'status']);
    expect(status.stdout).toMatch(/KEYS +FENCE\ntwo_factor\.secret.* validated \(outdated\)\n/);
    expect(status.stdout).toContain('Next: lockfast column fence two_factor.secret webhook.secret, when nothing is under the finished keys any more\n');
    const rotated = await panel.done(['column', 'rotate']);
    expect(rotated.stdout).toContain('A key was finished since the fence was put up: lockfast column fence two_factor.secret webhook.secret\n');
    const again = await panel.json<Fenced>(['column', 'fence']);
    const [{ refusedKeys } = { refusedKeys: [] }] = again.columns;
    expect(again).toMatchObject({ columns: [{ done: 'replaced', proven: true }, { done: 'replaced', proven: true }], next: [] });
    expect(refusedKeys).toEqual([before.slice(5, 11)]);
    expect(write(panel, `UPDATE webhook SET secret = '${before}'`)).toBe('refused');
    await panel.done(['key', 'retire', before.slice(5, 11), '--yes']);
    expect((await panel.json<Status>(['column', 'status'])).columns.map(({ fences }) => fences)).toMatchObject([[{ proven: true, state: 'current' }], [{ proven: true, state: 'current' }]]);
    expect((await panel.json<Fenced>(['column', 'fence'])).columns.map(({ done }) => done)).toEqual(['kept', 'kept']);

    expect(await panel.run(['column', 'decrypt', '--to-plaintext', '--yes'])).toMatchObject({ status: 5, stderr: expect.stringContaining('take it down first: lockfast column fence two_factor.secret --remove') });
    const down = await panel.done(['column', 'fence', '--remove', '--yes']);
    expect(down.stdout).toContain('✓ two_factor.secret: the fence is down; plaintext and finished keys get in\n');
    expect((await panel.done(['column', 'fence', '--remove'])).stdout).toBe('two_factor.secret has no fence\nwebhook.secret has no fence\n');
    await panel.done(['column', 'decrypt', '--to-plaintext', '--yes']);
    expect(write(panel, "UPDATE webhook SET secret = 'plain'")).toBe('let in');
  });

  test('[B16] from Fernet to lfv1: while values change, both pass; a job that a fence would stop is refused before its first row', async () => {
    const fernet = PANEL.replaceAll('[[columns]]', '[[columns]]\nformat = "fernet"').replace('context = ["org"]\n', '');
    const panel = await databases.project(ROWS, fernet);
    await panel.done(['column', 'encrypt']);
    const up = await panel.done(['column', 'fence']);
    expect(up.stderr).toContain('a Fernet token does not name its key');
    const { project } = panel;
    writeFileSync(project.path('lockfast.toml'), project.text('lockfast.toml').replaceAll('format = "fernet"\n', ''));
    expect(await panel.run(['column', 'rotate'])).toMatchObject({ status: 5, stderr: expect.stringMatching(/which refuses what is written now: bring it up to date first: lockfast column fence two_factor\.secret, with --also/) });
    expect(await panel.run(['column', 'status'])).toMatchObject({ status: 1, stdout: expect.stringContaining('validated (in the way)') });
    expect((await panel.json<Fenced>(['column', 'fence', '--also', 'fernet'])).columns).toMatchObject([{ done: 'replaced', proven: true }, { done: 'replaced', proven: true }]);
    expect(await panel.json<Fenced>(['column', 'fence'])).toMatchObject({ error: { code: 'column-findings' }, next: ['lockfast column rotate two_factor.secret webhook.secret', 'lockfast column fence two_factor.secret webhook.secret'] });
    await panel.done(['column', 'rotate']);
    expect((await panel.done(['column', 'fence'])).stderr).not.toContain('Fernet');
  });

  test('it is an admin who may, and options that contradict each other are refused', async () => {
    const panel = await databases.project(PANEL_TABLES, PANEL);
    expect(await panel.run(['column', 'fence', '--remove', '--also', 'fernet'])).toMatchObject({ status: 2, stderr: expect.stringContaining('--remove takes neither --also nor --despite-rows') });
    expect(await panel.run(['column', 'fence', '--also', 'vault'])).toMatchObject({ status: 2 });
    expect(await panel.run(['column', 'fence', 'no.such'])).toMatchObject({ status: 2, stderr: expect.stringContaining('no.such is not declared') });
    panel.sql('ALTER TABLE two_factor ADD CONSTRAINT other CHECK (id > 0)');
    expect((await panel.done(['column', 'fence', '--despite-rows', 'two_factor.secret'])).stdout).toContain('every row passes');
  });
});

test('[B16] [B17] on SQLite: triggers, which let a row with plaintext be changed elsewhere; and the search', { timeout: 60_000 }, async () => {
  const project = await initialisedProject();
  using database = new DatabaseSync(project.path('app.db'));
  database.exec("CREATE TABLE webhook (id INTEGER PRIMARY KEY, name TEXT, secret TEXT, copy TEXT); INSERT INTO webhook VALUES (1, 'hook', 'plain', NULL)");
  writeFileSync(project.path('lockfast.toml'), `${project.text('lockfast.toml')}\n[databases.app]\nurl = "sqlite:app.db"\n[[columns]]\nid = "webhook.secret"\ndatabase = "app"\ntable = "webhook"\ncolumn = "secret"\n`);
  expect(await project.run(['column', 'fence'])).toMatchObject({ status: 1, stdout: expect.stringContaining('✗ webhook.secret: the fence is up for what is written from now on; not every row passes') });
  database.exec("UPDATE webhook SET name = 'changed'");
  expect(() => database.exec("UPDATE webhook SET secret = 'other'")).toThrow(/lockfast: the fence lockfast_webhook_secret_\w+ refuses this value/);
  expect(await project.run(['column', 'encrypt'])).toMatchObject({ status: 0 });
  expect(await project.run(['column', 'fence'])).toMatchObject({ status: 0, stdout: expect.stringContaining('✓ webhook.secret: the fence is up, and every row passes') });
  expect(await project.run(['column', 'status'])).toMatchObject({ status: 0, stdout: expect.stringMatching(/FENCE\nwebhook\.secret.* up\n/) });
  // What a server leaves of a fence whose run was killed between the two triggers.
  const [{ name } = { name: '' }] = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name GLOB '*_i'").all() as { name: string }[];
  database.exec(`DROP TRIGGER ${name}`);
  const half = await project.run(['column', 'status']);
  expect([half.status, half.stdout]).toEqual([1, expect.stringMatching(/FENCE\nwebhook\.secret.* half\nNext: lockfast column fence webhook\.secret, which completes it\n/)]);
  expect(half.stderr).toContain('half a fence lets some writes in that it should refuse: webhook.secret');
  expect(await project.run(['column', 'fence'])).toMatchObject({ status: 0, stdout: expect.stringContaining('✓ webhook.secret: the fence is whole again, and every row passes') });
  expect(await project.run(['column', 'status'])).toMatchObject({ status: 0 });
  database.exec('UPDATE webhook SET copy = secret');
  expect(await project.run(['column', 'discover'])).toMatchObject({ status: 1, stdout: expect.stringMatching(/app +webhook +copy +- +lfv1 +1 /) });
  expect(await project.run(['column', 'decrypt', '--to-plaintext', '--yes'])).toMatchObject({ status: 5 });
  expect(await project.run(['column', 'fence', '--remove'])).toMatchObject({ status: 0 });
});
