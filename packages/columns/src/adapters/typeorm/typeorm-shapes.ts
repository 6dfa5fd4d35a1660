/** What is used of TypeORM 1, by its shape: nothing of it is imported. `typeorm.test.ts` notices when one of these goes. */

/** Of `ColumnMetadata`. */
export interface TypeormColumn {
  readonly propertyPath: string;
  readonly databaseName: string;
  readonly type: unknown;
  readonly transformer?: unknown;
  readonly default?: unknown;
  readonly isPrimary: boolean;
  readonly isArray: boolean;
  readonly isVirtual: boolean;
  readonly relationMetadata?: TypeormRelation | undefined;
  /** @param transform whether the value goes through the transformer, as for a comparison */
  getEntityValue(entity: object, transform?: boolean): unknown;
  setEntityValue(entity: object, value: unknown): void;
}

interface TypeormRelation {
  readonly propertyPath: string;
  readonly inverseEntityMetadata: TypeormEntity;
  getEntityValue(entity: object): unknown;
}

/** Of `EntityMetadata`. */
export interface TypeormEntity {
  readonly name: string;
  readonly tableName: string;
  readonly columns: readonly TypeormColumn[];
  readonly uniques: readonly { readonly columns: readonly TypeormColumn[] }[];
  readonly indices: readonly { readonly isUnique: boolean; readonly columns: readonly TypeormColumn[] }[];
  readonly foreignKeys: readonly { readonly columns: readonly TypeormColumn[] }[];
  findColumnWithPropertyPath(path: string): TypeormColumn | undefined;
  findRelationWithPropertyPath(path: string): TypeormRelation | undefined;
}

/** Of the builders of queries, which are all made from one that the data source makes. */
export interface TypeormBuilder {
  readonly expressionMap: {
    readonly mainAlias?: { readonly hasMetadata: boolean; readonly metadata: TypeormEntity; readonly tablePath?: string } | undefined;
    /** What is inserted or set. */
    readonly valuesSet?: object | readonly object[] | undefined;
    readonly insertColumns: readonly string[];
    readonly insertFromSelect?: unknown;
    readonly onUpdate?: { readonly overwrite?: readonly string[]; readonly columns?: readonly string[]; readonly conflict?: string | readonly string[] } | undefined;
  };
  setFindOptions?(options: FindOptions): unknown;
  insert?(...args: unknown[]): TypeormBuilder;
  update?(...args: unknown[]): TypeormBuilder;
  relation?(...args: unknown[]): TypeormBuilder;
  createQueryBuilder(...args: unknown[]): TypeormBuilder;
  clone(): TypeormBuilder;
  execute?(): Promise<unknown>;
}

export interface FindOptions {
  readonly where?: unknown;
  readonly order?: unknown;
}

interface TypeormRunner {
  query(sql: string, parameters?: unknown, ...rest: unknown[]): Promise<unknown>;
  stream(sql: string, parameters?: unknown, ...rest: unknown[]): Promise<unknown>;
}

/** Of `DataSource`. */
export interface TypeormDataSource {
  readonly isInitialized: boolean;
  readonly entityMetadatas: readonly unknown[];
  readonly subscribers: unknown[];
  readonly driver: object;
  readonly createQueryBuilder: unknown;
}

/** The same, as this adapter works with it: its own types are wider than what a caller's data source shows. */
export interface OpenDataSource {
  readonly entityMetadatas: readonly TypeormEntity[];
  readonly subscribers: unknown[];
  readonly driver: {
    readonly options: { readonly type: string };
    preparePersistentValue(value: unknown, column: TypeormColumn): unknown;
    createQueryRunner(...args: unknown[]): TypeormRunner;
    /** Of a row that a write returned, named as in the database: the members of the entity. */
    createGeneratedMap(entity: TypeormEntity, ...rest: unknown[]): object | undefined;
  };
  createQueryBuilder(...args: unknown[]): TypeormBuilder;
}

/** Of the event of a subscriber. */
export interface UpdateEvent {
  readonly metadata: TypeormEntity;
  readonly entity?: object | undefined;
  /** As it was read before; only where an entity is saved. */
  readonly databaseEntity?: object | undefined;
}

const FIND_OPERATORS: readonly unknown[] = [Symbol.for('FindOperator'), Symbol.for('EqualOperator')];

/** `IsNull()`, `Not(...)` and the like. */
export function findOperatorOf(value: unknown): { readonly type: string; readonly child?: unknown } | undefined {
  if (value === null || typeof value !== 'object' || !('@instanceof' in value) || !FIND_OPERATORS.includes(value['@instanceof'])) return undefined;
  return value as unknown as { readonly type: string; readonly child?: unknown };
}
