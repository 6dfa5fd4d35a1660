import type { ContextValue } from '@lockfast/core/formats';

import type { ColumnContext } from '../../column-context.ts';
import type { Stored } from '../../stored-format.ts';
import { beginsEncrypted } from '../begins-encrypted.ts';
import { decryptAll, type Decryption } from './batches.ts';
import type { ProtectedField, ProtectedFields } from './protected-fields.ts';
import { refuseMissingContext } from './refusals.ts';
import type { Reading } from './selections.ts';

type Row = Readonly<Record<string, unknown>>;

/** Rows of a result, copied, with everything decrypted that they hold. */
export class ReadResults {
  readonly #fields: ProtectedFields;

  constructor(fields: ProtectedFields) {
    this.#fields = fields;
  }

  /** @throws LockfastError as `Column.decrypt`; one value that does not open fails the whole result */
  decrypt(result: unknown, reading: Reading): unknown {
    const encrypted: Decryption[] = [];
    const copy = this.#copy(result, reading, encrypted);
    decryptAll(encrypted);
    return copy;
  }

  #copy(result: unknown, reading: Reading, encrypted: Decryption[]): unknown {
    if (Array.isArray(result)) return result.map((row) => this.#copy(row, reading, encrypted));
    if (result === null || typeof result !== 'object') return result;
    const row = result as Row;
    const copy: Record<string, unknown> = { ...row };
    for (const one of this.#fields.of(reading.model.name).values()) {
      const { field, column } = one;
      const value = row[field.name];
      if (value === undefined || value === null) continue;
      encrypted.push({ column, from: storedOf(one, value), context: contextIn(one, row), put: (opened) => (copy[field.name] = opened) });
    }
    for (const [name, related] of reading.relations) if (Object.hasOwn(row, name)) copy[name] = this.#copy(row[name], related, encrypted);
    for (const name of reading.added) delete copy[name];
    return copy;
  }
}

function storedOf({ json }: ProtectedField, value: unknown): Stored {
  return !json || (typeof value === 'string' && beginsEncrypted(value)) ? (value as Stored) : JSON.stringify(value);
}

function contextIn({ place, context }: ProtectedField, row: Row): ColumnContext | undefined {
  if (context.length === 0) return undefined;
  const values: Record<string, ContextValue> = {};
  for (const { name, field } of context) {
    const value = row[field.name];
    if (value === undefined) throw refuseMissingContext(place, field.name);
    values[name] = value as ContextValue;
  }
  return values;
}
