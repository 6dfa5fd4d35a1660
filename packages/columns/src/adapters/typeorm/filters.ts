/** `where` and `order`: over an encrypted column they would find nothing, or the wrong rows, and are refused. */
import { ColumnTransformer } from './column-options.ts';
import { refuseFilter } from './refusals.ts';
import { findOperatorOf, type FindOptions, type TypeormEntity } from './typeorm-shapes.ts';

/** @throws LockfastError `usage` */
export function checkFindOptions(entity: TypeormEntity, options: FindOptions | undefined): void {
  for (const where of [options?.where].flat()) {
    walk(entity, where, '', (column, value) => {
      if (!isNullCheck(value)) throw refuseFilter(column, 'looked for');
    });
  }
  walk(entity, options?.order, '', (column, value) => {
    if (value !== undefined) throw refuseFilter(column, 'ordered by');
  });
}

/** Every member that is an encrypted column, also those of relations. */
function walk(entity: TypeormEntity, members: unknown, prefix: string, found: (column: ColumnTransformer['column'], value: unknown) => void): void {
  if (members === null || typeof members !== 'object' || findOperatorOf(members) !== undefined) return;
  for (const [name, value] of Object.entries(members)) {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    const column = entity.findColumnWithPropertyPath(path);
    const relation = entity.findRelationWithPropertyPath(path);
    if (column?.transformer instanceof ColumnTransformer) found(column.transformer.column, value);
    else if (relation !== undefined) for (const one of [value].flat()) walk(relation.inverseEntityMetadata, one, '', found);
    else if (column === undefined) walk(entity, value, path, found);
  }
}

function isNullCheck(value: unknown): boolean {
  if (value === null || value === undefined) return true;
  const operator = findOperatorOf(value);
  return operator !== undefined && (operator.type === 'isNull' || (operator.type === 'not' && operator.child !== undefined && isNullCheck(operator.child)));
}
