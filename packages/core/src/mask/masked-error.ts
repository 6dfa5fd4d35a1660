/** Errors: their texts hold what went wrong, often with the value that it went wrong with. */

/**
 * An error like it, of the same class and name, with message, stack, cause, the errors of an `AggregateError` and its own
 * members masked. It stays an error, so that loggers print it as one.
 *
 * @param below masks what is inside
 * @param made is told the copy before anything inside is masked: an error may be its own cause
 */
export function maskedError(error: Error, text: (text: string) => string, below: (value: unknown) => unknown, made: (copy: Error) => void): Error {
  const copy = Object.create(Object.getPrototypeOf(error) as object) as Error;
  made(copy);
  for (const name of new Set([...Object.getOwnPropertyNames(error), 'message', 'stack', 'name'])) {
    const own = Object.getOwnPropertyDescriptor(error, name);
    let value: unknown;
    try {
      value = (error as unknown as Record<string, unknown>)[name];
    } catch {
      continue;
    }
    // Inherited and without a secret in it: the copy inherits it, too.
    if (own === undefined && (typeof value !== 'string' || text(value) === value)) continue;
    Object.defineProperty(copy, name, { value: typeof value === 'string' ? text(value) : below(value), enumerable: own?.enumerable ?? false, writable: true, configurable: true });
  }
  return copy;
}
