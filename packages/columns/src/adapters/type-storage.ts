import { LockfastError } from '@lockfast/core/errors';

import type { Column } from '../index.ts';

const OF_BYTES = /^(?:bytea|(?:tiny|medium|long)?blob|(?:var)?binary)\b/i;
const OF_TEXT = /^(?:(?:tiny|medium|long)?text|(?:var)?char|character|citext|jsonb?)\b/i;

/**
 * Text in a column of bytes is written, and comes back as bytes that no format reads. Types with other names are taken as they are.
 *
 * @param sqlType such as `varchar(500)`
 * @throws LockfastError `usage` where a type for texts is named for a column in binary storage, or one for bytes without
 */
export function refuseOtherStorage(column: Pick<Column<unknown>, 'id' | 'definition'>, sqlType: string): void {
  const binary = column.definition.storage === 'binary';
  if (!(binary ? OF_TEXT : OF_BYTES).test(sqlType)) return;
  throw new LockfastError(
    'usage',
    `${column.id}: a ${sqlType} column holds ${binary ? 'text' : 'bytes'}, and the definition says ${binary ? 'binary' : 'text'}`,
    binary ? "define it without storage: 'binary', or choose a type for bytes" : "define it with storage: 'binary', or choose a type for text",
  );
}
