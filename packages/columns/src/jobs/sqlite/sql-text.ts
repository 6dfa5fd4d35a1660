/** Names as SQL writes them. */
import { LockfastError } from '@lockfast/core/errors';

export function identifier(name: string): string {
  if (name.includes('\0')) throw new LockfastError('config-invalid', 'a name in the declaration of a column holds a NUL character', 'remove it');
  return `"${name.replaceAll('"', '""')}"`;
}
