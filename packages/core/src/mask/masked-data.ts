/** Objects on their way into a log: masked by the names of their members, and by value in every text. */
import { maskedError } from './masked-error.ts';
import { MASK } from './masked-stream.ts';
import type { Masker } from './masker.ts';
import type { SensitiveNames } from './sensitive-names.ts';

/** Deeper than this no logger prints. */
const MOST_DEPTH = 16;

/**
 * A copy, with the same members; `value` stays as it is. What is no plain object, list, map, set, bytes or error is taken over:
 * a logger's own serialisers know it, and its output is masked, too.
 */
export function maskedData(value: unknown, masker: Masker, names: SensitiveNames): unknown {
  return maskedBelow(value, masker, names, new Map(), 0);
}

function maskedBelow(value: unknown, masker: Masker, names: SensitiveNames, seen: Map<object, unknown>, depth: number): unknown {
  if (typeof value === 'string') return masker.text(value);
  if (typeof value !== 'object' || value === null) return value;
  const known = seen.get(value);
  if (known !== undefined) return known;
  if (depth >= MOST_DEPTH) return MASK;
  const below = (one: unknown): unknown => maskedBelow(one, masker, names, seen, depth + 1);
  const member = (name: string, one: unknown): unknown => (names.has(name) && one !== null && one !== undefined && one !== '' && typeof one !== 'boolean' ? MASK : below(one));
  if (value instanceof Error) return maskedError(value, (text) => masker.text(text), below, (copy) => seen.set(value, copy));
  if (Array.isArray(value)) {
    const copy: unknown[] = [];
    seen.set(value, copy);
    for (const one of value) copy.push(below(one));
    return copy;
  }
  if (value instanceof Map) {
    const copy = new Map<unknown, unknown>();
    seen.set(value, copy);
    for (const [key, one] of value) copy.set(below(key), typeof key === 'string' ? member(key, one) : below(one));
    return copy;
  }
  if (value instanceof Set) {
    const copy = new Set<unknown>();
    seen.set(value, copy);
    for (const one of value) copy.add(below(one));
    return copy;
  }
  if (value instanceof Uint8Array) return maskedBytes(value, masker);
  return isPlain(value) ? maskedObject(value, masker, member, seen) : value;
}

function maskedObject(value: object, masker: Masker, member: (name: string, one: unknown) => unknown, seen: Map<object, unknown>): object {
  const copy = Object.create(Object.getPrototypeOf(value) as object | null) as Record<string, unknown>;
  seen.set(value, copy);
  for (const name of Object.keys(value)) {
    let one: unknown;
    try {
      one = (value as Record<string, unknown>)[name];
    } catch {
      one = MASK;
    }
    // A plain assignment to `__proto__` would set the prototype.
    Object.defineProperty(copy, masker.text(name), { value: member(name, one), enumerable: true, writable: true, configurable: true });
  }
  return copy;
}

/** Printed as numbers it would still be the secret. */
function maskedBytes(bytes: Uint8Array, masker: Masker): unknown {
  return masker.bytes(bytes) === bytes ? bytes : MASK;
}

/** An instance of a class may be more than its members: a request, a stream. What it is asked for, it answers itself. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
