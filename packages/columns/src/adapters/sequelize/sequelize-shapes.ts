/** What is used of Sequelize 6, by its shape: nothing of it is imported. `sequelize.test.ts` notices when one of these goes. */

export type Row = Readonly<Record<string, unknown>>;

interface ModelAttribute {
  /** Its name in the database. */
  readonly field?: string;
  readonly type: unknown;
  readonly defaultValue?: unknown;
  readonly primaryKey?: boolean;
  readonly unique?: unknown;
  readonly references?: unknown;
}

/** A class of Sequelize's `Model`. */
export interface SequelizeModel {
  readonly name: string;
  readonly rawAttributes: Readonly<Record<string, ModelAttribute>>;
  readonly associations: Readonly<Record<string, { readonly target: SequelizeModel }>>;
  readonly prototype: { validate(this: unknown, ...args: unknown[]): Promise<unknown>; save(this: unknown, ...args: unknown[]): Promise<unknown> };
  getTableName(): unknown;
  bulkCreate(this: unknown, ...args: unknown[]): Promise<unknown>;
}

export interface SequelizeInstance {
  readonly constructor: unknown;
  readonly dataValues: Record<string, unknown>;
  /** As they were read; Sequelize compares with them. */
  readonly _previousDataValues: Record<string, unknown>;
}

/** Options of queries, as far as they are looked at. */
export interface QueryOptions {
  readonly model?: SequelizeModel;
  readonly where?: unknown;
  readonly having?: unknown;
  readonly order?: unknown;
  readonly group?: unknown;
  readonly include?: unknown;
  readonly raw?: boolean;
  /** The one that the query is about. */
  readonly instance?: unknown;
  /** What an upsert changes, and which columns' conflict it is about, as the database names them. */
  readonly updateOnDuplicate?: readonly string[];
}

/** Whatever models write and read goes through these, with hooks and without. Rows are named as in the database. */
export interface QueryInterface {
  insert(instance: SequelizeInstance | null | undefined, table: unknown, values: Row, options?: QueryOptions, ...rest: unknown[]): Promise<unknown>;
  bulkInsert(table: unknown, records: readonly Row[], options?: QueryOptions, attributes?: unknown, ...rest: unknown[]): Promise<unknown>;
  upsert(table: unknown, inserted: Row, updated: Row, where: unknown, options: QueryOptions, ...rest: unknown[]): Promise<unknown>;
  update(instance: SequelizeInstance | null | undefined, table: unknown, values: Row, where: unknown, options?: QueryOptions, ...rest: unknown[]): Promise<unknown>;
  bulkUpdate(table: unknown, values: Row, where: unknown, options?: QueryOptions, attributes?: unknown, ...rest: unknown[]): Promise<unknown>;
  bulkDelete(table: unknown, where: unknown, options?: QueryOptions, model?: SequelizeModel, ...rest: unknown[]): Promise<unknown>;
  increment(model: SequelizeModel, table: unknown, where: unknown, amounts: Row, extra: Row, options?: QueryOptions, ...rest: unknown[]): Promise<unknown>;
  decrement(model: SequelizeModel, table: unknown, where: unknown, amounts: Row, extra: Row, options?: QueryOptions, ...rest: unknown[]): Promise<unknown>;
  select(model: SequelizeModel | null | undefined, table: unknown, options: QueryOptions, ...rest: unknown[]): Promise<unknown>;
  rawSelect(table: unknown, options: QueryOptions, selector: unknown, model?: SequelizeModel, ...rest: unknown[]): Promise<unknown>;
}

/** Of an instance of `Sequelize`, as a caller has it. */
export interface ProtectedSequelize {
  getQueryInterface(): object;
  addHook(name: 'afterDefine', hook: (model: never) => void): unknown;
  readonly models: object;
}

export function isModel(value: unknown): value is SequelizeModel {
  return typeof value === 'function' && 'rawAttributes' in value && 'associations' in value;
}

export function isInstance(value: unknown): value is SequelizeInstance {
  return value !== null && typeof value === 'object' && 'dataValues' in value && '_previousDataValues' in value && isModel(value.constructor);
}
