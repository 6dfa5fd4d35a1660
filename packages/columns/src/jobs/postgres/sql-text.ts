/** Names and texts as SQL writes them. The `pg` package's own know no NUL, which would end the statement there. */
import { escapeIdentifier, escapeLiteral } from 'pg';

import { LockfastError } from '@lockfast/core/errors';

export function identifier(name: string): string {
  return escapeIdentifier(withoutNul(name));
}

export function literal(text: string): string {
  return escapeLiteral(withoutNul(text));
}

export function textArray(texts: readonly string[]): string {
  return `ARRAY[${texts.map(literal).join(', ')}]::text[]`;
}

function withoutNul(text: string): string {
  if (text.includes('\0')) throw new LockfastError('config-invalid', 'a name in the declaration of a column holds a NUL character', 'remove it');
  return text;
}
