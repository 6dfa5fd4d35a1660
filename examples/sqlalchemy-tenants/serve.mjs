// The same table, served by Drizzle in TypeScript: whatever format its rows are in, since the columns are `migrating`.
// `serve.mjs read` says what it reads; `serve.mjs write ID` gives a tenant another key.
import { column } from '@lockfast/columns';
import { columnType } from '@lockfast/columns/drizzle';
import { openKeyRing, readFernetKeys } from '@lockfast/keys';
import { eq } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { customType, pgTable, text } from 'drizzle-orm/pg-core';
import pg from 'pg';

const around = { environment: process.env, home: process.env.HOME, directory: process.cwd() };
const ring = await openKeyRing({ path: '.lockfast/keyring.json', sources: [process.env.KEY_SOURCE] }, around);
const fernetKeys = await readFernetKeys(['ring:', 'env:ENCRYPTION_KEY'], ring, around, () => {});
const encrypted = (id) => customType(columnType(column(ring, { id, migrating: true, fernetKeys })));
const tenants = pgTable('tenants', {
  tenantId: text('tenant_id').primaryKey(),
  geminiApiKey: encrypted('tenants.gemini_api_key')('gemini_api_key'),
  slackToken: encrypted('tenants.slack_token')('slack_token'),
});

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
const db = drizzle(pool);
const [what, id] = process.argv.slice(2);
if (what === 'write') await db.update(tenants).set({ geminiApiKey: 'gemini-key-of-drizzle' }).where(eq(tenants.tenantId, id));
const rows = await db.select().from(tenants).orderBy(tenants.tenantId);
const wrong = rows.filter(({ tenantId, geminiApiKey, slackToken }) => {
  const number = Number(tenantId.slice('tenant-'.length));
  const expected = number % 10 === 3 ? null : number === 7 ? '' : `gemini-key-of-${tenantId.slice('tenant-'.length)}`;
  return slackToken !== `xoxb-${number}` || (geminiApiKey !== expected && geminiApiKey !== 'gemini-key-of-drizzle');
});
process.stdout.write(`Drizzle read ${rows.length} tenants, ${wrong.length} of them wrong\n`);
process.exitCode = wrong.length === 0 ? 0 : 1;
await pool.end();
