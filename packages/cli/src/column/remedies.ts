import type { ConversionReport } from '@lockfast/columns/jobs';
import type { ErrorCode } from '@lockfast/core/errors';

import type { Direction } from './conversion-words.ts';

/** For rows whose value is known and still can't be converted: to look for a key would find nothing out. */
const REMEDIES: Readonly<Record<Direction, Partial<Record<ErrorCode, string>>>> = {
  encrypt: {
    'invalid-context': 'invalid-context: a column that the value is bound to is NULL in its row: fill it in',
    'invalid-text': 'invalid-text: the value is not what `as` in the declaration says that the application stores: correct the declaration, or the value',
    'too-large': 'too-large: the value is longer than an encrypted value can be',
  },
  rotate: {},
  decrypt: {
    'already-encrypted': 'already-encrypted: the value was encrypted twice, and what is inside would pass for an encrypted value',
    'invalid-text': 'invalid-text: the column can not hold the value as it was: it holds bytes, or the character NUL',
  },
};

/** What to do about rows that were left, one text for each reason; undefined where one of those that are named does not open. */
export function remediesFor(direction: Direction, reports: readonly Pick<ConversionReport, 'unreadable' | 'verified'>[]): readonly string[] | undefined {
  const codes = new Set(reports.flatMap(({ unreadable }) => unreadable.first.map(({ code }) => code)));
  const remedies = Array.from(codes, (code) => REMEDIES[direction][code]);
  const known = remedies.filter((remedy) => remedy !== undefined);
  return known.length > 0 && known.length === remedies.length && reports.every(({ verified }) => verified.unreadable === 0) ? known : undefined;
}
