/** Which attributes of a model are encrypted, found in the model itself. */
import type { Column } from '../../index.ts';
import { EncryptedType } from './encrypted-type.ts';
import { refuseDefinition } from './refusals.ts';
import type { SequelizeModel } from './sequelize-shapes.ts';

interface ContextAttribute {
  readonly attribute: string;
  readonly field: string;
}

export interface ProtectedAttribute {
  readonly attribute: string;
  /** Its name in the database. */
  readonly field: string;
  readonly type: EncryptedType;
  readonly column: Column<unknown>;
  /** In the order of the definition. */
  readonly context: readonly ContextAttribute[];
}

/** Whether it may have any. */
export function hasEncryptedTypes(model: SequelizeModel): boolean {
  return Object.values(model.rawAttributes).some(({ type }) => type instanceof EncryptedType);
}

/** @throws LockfastError `usage`: what can't be encrypted, or a model that lacks a context column */
export function protectedAttributes(model: SequelizeModel): readonly ProtectedAttribute[] {
  return Object.entries(model.rawAttributes).flatMap(([attribute, { type, field = attribute, defaultValue, primaryKey, unique, references }]) => {
    if (!(type instanceof EncryptedType)) return [];
    const place = `${model.name}.${attribute}`;
    if (primaryKey === true || (unique !== undefined && unique !== false)) throw refuseDefinition(place, 'it is unique, and two encrypted values of the same text are never equal', 'drop the constraint, or keep a hash of the value in a column of its own');
    if (references !== undefined) throw refuseDefinition(place, 'an association is over it', 'let the association be over another attribute');
    if (defaultValue !== undefined && defaultValue !== null && typeof defaultValue !== 'function') throw refuseDefinition(place, 'its default would stand in the database as plaintext', 'make it a function, or give the value with each row');
    const { column } = type;
    return [{ attribute, field, type, column, context: (column.definition.context ?? []).map((name) => contextAttribute(model, column, name)) }];
  });
}

/** The definition names the columns of the database, as lockfast.toml does. */
function contextAttribute(model: SequelizeModel, column: Column<unknown>, name: string): ContextAttribute {
  const found = Object.entries(model.rawAttributes).find(([attribute, { field = attribute }]) => field === name);
  if (found === undefined) throw refuseDefinition(model.name, `${column.id} is bound to ${name}, which is no attribute of the model`, 'declare the attribute, and name the context column as the database does');
  return { attribute: found[0], field: name };
}
