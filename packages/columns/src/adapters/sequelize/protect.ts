/** Protects one instance of Sequelize. */
import { LockfastError } from '@lockfast/core/errors';

import { withoutValues } from './errors.ts';
import { checkQuery, checkWhere, equalitiesOf } from './filters.ts';
import { hasEncryptedTypes, protectedAttributes } from './protected-attributes.ts';
import { refuseArithmetic, refuseTable } from './refusals.ts';
import { decryptResults, decryptReturnedRows, restoreWritten } from './results.ts';
import { changesOfInstance, checkOverwritten, encryptChanges, encryptRows } from './row-writes.ts';
import { isInstance, isModel, type ProtectedSequelize, type QueryInterface, type Row, type SequelizeInstance, type SequelizeModel } from './sequelize-shapes.ts';

const PROTECTED: unique symbol = Symbol('lockfast protected');

/**
 * From here on models take and give plain values, with hooks and without. Models may be defined before and after it. Encrypted
 * attributes of an instance of Sequelize that is not protected store nothing at all.
 *
 * @throws LockfastError `usage` for attributes that can't be encrypted, and where it was called before
 */
export function protectSequelize(sequelize: ProtectedSequelize): void {
  const queries = sequelize.getQueryInterface() as QueryInterface & { [PROTECTED]?: true };
  if (queries[PROTECTED] === true) throw new LockfastError('usage', 'sequelize: it is protected already', 'call protectSequelize once');
  queries[PROTECTED] = true;
  const models = (): readonly SequelizeModel[] => Object.values(sequelize.models).filter(isModel);
  for (const model of models()) {
    protectedAttributes(model);
    protectModel(model);
  }
  // What can't be encrypted in a later one is found at its first use: Sequelize does not wait for what a hook throws.
  sequelize.addHook('afterDefine', (model: SequelizeModel) => protectModel(model));
  encryptWrites(queries, models);
  decryptReads(queries, models);
}

/** Its errors carry instances, and values. */
function protectModel(model: SequelizeModel): void {
  if (!hasEncryptedTypes(model)) return;
  const { prototype } = model;
  // Sequelize's own, which all models share: ours gets one of its own. A scope extends the model.
  // oxlint-disable-next-line typescript/unbound-method -- called with the instance
  const { validate, save } = prototype;
  // oxlint-disable-next-line typescript/unbound-method -- called with the model
  const { bulkCreate } = model;
  prototype.validate = async function (...args) {
    return await guarded([model], async () => await validate.apply(this, args));
  };
  prototype.save = async function (...args) {
    return await guarded([model], async () => await save.apply(this, args));
  };
  model.bulkCreate = async function (...args) {
    return await guarded([model], async () => await bulkCreate.apply(this, args));
  };
}

function encryptWrites(queries: QueryInterface, models: () => readonly SequelizeModel[]): void {
  const before = bound(queries);

  queries.insert = async (instance, table, values, options, ...rest) => {
    const model = modelOfInstance(instance);
    if (model === undefined) refuseProtectedTable(table, models());
    if (model === undefined || !isInstance(instance)) return await before.insert(instance, table, values, options, ...rest);
    return await written(model, instance, async () => await before.insert(instance, table, encryptRows(model, [values])[0]!, options, ...rest));
  };

  queries.bulkInsert = async (table, records, options, attributes, ...rest) => {
    const model = options?.model;
    if (model === undefined || attributes === undefined) refuseProtectedTable(table, models());
    if (model === undefined) return await before.bulkInsert(table, records, options, attributes, ...rest);
    if (options?.updateOnDuplicate !== undefined) checkOverwritten(model, options.updateOnDuplicate);
    const results = await guarded([model], async () => await before.bulkInsert(table, encryptRows(model, records), options, attributes, ...rest));
    return Array.isArray(results) ? results.map((row: unknown, i) => decryptReturned(model, row, records[i] ?? {})) : results;
  };

  queries.upsert = async (table, inserted, updated, where, options, ...rest) => {
    const { model } = options;
    if (model === undefined) return refuseProtectedTable(table, models()) ?? (await before.upsert(table, inserted, updated, where, options, ...rest));
    checkOverwritten(model, Object.keys(updated));
    const results = await guarded([model], async () => {
      const [row] = encryptRows(model, [inserted]);
      const changes = Object.fromEntries(Object.keys(updated).map((field) => [field, row![field] ?? updated[field]]));
      return await before.upsert(table, row!, changes, where, options, ...rest);
    });
    return restoreUpserted(model, results, inserted);
  };

  queries.update = async (instance, table, values, where, options, ...rest) => {
    const model = modelOfInstance(instance);
    if (model === undefined) refuseProtectedTable(table, models());
    if (model === undefined || !isInstance(instance)) return await before.update(instance, table, values, where, options, ...rest);
    return await written(model, instance, async () => await before.update(instance, table, changesOfInstance(model, instance, values), where, options, ...rest));
  };

  queries.bulkUpdate = async (table, values, where, options, attributes, ...rest) => {
    const model = options?.model;
    if (model === undefined || attributes === undefined) refuseProtectedTable(table, models());
    if (model === undefined) return await before.bulkUpdate(table, values, where, options, attributes, ...rest);
    checkWhere(model, where);
    const place = equalitiesOf(where);
    const results = await guarded([model], async () => await before.bulkUpdate(table, encryptChanges(model, values, (field) => place.get(field)), where, options, attributes, ...rest));
    decryptResults(results);
    return results;
  };

  // PostgreSQL hands out the whole row, asked or not.
  const arithmetic = (way: 'increment' | 'decrement'): QueryInterface['increment'] => async (model, table, where, amounts, extra, options, ...rest) => {
    checkArithmetic(model, where, { ...amounts, ...extra });
    const write = async (): Promise<unknown> => await before[way](model, table, where, amounts, extra, options, ...rest);
    const instance = options?.instance;
    return isInstance(instance) ? await written(model, instance, write) : decryptReturnedRows(model, await guarded([model], write));
  };
  queries.increment = arithmetic('increment');
  queries.decrement = arithmetic('decrement');
}

