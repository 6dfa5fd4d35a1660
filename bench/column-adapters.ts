/**
 * What the adapters cost an application: the same calls of the same ORM on a table of text and on one whose column is
 * encrypted, on the same PostgreSQL. Without fsync, which would hide all else.
 */
import { missingForPostgres, startPostgres } from '@lockfast/testkit';

import { ORMS, type OpenTables, type Row as TableRow, type Table } from './column-orms.ts';
import { columnsDrizzle } from './columns-drizzle.ts';
import { columnsPrisma } from './columns-prisma.ts';
import { interleave, type Step } from './interleave.ts';
import { LOCKFAST, type Row, rowOf } from './table.ts';

const UNRECORDED = 3;
const MANY = 500;
const TOKEN = 'xoxb-000000000000-000000000000-XXXXXXXXXXXXXXXXXXXXXXXX';

/** How often each runs in a round, and how many rows it is about. Ids go up with every row. */
const JOBS: Readonly<Record<string, { readonly times: number; readonly rows: number; readonly call: (table: Table, id: number) => Promise<unknown> }>> = {
  'insert a row': { times: 50, rows: 1, call: async (table, id) => await table.insert(rowsFrom(id, 1)) },
  [`insert ${MANY} rows, for each`]: { times: 3, rows: MANY, call: async (table, id) => await table.insert(rowsFrom(id, MANY)) },
  'select a row': { times: 50, rows: 1, call: async (table) => await table.select(1) },
  [`select ${MANY} rows, for each`]: { times: 3, rows: MANY, call: async (table) => await table.selectAll() },
};

/** All six: Prisma and Drizzle have calls of their own that are worth a row. */
export async function columnAdapters(rounds: number): Promise<Row[]> {
  if (missingForPostgres() !== undefined) return [];
  const rows = [...(await columnsPrisma(rounds)), ...(await columnsDrizzle(rounds))];
  for (const [name, open] of Object.entries(ORMS)) rows.push(...(await measured(name, open, rounds)));
  return rows;
}

async function measured(orm: string, open: (url: string) => Promise<OpenTables>, rounds: number): Promise<Row[]> {
  const server = await startPostgres('fast');
  const empty = 'TRUNCATE plain, encrypted';
  try {
    for (const name of ['plain', 'encrypted']) server.sql('postgres', `CREATE TABLE ${name} (id integer PRIMARY KEY, org_id integer, token text)`);
    const tables = await open(server.url('postgres', 'postgres'));
    let id = MANY;
    const contenders = [[LOCKFAST, tables.encrypted], ['bare', tables.plain]] as const;
    // A select is of the first rows, whatever was inserted before it.
    const filled = async (table: Table): Promise<void> => {
      server.sql('postgres', empty);
      await table.insert(rowsFrom(0, MANY));
    };
    const steps = Object.entries(JOBS).flatMap(([job, { times, rows, call }]) =>
      contenders.map(([who, table]): Step => async (record) => {
        await filled(table);
        const start = process.hrtime.bigint();
        for (let i = 0; i < times; i++) await call(table, (id += rows));
        record(`${orm}, ${job}`, who, Number(process.hrtime.bigint() - start) / 1000 / times / rows);
      }),
    );
    const samples = await interleave(steps, rounds, UNRECORDED);
    await tables.close();
    return Object.keys(JOBS).map((job) => rowOf({ name: `${orm}, ${job}`, unit: 'µs', contenders: ['bare'] }, samples));
  } finally {
    await server.stop();
  }
}

function rowsFrom(id: number, count: number): TableRow[] {
  return Array.from({ length: count }, (_, i) => ({ id: id + i, orgId: (id + i) % 7, token: TOKEN }));
}
