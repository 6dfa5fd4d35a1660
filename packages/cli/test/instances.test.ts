/** `lockfast column instances`, and the moves of keys that ask the running applications first. */
import { expect, describe, test } from 'vitest';

import { missingForPostgres } from '@lockfast/testkit';
import { type ColumnProject, columnServer } from './support/columns.ts';
import { ledgerEntries } from './support/ledger.ts';
import { ACCOUNTS, ACCOUNTS_TABLE, openOperatorsRing } from './support/live-machines.ts';

const TABLE = `CREATE TABLE lockfast_instances (instance text NOT NULL PRIMARY KEY, host text, environment text NOT NULL, ring text NOT NULL, generation integer NOT NULL, active text NOT NULL, held text NOT NULL, gone_after integer NOT NULL, started timestamptz NOT NULL, seen timestamptz NOT NULL);`;

/** Where nothing listens. */
const UNREACHABLE = { env: { DATABASE_URL: 'postgres://app@127.0.0.1:1/app' } };

const missing = missingForPostgres();

describe.skipIf(missing !== undefined)(`instances${missing === undefined ? '' : ` (${missing})`}`, { timeout: 120_000 }, () => {
  const databases = columnServer();

  /** Reports an instance that does not run, as one would that has these keys. */
  async function report(panel: ColumnProject, host: string, held: readonly string[], { seen = 'now()', ring }: { readonly seen?: string; readonly ring?: string } = {}): Promise<void> {
    const { version } = await openOperatorsRing(panel);
    const instance = `${host.replaceAll(/[^a-z]/g, '')}aaaaaaaaaaaaaaaa`.slice(0, 16);
    panel.sql(`INSERT INTO lockfast_instances VALUES ('${instance}', '${host}', 'production', '${ring ?? version.ring}', ${version.generation}, '${held[0]!}', '${held.join(' ')}', 60, now() - interval '1 hour', ${seen})`);
  }

  async function stagedProject(): Promise<{ panel: ColumnProject; old: string; key: string }> {
    const panel = await databases.project(ACCOUNTS_TABLE + TABLE, ACCOUNTS);
    const old = (await openOperatorsRing(panel)).active().id;
    const { id: key } = await panel.json<{ id: string }>(['key', 'create']);
    return { panel, old, key };
  }

  test('[T4] who is gone, or runs on another ring, holds nobody up; they are shown as what they are', async () => {
    const { panel, old, key } = await stagedProject();
    await report(panel, 'web', [old, key], { seen: "now() - interval '20 seconds'" });
    await report(panel, 'gone', [old], { seen: "now() - interval '61 seconds'" });
    await report(panel, 'other', [old], { ring: 'abcdefghijklmnop' });
    const { stdout } = await panel.done(['column', 'instances']);
    expect(stdout.split('\n').map((line) => line.replaceAll(/ +/g, ' '))).toEqual([
      'HOST INSTANCE DATABASE GENERATION ENCRYPTS WITH STATE SEEN',
      `gone goneaaaaaaaaaaaa app 2 ${old} gone 61 s ago`,
      `other otheraaaaaaaaaaa app 2 ${old} another ring 0 s ago`,
      `web webaaaaaaaaaaaaa app 2 ${old} live 20 s ago`,
      `${key} is staged, and held by the one live instance; next: lockfast key activate ${key}`,
      '',
    ]);
    const { instances, staged } = await panel.json<{ instances: object[]; staged: object[] }>(['column', 'instances', '--database', 'app']);
    expect(instances[0]).toEqual({ instance: 'goneaaaaaaaaaaaa', host: 'gone', database: 'app', environment: 'production', ring: (await openOperatorsRing(panel)).version.ring, generation: 2, active: old, held: [old], live: false, seenAgoMs: expect.any(Number), startedAgoMs: expect.any(Number) });
    expect(staged).toEqual([{ key, lacking: [] }]);
    await panel.done(['key', 'activate', key, '--yes']);
  });

  test('[T4] nobody reports: the key moves, and that none was asked is said', async () => {
    const { panel, old, key } = await stagedProject();
    expect((await panel.done(['key', 'activate', key, '--yes'])).stderr).toContain('no live instance has reported itself in app: none was asked');
    // An instance that lacks it comes up all the same, and holds the old one.
    await report(panel, 'web', [old]);
    expect(await panel.run(['key', 'retire', old, '--yes'])).toMatchObject({ status: 1, stderr: expect.stringContaining(`1 of 1 live instance still encrypts with the key ${old}: web (generation 3, app)`) });
    panel.sql('DELETE FROM lockfast_instances');
    await panel.done(['key', 'retire', old, '--yes']);
  });

  test('[T4] a database that does not answer, or has no such table: refused with a way out, which needs a reason and is on record', async () => {
    const { panel, key } = await stagedProject();
    for (const command of [['key', 'activate', key, '--yes'], ['key', 'rotate', '--yes']]) {
      const { status, stderr, stdout } = await panel.run(command, UNREACHABLE);
      expect([status, stdout]).toEqual([1, '']);
      expect(stderr).toContain(`nobody can tell whether the running applications are ready for ${key}: the database postgres://app@127.0.0.1:1/app can not be reached`);
      expect(stderr).toContain('to do it all the same: --despite-instances --reason WHY');
    }
    panel.sql('DROP TABLE lockfast_instances');
    expect((await panel.run(['key', 'activate', key, '--yes'])).stderr).toContain('has no table lockfast_instances, or this role does not see it');
    expect(await panel.run(['key', 'activate', key, '--yes', '--despite-instances'])).toMatchObject({ status: 2, stderr: expect.stringContaining('it needs --reason TEXT') });
    expect((await panel.json<{ keys: { id: string; state: string }[] }>(['key', 'list'])).keys.at(-1)).toMatchObject({ id: key, state: 'staged' });
    const { stderr } = await panel.done(['key', 'activate', key, '--yes', '--despite-instances', '--reason', 'the database is down, and so are they'], UNREACHABLE);
    expect(stderr).toContain('it is done all the same');
    const entries = await ledgerEntries(panel.project);
    expect(entries.filter(({ operation }) => operation === 'key-instances-overruled')).toMatchObject([{ object: key, outcome: 'success', reason: 'the database is down, and so are they', details: { code: 'database-unavailable' } }]);
    expect(entries.find(({ operation, reason }) => operation === 'key-activate' && reason === 'the database is down, and so are they')).toMatchObject({ details: { despiteInstances: true } });
  });

  test('[T4] a rotation takes the staged key that all hold, and goes ahead without it only on purpose', async () => {
    const { panel, old, key } = await stagedProject();
    await report(panel, 'web', [old, key]);
    await panel.done(['key', 'rotate', '--yes']);
    expect((await openOperatorsRing(panel)).active().id).toBe(key);
    expect((await panel.run(['key', 'rotate', '--yes'])).stderr).toContain('1 live instance would not hold a key that is made and activated in one step: web (generation 2, app)');
    await panel.done(['key', 'rotate', '--yes', '--despite-instances', '--reason', 'compromised']);
    expect((await openOperatorsRing(panel)).active().id).not.toBe(key);
  });

  test.for([
    ["instance = 'x'"],
    ["host = 'two words'"],
    [`host = E'\\x1b[2J'`],
    ["ring = ''"],
    ["active = 'zzzzzz'"],
    ["held = ''"],
    ["held = held || ' nokey'"],
    ["environment = 'a b'"],
  ])('a row that no application writes is no row to rely on, nor to show: %s', async ([change]) => {
    const { panel, old, key } = await stagedProject();
    await report(panel, 'web', [old, key]);
    panel.sql(`UPDATE lockfast_instances SET ${change!}`);
    for (const command of [['column', 'instances'], ['key', 'activate', key, '--yes']]) {
      const { status, stdout, stderr } = await panel.run(command);
      expect([status, stdout]).toEqual([1, '']);
      expect(stderr).toContain('lockfast_instances has a row that no application reported in this form');
    }
  });

  test('a table in another schema is named with it; without the setting nobody is asked', async () => {
    const panel = await databases.project(`${ACCOUNTS_TABLE} CREATE SCHEMA app; ${TABLE.replace('lockfast_instances', 'app.instances')}`, ACCOUNTS.replace('"lockfast_instances"', '"app.instances"'));
    expect((await panel.done(['column', 'instances'])).stdout).toBe('HOST  INSTANCE  DATABASE  GENERATION  ENCRYPTS WITH  STATE  SEEN\n');
    const { id } = await panel.json<{ id: string }>(['key', 'create']);
    expect((await panel.done(['column', 'instances'])).stdout).toContain(`${id} is staged, and no instance is live; next: lockfast key activate ${id}`);
    panel.project.write('lockfast.toml', panel.project.text('lockfast.toml').replace('instances = "app.instances"\n', ''));
    await panel.done(['key', 'activate', id, '--yes'], UNREACHABLE);
    expect(await panel.run(['column', 'instances'])).toMatchObject({ status: 2, stderr: expect.stringContaining('no [databases.NAME] has instances') });
  });

  test('a name that is no database with instances is refused', async () => {
    const { panel } = await stagedProject();
    expect(await panel.run(['column', 'instances', '--database', 'nope'])).toMatchObject({ status: 2, stderr: expect.stringContaining('--database names no database with instances') });
  });
});