function decryptReads(queries: QueryInterface, models: () => readonly SequelizeModel[]): void {
  const before = bound(queries);

  queries.select = async (model, table, options, ...rest) => {
    if (isModel(model)) checkQuery(model, options);
    const results = await guarded(models(), async () => await before.select(model, table, options, ...rest));
    decryptResults(results);
    return results;
  };

  queries.rawSelect = async (table, options, selector, model, ...rest) => {
    if (isModel(model)) checkQuery(model, options);
    return await before.rawSelect(table, options, selector, model, ...rest);
  };

  queries.bulkDelete = async (table, where, options, model, ...rest) => {
    if (isModel(model)) checkWhere(model, where);
    return await before.bulkDelete(table, where, options, model, ...rest);
  };
}

/** Its methods, to be called after they were replaced. */
function bound(queries: QueryInterface): QueryInterface {
  const names = ['insert', 'bulkInsert', 'upsert', 'update', 'bulkUpdate', 'bulkDelete', 'increment', 'decrement', 'select', 'rawSelect'] as const;
  return Object.fromEntries(names.map((name) => [name, (queries[name] as (...args: unknown[]) => unknown).bind(queries)])) as unknown as QueryInterface;
}

async function guarded<T>(models: readonly SequelizeModel[], action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw withoutValues(error, models);
  }
}

async function written(model: SequelizeModel, instance: SequelizeInstance, write: () => Promise<unknown>): Promise<unknown> {
  const plain = Object.fromEntries(protectedAttributes(model).map(({ attribute }) => [attribute, instance.dataValues[attribute]]));
  const results = await guarded([model], write);
  restoreWritten(model, instance, plain);
  return results;
}

/** A row that an INSERT returned, named as in the database. */
function decryptReturned(model: SequelizeModel, row: unknown, given: Row): unknown {
  if (row === null || typeof row !== 'object') return row;
  const returned: Record<string, unknown> = { ...row };
  for (const { attribute, field } of protectedAttributes(model)) {
    for (const name of [attribute, field]) if (returned[name] !== undefined && returned[name] !== null) returned[name] = given[field];
  }
  return returned;
}

function restoreUpserted(model: SequelizeModel, results: unknown, inserted: Row): unknown {
  const [instance] = Array.isArray(results) ? (results as unknown[]) : [];
  if (!isInstance(instance)) return results;
  const plain = Object.fromEntries(protectedAttributes(model).map(({ attribute, field }) => [attribute, inserted[field]]));
  restoreWritten(model, instance, plain);
  return results;
}

function checkArithmetic(model: SequelizeModel, where: unknown, changed: Row): void {
  checkWhere(model, where);
  const found = protectedAttributes(model).find(({ field, context }) => [field, ...context.map((one) => one.field)].some((name) => name in changed));
  if (found !== undefined) throw refuseArithmetic(found.column);
}

function modelOfInstance(instance: SequelizeInstance | null | undefined): SequelizeModel | undefined {
  return instance !== null && instance !== undefined && isModel(instance.constructor) ? instance.constructor : undefined;
}

/** Without the model Sequelize does not know what is encrypted. */
function refuseProtectedTable(table: unknown, models: readonly SequelizeModel[]): undefined {
  const name = tableName(table);
  const [found] = models.filter((model) => tableName(model.getTableName()) === name).flatMap(protectedAttributes);
  if (found !== undefined) throw refuseTable(found.column);
}

function tableName(table: unknown): string {
  return typeof table === 'object' && table !== null && 'tableName' in table ? String(table.tableName) : String(table);
}
