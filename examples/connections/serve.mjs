// One instance of the application, on Prisma or on TypeORM: `serve.mjs prisma|typeorm`. It adds, renews and reads connections
// until it gets SIGTERM, then says what it did. A token says whose it is, so that a wrong one would be seen.
import { setTimeout as sleep } from 'node:timers/promises';

import { reportInstance } from '@lockfast/columns/instances';
import pg from 'pg';

import { integrationColumns, productionRing } from './integrations.mjs';

const [orm] = process.argv.slice(2);
const ring = await productionRing();
const { openStore } = await import(`./${orm}-store.mjs`);
const store = await openStore(process.env.DATABASE_URL, integrationColumns(ring));
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 1 });
const report = await reportInstance(ring, { database: 'postgres', query: (sql, values) => pool.query(sql, [...values]), host: orm }, (error) => process.stdout.write(`${orm}: ${error.message}\n`));

const done = { writes: 0, reads: 0, errors: 0 };
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
process.stdout.write(`${orm}: serves\n`);
for (let number = 0; !stop.signal.aborted; number++) {
  const id = `${orm}-${String(number).padStart(6, '0')}`;
  const orgId = `org-${number % 3}`;
  try {
    await store.addSlack({ id, orgId, botToken: `xoxb-${orgId}-${id}` });
    await store.addConfluence({ id, orgId, accessToken: `atl-${orgId}-${id}` });
    await store.renewSlack({ id, orgId, botToken: `xoxb-${orgId}-${id}` });
    done.writes += 3;
    // Also what the other application wrote, with the other ORM.
    for (const row of await store.slack()) count(row.botToken === `xoxb-${row.orgId}-${row.id}`);
    for (const row of await store.confluence()) count(row.accessToken === `atl-${row.orgId}-${row.id}`);
  } catch (error) {
    done.errors += 1;
    process.stdout.write(`${orm}: ${error.code ?? ''} ${error.message}\n`);
  }
  await sleep(20);
}
await report.close();
ring.close();
await store.close();
await pool.end();
process.stdout.write(`${orm}: ${done.writes} writes, ${done.reads} reads, ${done.errors} errors\n`);

function count(right) {
  if (right) done.reads += 1;
  else done.errors += 1;
}
