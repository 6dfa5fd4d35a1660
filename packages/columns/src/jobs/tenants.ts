/** Whose the rows of a column are, where it says so. */
import { contextText } from '@lockfast/core/formats';

import type { ColumnDatabase } from './database.ts';
import type { DeclaredColumn } from './declared-column.ts';
import { isShredded } from './standing.ts';
import type { StoredValues } from './stored-values.ts';
import { walkColumn } from './walk.ts';

/** Rows of one tenant in one column, by what the destruction of the tenant's key would do to them. */
export interface TenantRows {
  /** Under the tenant's own key: unreadable once it is destroyed. */
  own: number;
  /** Under the shared key: they stay readable. */
  shared: number;
  /** Fernet tokens: they stay readable. */
  fernet: number;
  plaintext: number;
  null: number;
  /** Their tenant's key was destroyed before. */
  shredded: number;
  /** They open under nothing that is here. */
  unreadable: number;
}

/**
 * Rows that have a value, by tenant. Nothing is decrypted. The map grows with the number of tenants.
 *
 * @throws LockfastError as `ColumnDatabase.table`; what the signal was aborted with
 */
export async function tenantsOfColumn(database: ColumnDatabase, declared: DeclaredColumn, values: StoredValues, signal?: AbortSignal): Promise<Map<string, number>> {
  const tenants = new Map<string, number>();
  for await (const rows of walkColumn(database, declared, await database.table(declared), signal)) {
    for (const row of rows) {
      const tenant = row.value === null ? undefined : values.tenantOf(row);
      if (tenant !== undefined) tenants.set(tenant, (tenants.get(tenant) ?? 0) + 1);
    }
  }
  return tenants;
}

/** The rows of one tenant, each by decrypting it. @throws LockfastError as {@link tenantsOfColumn} */
export async function surveyTenant(database: ColumnDatabase, declared: DeclaredColumn, values: StoredValues, tenant: string, signal?: AbortSignal): Promise<TenantRows> {
  const found: TenantRows = { own: 0, shared: 0, fernet: 0, plaintext: 0, null: 0, shredded: 0, unreadable: 0 };
  const table = await database.table(declared);
  const name = contextText(tenant);
  for await (const rows of walkColumn(database, declared, table, signal)) {
    const mine = rows.filter((row) => values.tenantOf(row) === name);
    for (const standing of mine.length === 0 ? [] : values.classify(mine, table.storage)) {
      if (standing.kind === 'encrypted') found[standing.format === 'fernet' ? 'fernet' : (standing.tenantKey ?? 'shared')]++;
      else found[isShredded(standing) ? 'shredded' : standing.kind]++;
    }
  }
  return found;
}
