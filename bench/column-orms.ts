/** The ORMs whose adapters are measured: each on a table of text and on one that is encrypted, bound to `org_id`. */
import { type Column, column } from '@lockfast/columns';
import { lockfastKysely } from '@lockfast/columns/kysely';
import { EncryptedHydrator, encryptedType, EncryptionSubscriber } from '@lockfast/columns/mikro-orm';
import { encryptedColumn, protectDataSource } from '@lockfast/columns/typeorm';
import { EntitySchema } from '@mikro-orm/core';
import { MikroORM } from '@mikro-orm/postgresql';
import { Kysely, PostgresDialect } from 'kysely';
import { Pool } from 'pg';
import { DataSource, EntitySchema as TypeormSchema } from 'typeorm';

import { newRing } from './ring.ts';

export interface Row {
  id: number;
  orgId: number;
  token: string;
}

/** One table through one ORM, as an application uses it. */
export interface Table {
  insert(rows: readonly Row[]): Promise<unknown>;
  select(id: number): Promise<unknown>;
  /** All rows. */
  selectAll(): Promise<unknown>;
}

export interface OpenTables {
  readonly plain: Table;
  readonly encrypted: Table;
  close(): Promise<void>;
}

/** Opened on a database with the tables `plain` and `encrypted`: id, org_id and token. */
export const ORMS: Readonly<Record<string, (url: string) => Promise<OpenTables>>> = { Kysely: kysely, MikroORM: mikroOrm, TypeORM: typeorm };

async function token(): Promise<Column<string>> {
  return column(await newRing(), { id: 'bench.token', context: ['org_id'] });
}

async function kysely(url: string): Promise<OpenTables> {
  interface Tables {
    plain: { id: number; org_id: number; token: string };
    encrypted: { id: number; org_id: number; token: string };
  }
  const dialect = new PostgresDialect({ pool: new Pool({ connectionString: url, max: 1 }) });
  const bare = new Kysely<Tables>({ dialect });
  const table = (db: Kysely<Tables>, name: keyof Tables): Table => ({
    insert: async (rows) => await db.insertInto(name).values(rows.map((row) => ({ id: row.id, org_id: row.orgId, token: row.token }))).execute(),
    select: async (id) => await db.selectFrom(name).selectAll().where('id', '=', id).executeTakeFirst(),
    selectAll: async () => await db.selectFrom(name).selectAll().execute(),
  });
  return { plain: table(bare, 'plain'), encrypted: table(bare.withPlugin(lockfastKysely({ encrypted: { token: await token() } })), 'encrypted'), close: async () => await bare.destroy() };
}

async function mikroOrm(url: string): Promise<OpenTables> {
  const place = { clientUrl: url, pool: { min: 1, max: 1 } };
  const schemaOf = (name: string, type: object): EntitySchema<Row> =>
    new EntitySchema<Row>({ name, tableName: name, properties: { id: { type: 'number', primary: true, autoincrement: false }, orgId: { type: 'number', fieldName: 'org_id' }, token: type as { type: 'string' } } });
  const table = (orm: MikroORM, schema: EntitySchema<Row>): Table => ({
    insert: async (rows) => {
      const em = orm.em.fork();
      for (const row of rows) em.create(schema, row);
      await em.flush();
    },
    select: async (id) => await orm.em.fork().findOne(schema, { id }),
    selectAll: async () => await orm.em.fork().find(schema, {}),
  });
  const plain = schemaOf('plain', { type: 'string' });
  const encrypted = schemaOf('encrypted', { type: encryptedType(await token()) });
  const bare = await MikroORM.init({ ...place, entities: [plain] });
  const ours = await MikroORM.init({ ...place, entities: [encrypted], hydrator: EncryptedHydrator, subscribers: [new EncryptionSubscriber()] });
  return {
    plain: table(bare, plain),
    encrypted: table(ours, encrypted),
    close: async () => {
      await bare.close();
      await ours.close();
    },
  };
}

async function typeorm(url: string): Promise<OpenTables> {
  const schemaOf = (name: string, options: object): TypeormSchema<Row> =>
    new TypeormSchema<Row>({ name, tableName: name, columns: { id: { type: Number, primary: true }, orgId: { type: Number, name: 'org_id' }, token: { type: 'text', ...options } } });
  const open = async (schema: TypeormSchema<Row>): Promise<DataSource> => await new DataSource({ type: 'postgres', url, entities: [schema], poolSize: 1 }).initialize();
  const table = (source: DataSource, schema: TypeormSchema<Row>): Table => {
    const repository = source.getRepository(schema);
    return {
      insert: async (rows) => await repository.insert([...rows]),
      select: async (id) => await repository.findOneBy({ id }),
      selectAll: async () => await repository.find(),
    };
  };
  const plain = schemaOf('plain', {});
  const encrypted = schemaOf('encrypted', encryptedColumn(await token(), 'text'));
  const [bare, ours] = [await open(plain), await open(encrypted)];
  protectDataSource(ours);
  return {
    plain: table(bare, plain),
    encrypted: table(ours, encrypted),
    close: async () => {
      await bare.destroy();
      await ours.destroy();
    },
  };
}
