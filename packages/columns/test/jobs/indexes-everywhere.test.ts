/** A blind index on each kind of database: the first build, a rotation among writers, a writer that forgot it. */
import { expect, test } from 'vitest';

import { blindIndex, column } from '@lockfast/columns';
import type { KeyRing } from '@lockfast/core/keyring';

import { buildIndex, censusIndex, type ColumnDatabase, type DeclaredColumn, type DeclaredIndex, type IndexBuild, type IndexReport, StoredValues, surveyIndex } from '../../src/jobs/index.ts';
import { onEachDatabase } from '../databases/each-database.ts';
import { heldRing } from '../held-ring.ts';
import { intervening } from './intervening.ts';
import { refusalOf } from './postgres/a-database.ts';

const SOURCE: DeclaredColumn = { id: 'tests.email', table: 't', column: 'secret', context: ['org'], format: 'lfv1', as: 'text', label: 'name' };
const ID = 'tests.email.index';
const INDEX: DeclaredIndex = { definition: { id: ID, column: SOURCE.id, normalise: 'case-and-width', context: ['org'] }, source: SOURCE, column: 'secret_index' };
const ROWS = 120;

async function build(database: ColumnDatabase, ring: KeyRing, what: Partial<IndexBuild> = {}): Promise<IndexReport> {
  return await buildIndex(database, INDEX, blindIndex(ring, INDEX.definition), new StoredValues(ring, SOURCE, []), { dryRun: false, batch: 50, fewValues: false, ...what });
}

onEachDatabase((under) => {
  test('[B14] [W5] built, rotated among writers, repaired', async () => {
    const scratch = under.aDatabase(`CREATE TABLE t (id int PRIMARY KEY, name varchar(40), org varchar(40), secret ${under.types.text}, secret_index varchar(60))`);
    const session = await scratch.session();
    const database = await scratch.open();
    const first = (await heldRing()).withNewIndexKey(ID);
    const staged = first.withNewIndexKey(ID);
    const active = staged.withIndexKeyActive(ID);
    const emails = column(first, { id: SOURCE.id, context: ['org'] });
    const org = (id: number): string => `org ${id % 3}`;
    for (let id = 1; id <= ROWS; id++) {
      const stored = id === ROWS ? null : emails.encrypt(`Customer${id}@Example.com`, { org: org(id) });
      await session.query('INSERT INTO t (id, name, org, secret) VALUES (?, ?, ?, ?)', [id, `row ${id}`, org(id), stored as string | null]);
    }
    const found = async (ring: KeyRing, id: number, email = `customer${id}@example.com`): Promise<number[]> => {
      const candidates = blindIndex(ring, INDEX.definition).candidates(email, { org: org(id) });
      const rows = await session.query(`SELECT id FROM t WHERE secret_index IN (${candidates.map(() => '?').join(', ')})`, candidates);
      return rows.map(([one]) => Number(one));
    };
    const write = async (ring: KeyRing, id: number, email: string): Promise<void> => {
      await session.query('UPDATE t SET secret = ?, secret_index = ? WHERE id = ?', [emails.encrypt(email, { org: org(id) }) as string, blindIndex(ring, INDEX.definition).of(email, { org: org(id) }), id]);
    };

    expect(await build(database, first, { dryRun: true })).toMatchObject({ missing: ROWS - 1, null: 1 });
    expect(await build(database, first)).toMatchObject({ changed: ROWS - 1, null: 1, remaining: 0, unreadable: { count: 0 } });
    expect(await found(first, 7)).toEqual([7]);

    const report = await build(
      intervening(database, {
        beforeWrite: async (n) => {
          if (n !== 1) return;
          await write(staged, 10, 'old@example.com');
          await write(active, 11, 'new@example.com');
          await session.query('UPDATE t SET secret = ? WHERE id = 12', [emails.encrypt('forgot@example.com', { org: org(12) }) as string]);
        },
        afterWrite: async () => {
          for (const ring of [staged, active]) expect(await found(ring, 7)).toEqual([7]);
        },
      }),
      active,
    );
    expect(report).toMatchObject({ conflicts: 3, remaining: 0 });
    expect(await found(active, 10, 'OLD@example.com')).toEqual([10]);
    expect(await found(active, 11, 'new@example.com')).toEqual([11]);
    expect(await found(active, 12, 'forgot@example.com')).toEqual([12]);
    expect(await found(active, 12)).toEqual([]);
    expect(await censusIndex(database, INDEX, active)).toEqual({ id: ID, rows: ROWS, null: 1, keys: { [active.indexKeys[1]!.id]: ROWS - 1 }, unknown: 0 });

    await session.query("UPDATE t SET secret_index = NULL WHERE id = 3");
    await session.query('UPDATE t SET secret = NULL WHERE id = 4');
    const survey = async (): Promise<unknown> => await surveyIndex(database, INDEX, blindIndex(active, INDEX.definition), new StoredValues(active, SOURCE, []), {});
    expect(await survey()).toMatchObject({ missing: 1, stale: 1, first: [{ key: ['3'], label: 'row 3' }, { key: ['4'], label: 'row 4' }] });
    expect(await build(database, active)).toMatchObject({ changed: 2, missing: 1, stale: 1 });
    expect(await survey()).toMatchObject({ missing: 0, stale: 0, null: 2, unreadable: {} });
  });

  test('[B14] a column that holds something else is never written over', async () => {
    const scratch = under.aDatabase(`CREATE TABLE t (id int PRIMARY KEY, name varchar(40), org varchar(40), secret ${under.types.text}, secret_index varchar(200))`);
    const session = await scratch.session();
    const database = await scratch.open();
    const ring = (await heldRing()).withNewIndexKey(ID);
    const emails = column(ring, { id: SOURCE.id, context: ['org'] });
    const rows = async (): Promise<unknown> => await session.query('SELECT secret_index FROM t ORDER BY id');
    for (let id = 1; id <= 3; id++) await session.query('INSERT INTO t VALUES (?, ?, ?, ?, ?)', [id, 'row', 'acme', emails.encrypt(`c${id}@example.com`, { org: 'acme' }) as string, `+49 30 ${id}`]);
    const before = await rows();
    expect(await refusalOf(build(database, ring))).toMatchObject({ code: 'config-invalid', message: expect.stringContaining('t.secret_index holds values') });
    expect(await refusalOf(build(database, ring, { dryRun: true }))).toMatchObject({ code: 'config-invalid' });
    expect(await rows()).toEqual(before);
    // One stray value among indexes is a mistake to repair.
    await session.query("UPDATE t SET secret_index = 'lfi1.zzzzzz.AAAA' WHERE id = 1");
    expect(await build(database, ring)).toMatchObject({ changed: 3, stale: 3, remaining: 0 });
  });
});
