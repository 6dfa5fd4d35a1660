/**
 * What Lockfast's column types cost an application with Drizzle: the same statements on the same PostgreSQL, on a table
 * whose column is text and on one where it is encrypted. Without fsync, which would hide all else.
 */
import { column } from '@lockfast/columns';
import { boundColumnType, type BoundValuesOf, columnType, decryptRows, encryptRows, type ValuesOf } from '@lockfast/columns/drizzle';
import { missingForPostgres, startPostgres } from '@lockfast/testkit';
import { eq } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { customType, integer, pgTable, text } from 'drizzle-orm/pg-core';
import { Pool } from 'pg';

import { interleave, type Step } from './interleave.ts';
import { newRing } from './ring.ts';
import { LOCKFAST, type Row, rowOf } from './table.ts';

const UNRECORDED = 3;
const MANY = 500;
const TOKEN = 'xoxb-000000000000-000000000000-XXXXXXXXXXXXXXXXXXXXXXXX';
const ROWS = Array.from({ length: MANY }, (_, id) => ({ id, orgId: id % 7, token: TOKEN }));

/** How often each runs in a round, and how many rows it is about. */
const JOBS = {
  insert: { times: 100, rows: 1 },
  'insert many': { times: 4, rows: MANY },
  select: { times: 100, rows: 1 },
  'select many': { times: 4, rows: MANY },
} as const;
type JobName = keyof typeof JOBS;
type Actions = Readonly<Record<JobName, () => Promise<unknown>>>;

export async function columnsDrizzle(rounds: number): Promise<Row[]> {
  if (missingForPostgres() !== undefined) return [];
  const server = await startPostgres('fast');
  const pool = new Pool({ connectionString: server.url('postgres', 'postgres'), max: 1 });
  try {
    for (const name of ['plain', 'encrypted', 'bound']) await pool.query(`CREATE TABLE ${name} (id integer, org_id integer, token text)`);
    const { plain, encrypted, bound } = await actions(pool);
    // First or last in a round: both begin the next one with the same tables.
    const emptied: Step = async () => {
      await pool.query('TRUNCATE plain, encrypted, bound');
      for (const one of [plain, encrypted, bound]) await one['insert many']();
    };
    const kinds = { 'a column': encrypted, 'a bound column': bound };
    const names = Object.keys(JOBS) as JobName[];
    const steps = Object.entries(kinds).flatMap(([kind, ours]) =>
      names.flatMap((name) => [step(kind, name, LOCKFAST, ours[name]), step(kind, name, 'bare', plain[name])]),
    );
    const samples = await interleave([emptied, ...steps], rounds, UNRECORDED);
    return Object.keys(kinds).flatMap((kind) => names.map((name) => rowOf({ name: title(kind, name), unit: 'µs', contenders: ['bare'] }, samples)));
  } finally {
    await pool.end();
    await server.stop();
  }
}

async function actions(pool: Pool): Promise<Readonly<Record<'plain' | 'encrypted' | 'bound', Actions>>> {
  const ring = await newRing();
  const free = column(ring, { id: 'bench.free' });
  const held = column(ring, { id: 'bench.held', context: ['org_id'] });
  const place = { id: integer('id').notNull(), orgId: integer('org_id').notNull() };
  const plain = pgTable('plain', { ...place, token: text('token') });
  const encrypted = pgTable('encrypted', { ...place, token: customType<ValuesOf<typeof free>>(columnType(free))('token') });
  const bound = pgTable('bound', { ...place, token: customType<BoundValuesOf<typeof held>>(boundColumnType(held))('token') });
  const db = drizzle(pool);
  const [, one] = ROWS;
  return {
    plain: {
      insert: async () => await db.insert(plain).values(one!),
      'insert many': async () => await db.insert(plain).values(ROWS),
      select: async () => await db.select().from(plain).where(eq(plain.id, 1)).limit(1),
      'select many': async () => await db.select().from(plain).limit(MANY),
    },
    encrypted: {
      insert: async () => await db.insert(encrypted).values(one!),
      'insert many': async () => await db.insert(encrypted).values(ROWS),
      select: async () => await db.select().from(encrypted).where(eq(encrypted.id, 1)).limit(1),
      'select many': async () => await db.select().from(encrypted).limit(MANY),
    },
    bound: {
      insert: async () => await db.insert(bound).values(encryptRows(bound, [one!])),
      'insert many': async () => await db.insert(bound).values(encryptRows(bound, ROWS)),
      select: async () => decryptRows(bound, await db.select().from(bound).where(eq(bound.id, 1)).limit(1)),
      'select many': async () => decryptRows(bound, await db.select().from(bound).limit(MANY)),
    },
  };
}

/** Microseconds for each row. */
function step(kind: string, name: JobName, who: string, action: () => Promise<unknown>): Step {
  const { times, rows } = JOBS[name];
  return async (record) => {
    const start = process.hrtime.bigint();
    for (let i = 0; i < times; i++) await action();
    record(title(kind, name), who, Number(process.hrtime.bigint() - start) / 1000 / times / rows);
  };
}

function title(kind: string, name: JobName): string {
  const { rows } = JOBS[name];
  return `Drizzle, ${kind}, ${rows === 1 ? `${name} a row` : `${name.replace(' many', '')} ${rows} rows, for each`}`;
}
