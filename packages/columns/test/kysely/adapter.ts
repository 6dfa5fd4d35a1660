import type { JsonValue } from '@lockfast/columns';
import { inJson, lockfastKysely } from '@lockfast/columns/kysely';
import { CamelCasePlugin, Kysely, type LogEvent } from 'kysely';

import type { AdapterUnderTest, ConnectionChanges, ContractColumns, ContractSession, DatabasePlace, NewConnection } from '../contract/harness.ts';
import { dialectFor } from './connect.ts';

interface Tables {
  readonly organizations: { readonly id: string; readonly name: string; readonly signingKey: string | null };
  readonly connections: {
    readonly id: number;
    readonly orgId: string;
    readonly label: string | null;
    readonly botToken: string | null;
    readonly certificate: Uint8Array | null;
    // As Kysely types a JSON column; it is a value of JSON and not a text.
    readonly settings: JsonValue;
    readonly recoveryCode: string | null;
  };
}

const lacks = { 'nested-writes': 'Kysely has none' };

export const KYSELY: AdapterUnderTest = {
  name: 'Kysely',
  databases: { postgres: lacks, mariadb: lacks, sqlite: lacks },
  open: (place, columns, log) => {
    const db = new Kysely<Tables>({ dialect: dialectFor(place), plugins: [new CamelCasePlugin(), lockfastKysely(registryFor(place, columns))], log: (event) => log(lineOf(event)) });
    return Promise.resolve({ ...sessionOn(db, place), close: async () => await db.destroy() });
  },
};

function registryFor({ kind }: DatabasePlace, { signingKey, botToken, certificate, settings, recoveryCode }: ContractColumns): Parameters<typeof lockfastKysely>[0] {
  return { organizations: { signing_key: signingKey }, connections: { bot_token: botToken, certificate, settings: kind === 'postgres' ? inJson(settings) : settings, recovery_code: recoveryCode } };
}

function lineOf({ query }: LogEvent): string {
  return `${query.sql} -- ${query.parameters.map(String).join(', ')} -- ${JSON.stringify(query.query)}`;
}

function sessionOn(db: Kysely<Tables>, place: DatabasePlace): ContractSession {
  const find: ContractSession['find'] = async (id) => (await db.selectFrom('connections').selectAll().where('id', '=', id).executeTakeFirst()) ?? null;
  return {
    insertOrganization: async (row) => void (await db.insertInto('organizations').values(row).execute()),
    insert: async (row) => {
      const insert = db.insertInto('connections').values(filled(row));
      // MySQL, whose dialect this is, has no RETURNING.
      if (place.kind !== 'mariadb') return await insert.returningAll().executeTakeFirstOrThrow();
      await insert.execute();
      return (await find(row.id))!;
    },
    insertMany: async (rows) => void (await db.insertInto('connections').values(rows.map(filled)).execute()),
    find,
    findMany: async (orgId) => await db.selectFrom('connections').selectAll().where('orgId', '=', orgId).orderBy('id').execute(),
    findToken: async (id) => (await db.selectFrom('connections').select('botToken').where('id', '=', id).executeTakeFirst()) ?? null,
    findOrganization: async (id) => {
      const rows = await db
        .selectFrom('organizations as o')
        .leftJoin('connections as c', 'c.orgId', 'o.id')
        .selectAll('c')
        .select(['o.id as organization', 'o.name', 'o.signingKey'])
        .where('o.id', '=', id)
        .execute();
      const [first] = rows;
      if (first === undefined) return null;
      const connections = rows.flatMap(({ organization: _organization, name: _name, signingKey: _signingKey, ...row }) => (row.id === null ? [] : [row as Tables['connections']]));
      return { id: first.organization, name: first.name, signingKey: first.signingKey, connections };
    },
    update: async ({ id, orgId }, changes) => void (await db.updateTable('connections').set(given(changes)).where('id', '=', id).where('orgId', '=', orgId).execute()),
    updateMany: async (orgId, changes) => void (await db.updateTable('connections').set(given(changes)).where('orgId', '=', orgId).execute()),
    upsert: async (row, changes) => {
      const insert = db.insertInto('connections').values(filled(row));
      await (place.kind === 'mariadb' ? insert.onDuplicateKeyUpdate(given(changes)) : insert.onConflict((on) => on.column('id').doUpdateSet(given(changes)))).execute();
    },
    delete: async (id) => void (await db.deleteFrom('connections').where('id', '=', id).execute()),
    findByToken: async (botToken) => await db.selectFrom('connections').selectAll().where('botToken', '=', botToken).execute(),
    orderByToken: async () => await db.selectFrom('connections').selectAll().orderBy('botToken').execute(),
    findWithoutToken: async () => await db.selectFrom('connections').selectAll().where('botToken', 'is', null).execute(),
    insertNested: () => Promise.reject(new Error('Kysely has no nested writes')),
    transaction: async (work) => await db.transaction().execute(async (inner) => await work(sessionOn(inner, place))),
  };
}

/** Kysely leaves out what is undefined, and its types don't know that of rows. */
function filled(row: NewConnection): Tables['connections'] {
  return { label: null, botToken: null, certificate: null, settings: null, recoveryCode: null, ...row };
}

function given(changes: ConnectionChanges): Partial<Tables['connections']> {
  return changes as Partial<Tables['connections']>;
}
