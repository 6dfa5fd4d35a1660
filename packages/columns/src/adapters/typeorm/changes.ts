/** What an update by criteria sets, where columns are bound to others of their row. */
import { EncryptedValue } from '../encrypted-value.ts';
import { boundColumns } from './protected-columns.ts';
import { refuseUnknownContext } from './refusals.ts';
import { contextIn } from './row-context.ts';
import type { TypeormEntity } from './typeorm-shapes.ts';

/**
 * For `update` and the like: `repository.update({ id: 1, orgId: 'acme' }, encryptChanges(repository, { botToken }, { orgId: 'acme' }))`.
 * The criteria must name the same place: a row elsewhere would get a value that does not decrypt there.
 *
 * @param place the context columns as they are now, or the entity that was read; other members are not looked at
 * @returns for TypeORM alone: its encrypted members are no plain values
 * @throws LockfastError `invalid-context` where neither changes nor place say what a value is bound to; and as `Column.encrypt`
 */
export function encryptChanges<Changes extends object>(repository: { readonly metadata: unknown }, changes: Changes, place: object): Changes {
  return boundColumns(repository.metadata as TypeormEntity).reduce((encrypted: Changes, one) => {
    const value = one.metadata.getEntityValue(changes);
    if (value === undefined || value === null || value instanceof EncryptedValue) return encrypted;
    const stored = one.column.encrypt(value, contextIn(one, [changes, place], refuseUnknownContext));
    return withMember(encrypted, one.metadata.propertyPath.split('.'), new EncryptedValue(one.column, stored)) as Changes;
  }, changes);
}

/** A copy, as far down as it changes: a column may be within embedded objects. */
function withMember(members: object, [name, ...rest]: readonly string[], value: unknown): object {
  return { ...members, [name!]: rest.length === 0 ? value : withMember((members as Readonly<Record<string, object>>)[name!]!, rest, value) };
}
