import { shownPath } from '@lockfast/core/files';

/** More names than these help nobody. */
const MOST_NAMES = 10;

/** `a, b, c and 12 more`, each on one line whatever is in it. */
export function listed(names: readonly string[]): string {
  const more = names.length - MOST_NAMES;
  return names.slice(0, MOST_NAMES).map(shownPath).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
