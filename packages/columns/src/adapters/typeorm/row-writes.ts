/** Values on their way into INSERT and UPDATE, each encrypted for the row that it is written in. */
import { EncryptedValue } from '../encrypted-value.ts';
import { isBound } from './column-options.ts';
import type { ProtectedColumn } from './protected-columns.ts';
import { refuseForeign, refuseSqlValue, refuseUnknownContext } from './refusals.ts';
import { contextIn } from './row-context.ts';
import { findOperatorOf, type TypeormColumn } from './typeorm-shapes.ts';

/** A value that stands in for the one of an entity while that is saved. */
interface StandIn {
  readonly plaintext: unknown;
  readonly encrypted: EncryptedValue<unknown>;
}

/**
 * TypeORM asks a column's metadata for the value in a row, and right after that its driver to make that value fit for the
 * database. The driver does not see the row: so the one that was asked last is remembered, weakly.
 */
export class RowWrites {
  readonly #protected: ReadonlyMap<TypeormColumn, ProtectedColumn>;
  readonly #lastRow = new Map<TypeormColumn, WeakRef<object>>();
  readonly #standIns = new Map<TypeormColumn, WeakMap<object, StandIn>>();

  constructor(columns: readonly ProtectedColumn[]) {
    this.#protected = new Map(columns.map((one) => [one.metadata, one]));
    for (const { metadata } of columns) this.#standIns.set(metadata, new WeakMap());
    for (const one of columns) this.#watchRows(one);
  }

  /** What TypeORM's driver is to work with: an encrypted value for a protected column. @throws LockfastError */
  stored(value: unknown, metadata: TypeormColumn): unknown {
    const one = this.#protected.get(metadata);
    if (one === undefined || value === null || value === undefined) return value;
    const { column } = one;
    if (value instanceof EncryptedValue) {
      if (value.column.id !== column.id) throw refuseForeign(column);
      return value;
    }
    if (typeof value === 'function' || findOperatorOf(value) !== undefined) throw refuseSqlValue(column);
    if (!isBound(column)) return new EncryptedValue(column, column.encrypt(value));
    const row = this.#lastRow.get(metadata)?.deref();
    return this.encrypted(one, value, row === undefined ? [] : [row]);
  }

  /** @param rows that say the context, the first one first */
  encrypted(one: ProtectedColumn, plaintext: unknown, rows: readonly object[]): EncryptedValue<unknown> {
    return new EncryptedValue(one.column, one.column.encrypt(plaintext, contextIn(one, rows, refuseUnknownContext)));
  }

  /** What TypeORM gets when it next asks for the entity's value: it computes its changes anew after `beforeUpdate`. */
  standIn(entity: object, { metadata }: ProtectedColumn, plaintext: unknown, encrypted: EncryptedValue<unknown>): void {
    this.#standIns.get(metadata)?.set(entity, { plaintext, encrypted });
  }

  #watchRows({ metadata, column }: ProtectedColumn): void {
    const original = metadata.getEntityValue.bind(metadata);
    const standIns = this.#standIns.get(metadata)!;
    metadata.getEntityValue = (row: object, transform = false): unknown => {
      const value = original(row, transform);
      // For a comparison. What a condition holds is looked at elsewhere.
      if (transform) return value;
      // TypeORM would put it into the statement as it is.
      if (typeof value === 'function') throw refuseSqlValue(column);
      if (row === null || typeof row !== 'object') return value;
      this.#lastRow.set(metadata, new WeakRef(row));
      const standIn = standIns.get(row);
      // Once: after a save that failed, the entity may change or move.
      standIns.delete(row);
      return standIn !== undefined && standIn.plaintext === value ? standIn.encrypted : value;
    };
  }
}
