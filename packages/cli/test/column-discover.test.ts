/** `lockfast column discover` on a real PostgreSQL server, and what `key retire` and `key destroy` make of it. */
import { writeFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { missingForPostgres } from '@lockfast/testkit';
import { columnServer, PANEL, PANEL_TABLES } from './support/columns.ts';
import { ledgerEntries } from './support/ledger.ts';

const CANARY = 'canary-31ac';
const ROWS = `${PANEL_TABLES}
INSERT INTO two_factor VALUES (1, 'admin', 1, '${CANARY}-one'), (2, 'john', 1, '${CANARY}-two');
INSERT INTO webhook VALUES (1, 'GitHub Deploy Hook', '${CANARY}-hook');
CREATE SCHEMA "Old";
CREATE TABLE "Old"."Sessions" (id int PRIMARY KEY, "apiKey" text, data jsonb, note text);
`;

interface Found {
  readonly databases: readonly { readonly database: string; readonly found?: readonly { readonly table: string; readonly column: string; readonly path: readonly string[]; readonly keys: Readonly<Record<string, number>>; readonly block: readonly string[] | null }[]; readonly error?: { readonly code: string } }[];
  readonly error?: { readonly code: string };
}

const missing = missingForPostgres();

describe.skipIf(missing !== undefined)(`column discover${missing === undefined ? '' : ` (${missing})`}`, { timeout: 120_000 }, () => {
  const databases = columnServer();

  test('[B17] what nobody declared is found, with blocks to declare it; a key that it is under can not be retired until it is dealt with', async () => {
    const panel = await databases.project(ROWS, PANEL);
    expect((await panel.done(['column', 'discover'])).stdout).toBe('app: 7 columns of 3 tables searched, nothing undeclared found\n');
    await panel.done(['column', 'encrypt']);
    panel.sql(`INSERT INTO "Old"."Sessions" SELECT id, secret, jsonb_build_object('slack', jsonb_build_object('token', secret)), 'was ' || secret FROM two_factor`);
    panel.sql('UPDATE webhook SET name = name');
    const { keys } = await panel.json<{ keys: { id: string }[] }>(['key', 'list']);
    const id = keys[0]!.id;
    const found = await panel.run(['column', 'discover']);
    expect(found.status).toBe(1);
    expect(found.stdout).toContain(`"Old"."Sessions"  apiKey  -              lfv1                  2     ${id} 2 (active)`);
    expect(found.stdout).toContain('app: 7 columns of 3 tables searched, 3 undeclared places found\n');
    expect(found.stdout).toContain('\n[[columns]]\nid = "old.sessions.data.slack.token"\ndatabase = "app"\ntable = "\\"Old\\".\\"Sessions\\""\ncolumn = "data"\npath = ["slack", "token"]\n');
    expect(found.stdout + found.stderr).not.toMatch(new RegExp(`${CANARY}|lfv1\\.[a-z]{6}`));
    expect(found.stderr).toContain('3 places hold encrypted values and are not declared: no job and no rotation reaches them: declare and rotate');
    expect((await ledgerEntries(panel.project)).at(-1)).toMatchObject({ operation: 'column-discover', outcome: 'success', details: { places: 3, 'searched app': true, [`undeclared app ${id}`]: 6 } });

    await panel.done(['key', 'rotate']);
    await panel.done(['column', 'rotate']);
    const refused = await panel.run(['key', 'retire', id, '--yes']);
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringMatching(new RegExp(`6 rows under the key ${id} were found outside of the declared columns, in app \\(.*\\): declare and rotate them, then .lockfast column discover. again; or give --leave-undeclared`)) });

    // As they are printed they can be declared, and rotated.
    const { databases: searched } = await panel.json<Found>(['column', 'discover']);
    const blocks = searched[0]!.found!.flatMap(({ block }) => block ?? []).join('\n');
    writeFileSync(panel.project.path('lockfast.toml'), `${panel.project.text('lockfast.toml')}\n${blocks}\n`);
    expect((await panel.run(['column', 'status'])).stdout).toContain('old.sessions.api_key');
    // They are bound to another column: the database is cleaned up.
    panel.sql('DELETE FROM "Old"."Sessions"');
    expect(await panel.run(['key', 'retire', id, '--yes'])).toMatchObject({ status: 1 });
    await panel.done(['column', 'discover']);
    const retired = await panel.done(['key', 'retire', id, '--yes']);
    expect(retired.stderr).not.toContain('not searched');
    await panel.done(['key', 'destroy', id, '--yes']);
  });

  test('[B17] what was found may be left behind on purpose; without a search the retirement says that there was none', async () => {
    const panel = await databases.project(ROWS, PANEL);
    await panel.done(['column', 'encrypt']);
    const { keys } = await panel.json<{ keys: { id: string }[] }>(['key', 'list']);
    const id = keys[0]!.id;
    panel.sql('INSERT INTO "Old"."Sessions" (id, note) SELECT id, secret FROM two_factor');
    await panel.done(['key', 'rotate']);
    await panel.done(['column', 'rotate']);
    await panel.run(['column', 'discover', '--sample', '100']);
    expect((await panel.run(['key', 'retire', id, '--yes'])).status).toBe(1);
    const left = await panel.done(['key', 'retire', id, '--yes', '--leave-undeclared']);
    expect(left.stdout).toContain('retired');
    expect((await ledgerEntries(panel.project)).findLast(({ operation, kind }) => operation === 'key-retire' && kind === 'intent')).toMatchObject({ details: { leaveUndeclared: true } });

    const other = await databases.project(PANEL_TABLES, PANEL);
    const first = (await other.json<{ keys: { id: string }[] }>(['key', 'list'])).keys[0]!.id;
    await other.done(['key', 'rotate']);
    const silent = await other.done(['key', 'retire', first, '--yes']);
    expect(silent.stderr).toContain(`app was not searched since ${first} went out of use: lockfast column discover tells whether values under it are anywhere else`);
  });

  test('[B17] a database that does not answer hides nothing of the others, and bad inputs are refused', async () => {
    const panel = await databases.project(ROWS, `${PANEL}\n[databases.lost]\nurl = "postgres://nobody@127.0.0.1:1/none"\n`);
    const both = await panel.json<Found>(['column', 'discover']);
    expect(both).toMatchObject({ databases: [{ database: 'app', found: [] }, { database: 'lost', error: { code: 'database-unavailable' } }], error: { code: 'database-unavailable' } });
    expect((await panel.run(['column', 'discover'])).stdout).toContain('app: 7 columns of 3 tables searched, nothing undeclared found');
    expect((await panel.run(['column', 'discover'])).status).toBe(1);
    expect((await panel.done(['column', 'discover', '--database', 'app'])).stderr).toBe('');
    expect(await panel.run(['column', 'discover', '--database', 'nope'])).toMatchObject({ status: 2, stderr: expect.stringContaining('no database of that name is declared') });
    expect(await panel.run(['column', 'discover', '--sample', '0'])).toMatchObject({ status: 2, stderr: expect.stringContaining('--sample is no number') });
    expect(await panel.run(['column', 'discover', 'two_factor.secret'])).toMatchObject({ status: 2 });
    writeFileSync(panel.project.path('lockfast.toml'), panel.project.text('lockfast.toml').replace(/\[databases[\s\S]*/, ''));
    expect(await panel.run(['column', 'discover'])).toMatchObject({ status: 2, stderr: expect.stringContaining('declares no databases') });
  });
});
