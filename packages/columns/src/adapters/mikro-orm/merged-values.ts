/** What `onConflict(...).merge({ ... })` of a query builder sets: MikroORM hands such an object to the database past every type. */
import type { EntityMetadata, Platform } from '@mikro-orm/core';

import type { EncryptedProperties } from './encrypted-properties.ts';

type Row = Readonly<Record<string, unknown>>;

/** Of `QueryBuilder`, as far as it is looked at. */
interface Builder {
  readonly mainAlias: { readonly meta?: EntityMetadata };
  merge?(data?: unknown): unknown;
}

/** Of the drivers for SQL. */
interface Driver {
  createQueryBuilder?: ((...args: unknown[]) => Builder) & { readonly [WATCHED]?: true };
  getPlatform(): Platform;
}

const WATCHED: unique symbol = Symbol('lockfast watches merges');

/** From then on such values are taken as those of `nativeUpdate` are: encrypted where they are bound to nothing, else refused. */
export function encryptMerged(driver: object, encrypted: EncryptedProperties): void {
  const sql = driver as Driver;
  const create = sql.createQueryBuilder?.bind(sql);
  if (create === undefined || sql.createQueryBuilder?.[WATCHED] === true) return;
  const watched = (...args: unknown[]): Builder => {
    const builder = create(...args);
    const merge = builder.merge?.bind(builder);
    const { meta } = builder.mainAlias;
    if (merge !== undefined && meta !== undefined) builder.merge = (data) => merge(isRow(data) ? storedOf(data, meta) : data);
    return builder;
  };
  sql.createQueryBuilder = Object.assign(watched, { [WATCHED]: true as const });

  function storedOf(data: Row, meta: EntityMetadata): Row {
    const stored: Record<string, unknown> = { ...data };
    for (const { property, type } of encrypted.of(meta)) if (property in stored) stored[property] = type.convertToDatabaseValue(stored[property], sql.getPlatform(), { mode: 'query-data' });
    return stored;
  }
}

function isRow(data: unknown): data is Row {
  return data !== null && typeof data === 'object' && !Array.isArray(data);
}
