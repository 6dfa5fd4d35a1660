/** Names and values as SQL writes them: without an escape, so that no `sql_mode` can change what they mean. */
import { LockfastError } from '@lockfast/core/errors';

/** Printable ASCII without quote and backslash: every encrypted value is so. */
const PLAIN = /^[\x20-\x26\x28-\x5b\x5d-\x7e]*$/;

export function identifier(name: string): string {
  if (name.includes('\0')) throw new LockfastError('config-invalid', 'a name in the declaration of a column holds a NUL character', 'remove it');
  return `\`${name.replaceAll('`', '``')}\``;
}

/** A text, in quotes where that is plain, and else by its bytes. */
export function literal(text: string): string {
  return PLAIN.test(text) ? `_utf8mb4'${text}'` : `_utf8mb4 ${bytes(Buffer.from(text, 'utf8'))}`;
}

export function bytes(value: Uint8Array): string {
  return `x'${Buffer.from(value.buffer, value.byteOffset, value.length).toString('hex')}'`;
}
