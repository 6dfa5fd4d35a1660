/** Whether a context column keeps its value. As text, since drivers hand the same id over as number or text. */
export function isSame(one: unknown, other: unknown): boolean {
  return isPlain(one) && isPlain(other) && String(one) === String(other);
}

function isPlain(value: unknown): value is string | number | bigint {
  return ['string', 'number', 'bigint'].includes(typeof value);
}
