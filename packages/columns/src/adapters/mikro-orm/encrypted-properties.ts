/** Which properties of an entity are encrypted, and what their values are bound to. */
import { LockfastError } from '@lockfast/core/errors';
import type { EntityMetadata } from '@mikro-orm/core';

import type { ColumnContext } from '../../index.ts';
import { EncryptedType } from './encrypted-type.ts';
import { hideWhenPrinted } from './printed-entities.ts';

interface ContextProperty {
  /** As the definition of the column names it. */
  readonly name: string;
  /** The entity's member: a value, or a relation to one row. */
  readonly property: string;
  /** Of a relation, the key of the other entity. */
  readonly key: string | undefined;
}

export interface EncryptedProperty {
  readonly property: string;
  readonly type: EncryptedType<unknown>;
  readonly context: readonly ContextProperty[];
}

/** What is known of each entity, as long as MikroORM knows it. */
export class EncryptedProperties {
  readonly #known = new WeakMap<object, readonly EncryptedProperty[]>();

  /** @throws LockfastError `usage` for a context column that is no property */
  of(meta: EntityMetadata): readonly EncryptedProperty[] {
    const known = this.#known.get(meta);
    if (known !== undefined) return known;
    const found = meta.props.flatMap((prop): EncryptedProperty[] =>
      prop.customType instanceof EncryptedType ? [{ property: prop.name, type: prop.customType, context: prop.customType.context.map((name) => contextProperty(meta, prop.customType as EncryptedType<unknown>, name)) }] : [],
    );
    if (found.length > 0) hideWhenPrinted(meta);
    this.#known.set(meta, found);
    return found;
  }
}

/**
 * The context of a value.
 *
 * @param valueOf what the row has in a property: a value, the key of a relation, or its row
 * @throws LockfastError `invalid-context` where the row lacks it
 */
export function contextIn({ type, context }: EncryptedProperty, valueOf: (property: string) => unknown, hint: (property: string) => string): ColumnContext | undefined {
  if (context.length === 0) return undefined;
  const values = context.map(({ name, property, key }) => {
    const value = keyIn(valueOf(property), key);
    if (value === undefined || value === null) throw new LockfastError('invalid-context', `${type.column.id}: the row has no ${property}, which its values are bound to`, hint(property));
    return [name, value] as const;
  });
  // What it may hold is the context's to check.
  return Object.fromEntries(values) as ColumnContext;
}

/** A relation is a key, its row in a populated result, or a promise of a key that the database has made by now. */
function keyIn(value: unknown, key: string | undefined): unknown {
  if (key === undefined || typeof value !== 'object' || value === null) return value;
  if ('getValue' in value && typeof value.getValue === 'function') return (value as { getValue(): unknown }).getValue();
  if (Array.isArray(value)) return value.length === 1 ? value[0] : undefined;
  return (value as Readonly<Record<string, unknown>>)[key];
}

function contextProperty(meta: EntityMetadata, { column }: EncryptedType<unknown>, name: string): ContextProperty {
  // lockfast.toml names the columns of the database, for jobs: the same names count here.
  const prop = meta.props.find(({ fieldNames }) => fieldNames?.length === 1 && fieldNames[0] === name);
  if (prop === undefined) throw new LockfastError('usage', `${column.id}: ${meta.className} has no property on the column ${name}, which its values are bound to`, 'name the context columns as the database does');
  if (prop.customType instanceof EncryptedType) throw new LockfastError('usage', `${column.id}: ${name}, which its values are bound to, is encrypted itself`, 'bind it to columns that are not encrypted');
  return { name, property: prop.name, key: prop.targetMeta?.primaryKeys[0] };
}
