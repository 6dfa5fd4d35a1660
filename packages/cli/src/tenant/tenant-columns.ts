/** The rows that tenants have in the declared columns. */
import { surveyTenant, type TenantRows, tenantsOfColumn } from '@lockfast/columns/jobs';
import { LockfastError } from '@lockfast/core/errors';
import type { KeyRing } from '@lockfast/core/keyring';

import { declaredIndexes } from '../column/blind-index/declared-indexes.ts';
import { ColumnAccess } from '../column/column-access.ts';
import { type ConfiguredColumn, declaredColumns } from '../column/declared.ts';
import type { Session } from '../session.ts';
import type { Workspace } from '../workspace.ts';

/** One column, as the end of a tenant's key finds it. */
export interface ColumnOfTenant {
  readonly column: ConfiguredColumn;
  /** The ids of its blind indexes. */
  readonly indexes: readonly string[];
  /** Undefined where it was not counted: its database was not reached, or it does not say whose a row is. */
  readonly rows?: TenantRows;
  readonly error?: LockfastError;
}

export function columnsWithOwnKeys({ configuration }: Workspace): ConfiguredColumn[] {
  return declaredColumns(configuration).filter(({ tenantKey }) => tenantKey === 'own');
}

/** How many rows each tenant has in the columns that are under tenants' own keys. @throws LockfastError as `ColumnAccess.database` */
export async function tenantsInColumns(workspace: Workspace, ring: KeyRing, session: Session): Promise<Map<string, number>> {
  await using access = new ColumnAccess(workspace, ring, session);
  const all = new Map<string, number>();
  for (const column of columnsWithOwnKeys(workspace)) {
    const found = await tenantsOfColumn(await access.database(column), column, await access.values(column));
    for (const [tenant, rows] of found) all.set(tenant, (all.get(tenant) ?? 0) + rows);
  }
  return all;
}

/** Each declared column, with the rows of one tenant. A database that is not reached is said, and no reason to end. */
export async function columnsOfTenant(workspace: Workspace, ring: KeyRing, tenant: string, session: Session): Promise<ColumnOfTenant[]> {
  await using access = new ColumnAccess(workspace, ring, session);
  const all: ColumnOfTenant[] = [];
  const declared = declaredIndexes(workspace.configuration);
  for (const column of declaredColumns(workspace.configuration)) {
    const indexes = declared.filter(({ source }) => source.id === column.id).map(({ id }) => id);
    if (column.tenant === undefined) all.push({ column, indexes });
    else {
      try {
        all.push({ column, indexes, rows: await surveyTenant(await access.database(column), column, await access.values(column), tenant) });
      } catch (error) {
        if (!(error instanceof LockfastError)) throw error;
        all.push({ column, indexes, error });
      }
    }
  }
  return all;
}

/** Rows that nobody can read once the tenant's key is gone, or since it is; undefined where they were not counted. */
export function coveredRows({ rows }: ColumnOfTenant): number | undefined {
  return rows === undefined ? undefined : rows.own + rows.shredded;
}

/** Whether the end of the tenant's key is about values of this column. */
export function isCovered(one: ColumnOfTenant): boolean {
  return one.column.tenantKey === 'own' || (coveredRows(one) ?? 0) > 0;
}

/** What a blind index of a covered column still tells of the tenant's values: it is under no key of a tenant. */
export function whatIndexTells({ column }: ColumnOfTenant): string {
  return `a blind index of ${column.id}: it tells equal values, and whoever has its key tests guesses; here until \`lockfast column index build\`, in copies of the database for good`;
}

/** Why values of the tenant in this column stay readable; undefined where none do. */
export function whatStays({ column, rows }: ColumnOfTenant): string | undefined {
  if (rows === undefined) {
    if (column.tenantKey === 'own') return 'rows not counted: those that were not under its key yet stay readable';
    return column.format === 'fernet' ? 'Fernet, rows not counted' : 'shared key, rows not counted';
  }
  const parts = [
    ...(rows.shared > 0 ? [`${rows.shared} under the shared key`] : []),
    ...(rows.fernet > 0 ? [`${rows.fernet} as Fernet`] : []),
    ...(rows.plaintext > 0 ? [`${rows.plaintext} plaintext`] : []),
    ...(rows.unreadable > 0 ? [`${rows.unreadable} not readable as they are`] : []),
  ];
  return parts.length === 0 ? undefined : parts.join(', ');
}
