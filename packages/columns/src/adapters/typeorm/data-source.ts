/** Protects one data source of TypeORM. */
import { LockfastError } from '@lockfast/core/errors';

import { EncryptedValue } from '../encrypted-value.ts';
import { checkChanges, checkInsert } from './context-changes.ts';
import { boundByEntity, LoadedEntities, SavedEntities } from './entity-subscribers.ts';
import { checkFindOptions } from './filters.ts';
import { PlainValue } from './plain-value.ts';
import { type ProtectedColumn, protectedColumns } from './protected-columns.ts';
import { refuseMissingContext, refusePlain, refuseTable } from './refusals.ts';
import { contextIn, contextValue } from './row-context.ts';
import { RowWrites } from './row-writes.ts';
import type { FindOptions, OpenDataSource, TypeormBuilder, TypeormDataSource, TypeormEntity } from './typeorm-shapes.ts';

/** Databases where whatever unique key is hit, the row that has it is changed. */
const ANY_KEY = ['mysql', 'mariadb', 'aurora-mysql'];

/**
 * Call it once, after `initialize()`: from then on entities take and give plain values. Before it, and in a data source that
 * is not protected, encrypted columns store nothing at all.
 *
 * @throws LockfastError `usage` for columns that can't be encrypted, and where it was called before
 */
export function protectDataSource(dataSource: TypeormDataSource): void {
  if (!dataSource.isInitialized) throw new LockfastError('usage', 'typeorm: the data source is not initialized', 'call protectDataSource after `await dataSource.initialize()`');
  const source = dataSource as unknown as OpenDataSource;
  if (source.subscribers.some((one) => one instanceof LoadedEntities)) throw new LockfastError('usage', 'typeorm: the data source is protected already', 'call protectDataSource once');
  const columns = source.entityMetadatas.flatMap((entity) => protectedColumns(entity));
  const writes = new RowWrites(columns);
  const bound = boundByEntity(source.entityMetadatas);
  source.subscribers.unshift(new LoadedEntities(bound));
  source.subscribers.push(new SavedEntities(bound, writes));
  encryptWrites(source, writes);
  decryptReturned(source);
  refusePlainParameters(source);
  checkBuilders(source, tablesOf(source.entityMetadatas));
}

function encryptWrites({ driver }: OpenDataSource, writes: RowWrites): void {
  const prepare = driver.preparePersistentValue.bind(driver);
  driver.preparePersistentValue = (value, column) => prepare(writes.stored(value, column), column);
}

/** What a write returns goes into entities past transformers and subscribers. */
function decryptReturned({ driver, entityMetadatas }: OpenDataSource): void {
  const columns = new Map(entityMetadatas.map((entity) => [entity, protectedColumns(entity)]));
  const create = driver.createGeneratedMap.bind(driver);
  driver.createGeneratedMap = (entity, ...rest) => {
    const map = create(entity, ...rest);
    if (map !== undefined) for (const one of columns.get(entity) ?? []) openReturned(one, map);
    return map;
  };
}

/** Without its place, a bound value stays encrypted. */
function openReturned(one: ProtectedColumn, map: object): void {
  const stored = one.metadata.getEntityValue(map);
  if (stored === undefined || stored === null) return;
  const opened = one.transformer.from(stored);
  const isPlaced = one.context.every((context) => contextValue(context, map) !== undefined);
  one.metadata.setEntityValue(map, opened instanceof EncryptedValue && isPlaced ? one.column.decrypt((opened as EncryptedValue<unknown>).stored, contextIn(one, [map], refuseMissingContext)) : opened);
}

