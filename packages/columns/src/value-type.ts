/** What an application calls a value: text, bytes or JSON. What is encrypted is always bytes. */
import { LockfastError } from '@lockfast/core/errors';
import { asText } from '@lockfast/core/formats';

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [name: string]: JsonValue | undefined };

/** By the `as` of a definition. */
export interface ValueTypes {
  readonly text: string;
  readonly bytes: Uint8Array;
  readonly json: JsonValue;
}

export type ValueTypeName = keyof ValueTypes;

export interface ValueType<V> {
  /** What is encrypted: text goes on as text. @throws LockfastError `invalid-text` for anything that would not come back as it is */
  encode(value: V): string | Uint8Array;
  /** @throws LockfastError `invalid-text` for bytes that no value of this type gives */
  decode(bytes: Buffer): V;
}

const text: ValueType<string> = {
  encode: (value) => {
    if (typeof value === 'string') return value;
    throw invalid('the value is not text', "pass a string, or define the column as: 'bytes' or 'json'");
  },
  decode: asText,
};

const bytes: ValueType<Uint8Array> = {
  encode: (value) => {
    if (value instanceof Uint8Array) return value;
    throw invalid('the value is not bytes', "pass a Uint8Array, or define the column as: 'text' or 'json'");
  },
  decode: (value) => value,
};

const json: ValueType<JsonValue> = {
  encode: (value) => {
    refuseNoJson(value, new Set());
    return JSON.stringify(value);
  },
  decode: (value) => {
    const source = asText(value);
    try {
      return JSON.parse(source) as JsonValue;
    } catch {
      // Without its cause: the parser quotes what it read.
      throw invalid('the value is not JSON', "read it with the type that it was written with: as: 'text'");
    }
  },
};

export const VALUE_TYPES: { readonly [As in ValueTypeName]: ValueType<ValueTypes[As]> } = { text, bytes, json };

/** JSON.stringify turns NaN into null, a Map into {} and a Date into text, and says nothing. */
function refuseNoJson(value: unknown, above: Set<object>): void {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)) return;
  if (typeof value !== 'object' || above.has(value)) throw noJson();
  above.add(value);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (Array.isArray(value)) for (let i = 0; i < value.length; i++) refuseNoJson(value[i], above);
  else if (prototype === Object.prototype || prototype === null) {
    // An undefined member is one that is not there, as everywhere in JavaScript.
    for (const member of Object.values(value)) if (member !== undefined) refuseNoJson(member, above);
  } else throw noJson();
  above.delete(value);
}

function noJson(): LockfastError {
  return invalid('the value holds something that JSON does not have', 'use objects, arrays, strings, finite numbers, booleans and null; turn dates and the like into text first');
}

function invalid(what: string, hint: string): LockfastError {
  return new LockfastError('invalid-text', what, hint);
}
