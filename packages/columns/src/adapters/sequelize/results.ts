/** What a query gave, as the application wants it: instances with plain values, at any depth. */
import { protectedAttributes } from './protected-attributes.ts';
import { refuseMissingContext } from './refusals.ts';
import { contextAt } from './row-writes.ts';
import { isInstance, isModel, type SequelizeInstance, type SequelizeModel } from './sequelize-shapes.ts';

/** Rows that are no instances (`raw: true`) stay as they are. @throws LockfastError as `Column.decryptBatch` */
export function decryptResults(results: unknown): void {
  const found = new Map<SequelizeModel, Set<SequelizeInstance>>();
  collect(results, found);
  for (const [model, instances] of found) decryptInstances(model, [...instances]);
}

function collect(results: unknown, found: Map<SequelizeModel, Set<SequelizeInstance>>): void {
  if (Array.isArray(results)) for (const one of results) collect(one, found);
  else if (isInstance(results) && isModel(results.constructor)) {
    const known = found.get(results.constructor) ?? new Set();
    if (known.has(results)) return;
    found.set(results.constructor, known.add(results));
    for (const value of Object.values(results.dataValues)) if (Array.isArray(value) || isInstance(value)) collect(value, found);
  }
}

function decryptInstances(model: SequelizeModel, instances: readonly SequelizeInstance[]): void {
  for (const one of protectedAttributes(model)) {
    const held = instances.filter(({ dataValues }) => dataValues[one.attribute] !== undefined && dataValues[one.attribute] !== null);
    const attributes = new Map(one.context.map(({ field, attribute }) => [field, attribute]));
    const values = one.column.decryptBatch(
      held.map(({ dataValues }) => one.type.storedOf(dataValues[one.attribute])),
      held.map(({ dataValues }) => contextAt(one, (field) => dataValues[attributes.get(field)!], refuseMissingContext)),
    );
    held.forEach(({ dataValues, _previousDataValues: previous }, i) => {
      dataValues[one.attribute] = values[i];
      previous[one.attribute] = values[i];
    });
  }
}

/** What the database handed out for an instance that was written replaces the plain values: they are put back, or decrypted. */
export function restoreWritten(model: SequelizeModel, instance: SequelizeInstance, plain: Readonly<Record<string, unknown>>): void {
  for (const one of protectedAttributes(model)) {
    const { dataValues } = instance;
    const now = dataValues[one.attribute];
    if (now === plain[one.attribute] || now === undefined || now === null) continue;
    const attributes = new Map(one.context.map(({ field, attribute }) => [field, attribute]));
    dataValues[one.attribute] = one.column.decrypt(one.type.storedOf(now), contextAt(one, (field) => dataValues[attributes.get(field)!], refuseMissingContext));
  }
}

/** Rows as the database has them, at any depth of arrays, of a write that returns some. @throws LockfastError as `Column.decryptBatch` */
export function decryptReturnedRows(model: SequelizeModel, results: unknown): unknown {
  const rows: Record<string, unknown>[] = [];
  const copies = copied(results, rows);
  for (const one of protectedAttributes(model)) {
    const held = rows.filter((row) => row[one.field] !== undefined && row[one.field] !== null);
    const values = one.column.decryptBatch(
      held.map((row) => one.type.storedOf(row[one.field])),
      held.map((row) => contextAt(one, (field) => row[field], refuseMissingContext)),
    );
    held.forEach((row, i) => (row[one.field] = values[i]));
  }
  return copies;
}

/** @param rows gets the copy of each row */
function copied(results: unknown, rows: Record<string, unknown>[]): unknown {
  if (Array.isArray(results)) return results.map((one) => copied(one, rows));
  if (results === null || typeof results !== 'object') return results;
  const row: Record<string, unknown> = { ...results };
  rows.push(row);
  return row;
}
