import { LockfastError } from '../errors.ts';
import { lengthPrefixed, mostPrefixedBytes, writePrefixed } from './length-prefix.ts';

/** A string as given (a UUID in lower case), or an integer in decimal. */
export type ContextValue = string | number | bigint;

/**
 * Where a value belongs. It is never stored and always authenticated: elsewhere the value does not decrypt.
 * `purpose` and `environment` come from the cipher and the ring.
 */
export interface Context {
  /** The customer that the value belongs to; absent is the same as empty: no tenant. */
  readonly tenant?: ContextValue;
  /** The place of the value, most general part first: a file's variable name, or a column's id and its context columns. */
  readonly place: readonly ContextValue[];
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * The one text of a context value. Drivers hand the same id over as number, bigint or decimal string, and a UUID in
 * either case: those are one place, so they give one text.
 *
 * @throws LockfastError `invalid-context` for anything else, null, fractions and ill-formed UTF-16 included
 */
export function contextText(value: ContextValue): string {
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw invalid('holds a text that is not well-formed UTF-16');
    return isUuid(value) ? value.toLowerCase() : value;
  }
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value === 0 ? '0' : value.toString();
  throw invalid('holds something that is neither a string nor an integer');
}

export function isUuid(text: string): boolean {
  return text.length === 36 && UUID.test(text);
}

/** The additional authenticated data of the values under one key id, purpose and environment. */
export class AdditionalData {
  /** Starts with what is the same for every value: room for the count, then header, purpose and environment. */
  #buffer: Buffer;
  readonly #fixedBytes: number;

  constructor(header: string, purpose: string, environment: string) {
    this.#buffer = lengthPrefixed([header, purpose, environment]);
    this.#fixedBytes = this.#buffer.length;
  }

  /** lp(header, purpose, environment, tenant, place...), which stands until the next call. */
  of(context: Context): Buffer {
    if (context === null || typeof context !== 'object' || !Array.isArray(context.place) || context.place.length === 0) {
      throw invalid('is missing or names no place');
    }
    // Not `??`: a NULL from a database must not pass for "no tenant".
    const tenant = context.tenant === undefined ? '' : contextText(context.tenant);
    // All of the context is read before the first byte is written: it is the caller's object, and may run his code.
    const place = context.place.map(contextText);
    let most = this.#fixedBytes + mostPrefixedBytes(tenant);
    for (const part of place) most += mostPrefixedBytes(part);
    if (most > this.#buffer.length) this.#grow(most);
    const out = this.#buffer;
    out.writeUInt32BE(4 + place.length, 0);
    let offset = writePrefixed(out, tenant, this.#fixedBytes);
    for (const part of place) offset = writePrefixed(out, part, offset);
    return out.subarray(0, offset);
  }

  #grow(bytes: number): void {
    const larger = Buffer.allocUnsafeSlow(2 * bytes);
    this.#buffer.copy(larger, 0, 0, this.#fixedBytes);
    this.#buffer = larger;
  }
}

function invalid(what: string): LockfastError {
  return new LockfastError(
    'invalid-context',
    `the context ${what}`,
    'give strings and integers, the same at encryption and at decryption',
  );
}
