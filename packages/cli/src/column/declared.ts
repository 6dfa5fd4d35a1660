/** The columns that the configuration declares: whether the entries fit together, and what they leave out. */
import { LockfastError } from '@lockfast/core/errors';
import type { TenantKey } from '@lockfast/columns';
import type { DeclaredColumn } from '@lockfast/columns/jobs';

import type { ColumnSettings, Configuration } from '../configuration.ts';

/** One `[[columns]]`, checked. */
export interface ConfiguredColumn extends DeclaredColumn {
  /** The NAME of its `[databases.NAME]`. */
  readonly database: string;
  /** How reports name it. */
  readonly title: string;
  /** URIs of its Fernet keys; the first one encrypts where the format is Fernet. The key ring's own, where none are named. */
  readonly fernetKeys: readonly string[];
  readonly tenantKey: TenantKey;
}

export const RING_FERNET_KEYS = 'ring:';

/** @throws LockfastError `config-invalid` */
export function declaredColumns({ file, databases, columns }: Pick<Configuration, 'file' | 'databases' | 'columns'>): ConfiguredColumn[] {
  const ids = new Set<string>();
  for (const column of columns) {
    const problem = ofOne(column, databases) ?? (ids.has(column.id) ? ['is declared twice', 'values are bound to the id: give each column its own'] : undefined);
    if (problem !== undefined) throw invalid(file, column.id, problem);
    ids.add(column.id);
  }
  for (const [i, column] of columns.entries()) {
    const other = columns.slice(0, i).find((one) => isSamePlace(one, column));
    if (other !== undefined) throw invalid(file, column.id, [`lies in the same place as ${other.id}`, 'a value has one id: remove one of the two, or correct its table, column or path']);
  }
  return columns.map(completed);
}

/** The columns of the same database, the column itself among them: a value may have been moved from any of them. */
export function siblings({ database }: ConfiguredColumn, configuration: Pick<Configuration, 'file' | 'databases' | 'columns'>): ConfiguredColumn[] {
  return declaredColumns(configuration).filter((one) => one.database === database);
}

type Problem = readonly [what: string, hint: string];

function ofOne({ database, table, column, key, context, label, format, tenant, 'tenant-key': tenantKey }: ColumnSettings, databases: Configuration['databases']): Problem | undefined {
  if (!Object.hasOwn(databases, database)) {
    const names = Object.keys(databases).filter((name) => /^[A-Za-z0-9_-]{1,40}$/.test(name));
    return ['names a database that is not declared', names.length === 0 ? 'declare it: [databases.NAME] with a url' : `declared are: ${names.join(', ')}`];
  }
  if (tableParts(table) === undefined) return ['has a table that SQL does not read', 'write it as SQL spells it: tenants, app.tenants, app."User"'];
  if (tenantKey === 'own' && tenant === undefined) return ["has values under tenants' own keys, and does not say whose a row is", 'name the context column that does: tenant = "org_id"'];
  if (tenant !== undefined && context?.includes(tenant) !== true) return ['names a column of its tenant that is not among its context', 'name it in both: context = ["org_id"] and tenant = "org_id"'];
  if (tenantKey === 'own' && format === 'fernet') return ["has Fernet tokens, which can not be under a tenant's own key", 'remove format, which is lfv1 then'];
  if (context?.includes(column) === true) return ['names itself in its context', 'a value can not be bound to itself: name columns beside it'];
  if (keyNames(key).includes(column)) return ['names itself as its key', 'name the columns that tell rows apart'];
  // In a JSON column the label may be a part of it, but a report would show all of it, the value too.
  if (label === column) return ['names itself as its label', 'reports show the label: name another column'];
  return undefined;
}

/** Whether writing the one would replace the other, or a part of it. */
function isSamePlace(one: ColumnSettings, other: ColumnSettings): boolean {
  if (one.database !== other.database || one.column !== other.column || tableParts(one.table)!.join('\0') !== tableParts(other.table)!.join('\0')) return false;
  const [a = [], b = []] = [one.path, other.path];
  return a.slice(0, b.length).every((member, i) => member === b[i]);
}

const IDENTIFIER = /^(?:"((?:[^"]|"")+)"|`((?:[^`]|``)+)`|([A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*))(\.|$)/;

/** Schema and table as the database has them; undefined for what is neither `name` nor `schema.name`. */
export function tableParts(table: string): readonly string[] | undefined {
  const parts: string[] = [];
  for (let rest = table; ; ) {
    const [whole, quoted, inBackticks, plain, dot] = IDENTIFIER.exec(rest) ?? [];
    if (whole === undefined) return undefined;
    parts.push(quoted?.replaceAll('""', '"') ?? inBackticks?.replaceAll('``', '`') ?? plain!.toLowerCase());
    rest = rest.slice(whole.length);
    if (dot === '') return parts.length <= 2 ? parts : undefined;
  }
}

function keyNames(key: ColumnSettings['key']): readonly string[] {
  return key === undefined ? [] : typeof key === 'string' ? [key] : key;
}

function completed({ key, context = [], format = 'lfv1', as = 'text', title, 'fernet-keys': fernetKeys = [RING_FERNET_KEYS], 'tenant-key': tenantKey = 'shared', ...column }: ColumnSettings): ConfiguredColumn {
  return { ...column, ...(key === undefined ? {} : { key: keyNames(key) }), context, format, as, title: title ?? column.id, fernetKeys, tenantKey };
}

function invalid(file: string, id: string, [what, hint]: Problem): LockfastError {
  return new LockfastError('config-invalid', `${file}: the column ${id} ${what}`, hint);
}
