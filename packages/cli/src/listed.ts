/** More names than these help nobody. */
const MOST_NAMES = 10;

/** `a, b, c and 12 more`. */
export function listed(names: readonly string[]): string {
  const more = names.length - MOST_NAMES;
  return names.slice(0, MOST_NAMES).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