/** What no other check saw: a condition that was built in a way of its own. */
function refusePlainParameters({ driver }: OpenDataSource): void {
  const create = driver.createQueryRunner.bind(driver);
  const known = new WeakSet();
  driver.createQueryRunner = (...args) => {
    const runner = create(...args);
    // SQLite has one for all.
    if (known.has(runner)) return runner;
    known.add(runner);
    const query = runner.query.bind(runner);
    const stream = runner.stream.bind(runner);
    runner.query = async (sql, parameters, ...rest) => {
      refusePlainIn(parameters);
      return await query(sql, parameters, ...rest);
    };
    runner.stream = async (sql, parameters, ...rest) => {
      refusePlainIn(parameters);
      return await stream(sql, parameters, ...rest);
    };
    return runner;
  };
}

function refusePlainIn(parameters: unknown): void {
  const plain = (Array.isArray(parameters) ? parameters : []).flat().find((one) => one instanceof PlainValue);
  if (plain !== undefined) throw refusePlain(plain.column);
}

/** Every builder comes from one that the data source makes. */
function checkBuilders(source: OpenDataSource, tables: ReadonlyMap<string, ProtectedColumn>): void {
  const reliable = !ANY_KEY.includes(source.driver.options.type);
  const create = source.createQueryBuilder.bind(source);
  source.createQueryBuilder = (...args) => watched(create(...args));

  function watched(builder: TypeormBuilder): TypeormBuilder {
    const createQueryBuilder = builder.createQueryBuilder.bind(builder);
    const setFindOptions = builder.setFindOptions?.bind(builder);
    const insert = builder.insert?.bind(builder);
    const update = builder.update?.bind(builder);
    const relation = builder.relation?.bind(builder);
    alsoItsClones(builder, watched);
    builder.createQueryBuilder = (...args) => watched(createQueryBuilder(...args));
    if (insert !== undefined) builder.insert = (...args) => checkedInsert(insert(...args));
    if (update !== undefined) builder.update = (...args) => checkedUpdate(update(...args));
    if (relation !== undefined) builder.relation = (...args) => watched(relation(...args));
    if (setFindOptions !== undefined) {
      builder.setFindOptions = (options: FindOptions) => {
        const { mainAlias } = builder.expressionMap;
        if (mainAlias?.hasMetadata === true) checkFindOptions(mainAlias.metadata, options);
        return setFindOptions(options);
      };
    }
    return builder;
  }

  /** A clone is made anew, without what was done to the builder. */
  function alsoItsClones(builder: TypeormBuilder, protect: (clone: TypeormBuilder) => TypeormBuilder): void {
    const clone = builder.clone.bind(builder);
    builder.clone = () => protect(clone());
  }

  function checkedInsert(builder: TypeormBuilder): TypeormBuilder {
    alsoItsClones(builder, checkedInsert);
    return beforeExecute(builder, (entity) => checkInsert(entity, builder.expressionMap, reliable));
  }

  function checkedUpdate(builder: TypeormBuilder): TypeormBuilder {
    alsoItsClones(builder, checkedUpdate);
    return beforeExecute(builder, (entity) => checkChanges(entity, builder.expressionMap.valuesSet ?? {}));
  }

  function beforeExecute(builder: TypeormBuilder, check: (entity: TypeormEntity) => void): TypeormBuilder {
    const execute = builder.execute!.bind(builder);
    builder.execute = async () => {
      const { mainAlias } = builder.expressionMap;
      if (mainAlias?.hasMetadata === true) check(mainAlias.metadata);
      else refuseProtectedTable(mainAlias?.tablePath, tables);
      return await execute();
    };
    return builder;
  }
}

/** By the name of the table, TypeORM writes what it is given. */
function refuseProtectedTable(path: string | undefined, tables: ReadonlyMap<string, ProtectedColumn>): void {
  const name = path?.split('.').at(-1)?.replaceAll(/["`]/g, '');
  const found = name === undefined ? undefined : tables.get(name);
  if (found !== undefined) throw refuseTable(name!, found.column);
}

function tablesOf(entities: readonly TypeormEntity[]): ReadonlyMap<string, ProtectedColumn> {
  return new Map(entities.flatMap((entity) => protectedColumns(entity).map((one) => [entity.tableName, one] as const)));
}
