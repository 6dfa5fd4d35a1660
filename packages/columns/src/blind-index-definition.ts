import { LockfastError } from '@lockfast/core/errors';
import { isIndexName } from '@lockfast/core/keyring';

import { isColumnId } from './column-id.ts';
import { LEAST_INDEX_BITS, MOST_INDEX_BITS } from './index-value.ts';
import { unknownMember } from './unknown-member.ts';

/** `none`: equal is what is equal to the byte. `case-and-width`: what differs in case or width alone is equal, too. */
export type Normalisation = 'none' | 'case-and-width';

/**
 * How one encrypted column of texts is searched for equality. It belongs into the code beside the column, and the same facts
 * into `[[blind-indexes]]` of lockfast.toml, for jobs.
 */
export interface BlindIndexDefinition {
  /** The index's own stable name, such as `customers.email.index`: as that of a column, and no column's. Its keys are bound to it. */
  readonly id: string;
  /** The id of the column whose values it finds. Values are bound to it. */
  readonly column: string;
  /** `none` without it. A function of your own gives equal texts for what is to be equal; the command can't build such an index, a program of yours can. */
  readonly normalise?: Normalisation | ((value: string) => string);
  /** How many bits of the digest are kept, from 8 to 256. 256 without it. Fewer hide which values are equal, and find others, too. */
  readonly bits?: number;
  /** The names of columns of the same row: values are equal only where these are, too. `['org_id']`: an index for each organization. */
  readonly context?: readonly string[];
}

const MEMBERS: Readonly<Record<keyof BlindIndexDefinition, true>> = { id: true, column: true, normalise: true, bits: true, context: true };

/** @throws LockfastError `usage`: a mistake in the program, found at its start */
export function checkIndexDefinition(definition: BlindIndexDefinition): void {
  const { id, column, normalise = 'none', bits = MOST_INDEX_BITS, context = [] } = definition;
  if (typeof id !== 'string' || !isIndexName(id)) throw invalid('a blind index', 'its id is not usable', "use lower case letters, digits, underscores and dots, for example 'customers.email.index'");
  // Where no compiler looks, a misspelt `context` would make one index for all organizations.
  const unknown = unknownMember(definition, MEMBERS);
  if (unknown !== undefined) throw invalid(id, `${unknown} is no part of a definition`, `use ${Object.keys(MEMBERS).join(', ')}`);
  if (!isColumnId(column)) throw invalid(id, 'the column is no id of a column', "name the column by its id, for example 'customers.email'");
  if (column === id) throw invalid(id, 'it has the id of its column', `call it for example '${id}.index'`);
  if (typeof normalise !== 'function' && !['none', 'case-and-width'].includes(normalise)) throw invalid(id, 'there is no such normalisation', "use 'none', 'case-and-width' or a function from text to text");
  if (!Number.isInteger(bits) || bits < LEAST_INDEX_BITS || bits > MOST_INDEX_BITS) throw invalid(id, 'the number of bits is not one from 8 to 256', 'leave it out, or see docs/guides/blind-index.md for how many');
  if (!Array.isArray(context) || new Set(context).size !== context.length || context.some((name) => typeof name !== 'string' || name === '')) {
    throw invalid(id, 'its context names a column twice, or one without a name', 'name each context column once');
  }
}

function invalid(id: string, what: string, hint: string): LockfastError {
  return new LockfastError('usage', `${id}: ${what}`, hint);
}
