/** Which columns of an entity are encrypted, found in TypeORM's own metadata. */
import type { Column } from '../../index.ts';
import { ColumnTransformer, isBound } from './column-options.ts';
import { refuseDefinition } from './refusals.ts';
import type { TypeormColumn, TypeormEntity } from './typeorm-shapes.ts';

export interface ProtectedColumn {
  readonly metadata: TypeormColumn;
  readonly column: Column<unknown>;
  /** In the order of the definition. */
  readonly context: readonly TypeormColumn[];
}

/** @throws LockfastError `usage`: what can't be encrypted, or an entity that lacks a context column */
export function protectedColumns(entity: TypeormEntity): readonly ProtectedColumn[] {
  return entity.columns.flatMap((metadata) => {
    const column = encryptedColumnOf(entity, metadata);
    return column === undefined ? [] : [{ metadata, column, context: (column.definition.context ?? []).map((name) => contextColumn(entity, column, name)) }];
  });
}

/** Those that are bound to other columns of their row. */
export function boundColumns(entity: TypeormEntity): readonly ProtectedColumn[] {
  return protectedColumns(entity).filter(({ column }) => isBound(column));
}

function encryptedColumnOf(entity: TypeormEntity, metadata: TypeormColumn): Column<unknown> | undefined {
  const { transformer } = metadata;
  const place = `${entity.name}.${metadata.propertyPath}`;
  if (Array.isArray(transformer) && transformer.some((one) => one instanceof ColumnTransformer)) throw refuseDefinition(place, 'its encryption is one of several transformers', 'let it be the only one');
  if (!(transformer instanceof ColumnTransformer)) return undefined;
  const { uniques, indices, foreignKeys } = entity;
  const isIn = (sets: readonly { readonly columns: readonly TypeormColumn[] }[]): boolean => sets.some(({ columns }) => columns.includes(metadata));
  if (metadata.isPrimary || isIn(uniques) || isIn(indices.filter(({ isUnique }) => isUnique))) throw refuseDefinition(place, 'it is unique, and two encrypted values of the same text are never equal', 'drop the constraint, or keep a hash of the value in a column of its own');
  if (metadata.relationMetadata !== undefined || isIn(foreignKeys)) throw refuseDefinition(place, 'a relation is over it', 'let the relation be over another column');
  if (metadata.isArray) throw refuseDefinition(place, 'it is an array', "define the column as: 'json'");
  if (metadata.default !== undefined && metadata.default !== null) throw refuseDefinition(place, 'it has a default, which the database fills in as plaintext', 'drop the default, and give the value with each row');
  return transformer.column;
}

/** The definition names the columns of the database, as lockfast.toml does. */
function contextColumn(entity: TypeormEntity, column: Column<unknown>, name: string): TypeormColumn {
  const found = entity.columns.find(({ databaseName }) => databaseName === name);
  if (found === undefined || found.isVirtual) throw refuseDefinition(entity.name, `${column.id} is bound to ${name}, which is no column of the entity`, 'declare the column beside the relation that is over it, and name it as the database does');
  if (found.transformer !== undefined) throw refuseDefinition(entity.name, `${column.id} is bound to ${name}, which has a transformer`, 'bind it to columns that hold in the program what they hold in the database');
  return found;
}
