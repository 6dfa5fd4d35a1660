import { describe, expect, test } from 'vitest';

import type { ColumnTable, RowChange, StoredRow } from '../../../src/jobs/database.ts';
import { aDatabase, everyRow, expectRefusal, missing, withServer } from './a-database.ts';

withServer();

async function rowsOf(table: ColumnTable): Promise<readonly StoredRow[]> {
  return await everyRow(table, 100);
}

/** Every value with `!` behind it. */
async function marked(table: ColumnTable): Promise<readonly RowChange[]> {
  return (await rowsOf(table)).filter(({ value }) => value !== null).map((row) => ({ row, value: Buffer.isBuffer(row.value) ? Buffer.concat([row.value, Buffer.from('!')]) : `${row.value}!` }));
}

describe.skipIf(missing !== undefined)(`writing a batch to PostgreSQL${missing === undefined ? '' : ` (${missing})`}`, () => {
  const TENANTS = `CREATE TABLE t (id bigint PRIMARY KEY, org text, secret text, other int DEFAULT 0);
    INSERT INTO t SELECT n, 'org' || n, CASE WHEN n <> 3 THEN 'secret ' || n END FROM generate_series(1, 5) n`;

  test('[W3] every value that is still what was read is replaced, in one statement', async () => {
    const scratch = aDatabase(TENANTS);
    const table = await scratch.table({ context: ['org'] });
    expect(await table.write(await marked(table), undefined)).toEqual([true, true, true, true]);
    expect(scratch.sql('SELECT id, secret FROM t ORDER BY id')).toBe('1|secret 1!\n2|secret 2!\n3|\n4|secret 4!\n5|secret 5!');
  });

  test('a value or a context that the application changed meanwhile stays, and so does a row that is gone', async () => {
    const scratch = aDatabase(TENANTS);
    const table = await scratch.table({ context: ['org'] });
    const changes = await marked(table);
    scratch.sql("UPDATE t SET secret = 'fresh' WHERE id = 1; UPDATE t SET org = 'moved' WHERE id = 2; DELETE FROM t WHERE id = 4; UPDATE t SET other = 7 WHERE id = 5");
    expect(await table.write(changes, undefined)).toEqual([false, false, false, true]);
    expect(scratch.sql('SELECT id, org, secret, other FROM t ORDER BY id')).toBe('1|org1|fresh|0\n2|moved|secret 2|0\n3|org3||0\n5|org5|secret 5!|7');
  });

  test('[W5] the checkpoint is kept with the batch, or not at all', async () => {
    const scratch = aDatabase(`${TENANTS}; ALTER TABLE t ADD CHECK (secret <> 'secret 5!')`);
    const table = await scratch.table({});
    const changes = await marked(table);
    const checkpoint = { job: 'encrypt lfv1', pass: 1, after: ['2'], counts: { rows: 2 } };
    expect(await table.checkpoint()).toBeUndefined();
    await table.write(changes.slice(0, 2), checkpoint);
    expect(await table.checkpoint()).toEqual(checkpoint);
    await expectRefusal(table.write(changes.slice(2), { ...checkpoint, pass: 2 }), 'database-refused', /constraint does not let the value in \(.*constraint t_secret_check\)/, /constraint/);
    expect(await table.checkpoint()).toEqual(checkpoint);
    expect(scratch.sql("SELECT count(*) FROM t WHERE secret LIKE '%!'")).toBe('2');
    await table.forgetCheckpoint();
    expect(await table.checkpoint()).toBeUndefined();
  });
});
