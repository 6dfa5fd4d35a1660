/** `where`, `order` and the like: over an encrypted attribute they would find nothing, or the wrong rows, and are refused. */
import { protectedAttributes } from './protected-attributes.ts';
import { refuseFilter } from './refusals.ts';
import { isModel, type QueryOptions, type SequelizeModel } from './sequelize-shapes.ts';

/** `Op.is` and the like, which Sequelize registers by these names. */
const NULL_CHECKS: readonly symbol[] = ['eq', 'ne', 'is', 'not'].map((name) => Symbol.for(name));
const EQUALITY: readonly symbol[] = [Symbol.for('eq'), Symbol.for('is')];

/** @throws LockfastError `usage` */
export function checkQuery(model: SequelizeModel, options: QueryOptions): void {
  checkWhere(model, options.where);
  checkWhere(model, options.having);
  checkNames(model, options.order, 'ordered by');
  checkNames(model, options.group, 'grouped by');
  for (const include of [options.include].flat()) {
    if (include !== null && typeof include === 'object' && 'model' in include && isModel(include.model)) checkQuery(include.model, { ...(include as QueryOptions), model: include.model });
  }
}

/** @throws LockfastError `usage` */
export function checkWhere(model: SequelizeModel, where: unknown): void {
  if (Array.isArray(where)) for (const part of where) checkWhere(model, part);
  else if (isColumnCall(where)) {
    if (!isNullCheck(where.logic)) checkName(model, where.attribute.col, 'looked for');
  } else if (isMembers(where)) {
    for (const key of Reflect.ownKeys(where)) {
      const value = where[key];
      if (typeof key === 'symbol') checkWhere(model, value);
      else if (!isNullCheck(value)) checkName(model, key, 'looked for');
    }
  }
}

/** What a condition demands to be equal, by the names of the database. */
export function equalitiesOf(where: unknown): ReadonlyMap<string, unknown> {
  const found = new Map<string, unknown>();
  const collect = (part: unknown): void => {
    if (Array.isArray(part)) for (const one of part) collect(one);
    else if (isMembers(part)) {
      for (const key of Reflect.ownKeys(part)) {
        const value = part[key];
        if (key === Symbol.for('and')) collect(value);
        else if (typeof key === 'string' && isScalar(value)) found.set(key, value);
        else if (typeof key === 'string' && isMembers(value)) for (const operator of EQUALITY) if (isScalar(value[operator])) found.set(key, value[operator]);
      }
    }
  };
  collect(where);
  return found;
}

/** `'botToken'`, `['botToken', 'DESC']`, `[Connection, 'botToken', 'DESC']`, `col('bot_token')`. */
function checkNames(model: SequelizeModel, names: unknown, how: string): void {
  for (const item of Array.isArray(names) ? names : [names]) {
    let at = model;
    for (const part of Array.isArray(item) ? item : [item]) {
      const next = modelOf(at, part);
      if (next !== undefined) at = next;
      else if (typeof part === 'string') checkName(at, part, how);
      else if (isMembers(part) && typeof part['col'] === 'string') checkName(at, part['col'], how);
    }
  }
}

function modelOf(at: SequelizeModel, part: unknown): SequelizeModel | undefined {
  if (isModel(part)) return part;
  if (typeof part === 'string') return at.associations[part]?.target;
  if (!isMembers(part)) return undefined;
  return [part['model'], part['target']].find(isModel);
}

/** A name of an attribute or of a column, also behind those of associations: `$connections.botToken$`, and before what is sought inside of it: `settings.url`, `botToken::text`. */
function checkName(model: SequelizeModel, name: string, how: string): void {
  let at = model;
  for (const part of name.replaceAll(/^\$|\$$/g, '').split('.')) {
    const [member] = part.split('::');
    const found = protectedAttributes(at).find(({ attribute, field }) => attribute === member || field === member);
    if (found !== undefined) throw refuseFilter(found.column, how);
    at = at.associations[part]?.target ?? at;
  }
}

function isNullCheck(value: unknown): boolean {
  if (value === null) return true;
  if (!isMembers(value)) return false;
  const keys = Reflect.ownKeys(value);
  return keys.length > 0 && keys.every((key) => typeof key === 'symbol' && NULL_CHECKS.includes(key) && value[key] === null);
}

/** `where(col('bot_token'), 'x')`. */
function isColumnCall(value: unknown): value is { readonly attribute: { readonly col: string }; readonly logic: unknown } {
  return isMembers(value) && isMembers(value['attribute']) && typeof value['attribute']['col'] === 'string' && 'logic' in value;
}

function isMembers(value: unknown): value is Readonly<Record<string | symbol, unknown>> {
  return value !== null && typeof value === 'object' && !ArrayBuffer.isView(value);
}

function isScalar(value: unknown): boolean {
  return ['string', 'number', 'bigint'].includes(typeof value);
}
