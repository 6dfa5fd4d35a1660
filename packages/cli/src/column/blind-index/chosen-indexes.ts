import { isColumnId } from '@lockfast/columns/column-id';
import { LockfastError } from '@lockfast/core/errors';

import type { Arguments } from '../../arguments.ts';
import type { Configuration } from '../../configuration.ts';
import { listed } from '../../listed.ts';
import { nearest } from '../../nearest.ts';
import type { Session } from '../../session.ts';
import { type ConfiguredIndex, declaredIndexes } from './declared-indexes.ts';

/**
 * The indexes that the command is about, in the order of the configuration: the named ones, or all.
 *
 * @throws LockfastError `usage` for a name that is not declared; `config-invalid`, also where nothing is declared
 */
export function chosenIndexes(args: Arguments, { command }: Session, configuration: Configuration): ConfiguredIndex[] {
  const declared = declaredIndexes(configuration);
  if (declared.length === 0) throw new LockfastError('config-invalid', `${configuration.file} declares no blind indexes`, 'add a [[blind-indexes]] for each: see docs/guides/blind-index.md');
  const ids = declared.map(({ id }) => id);
  const unknown = args.operands.find((id) => !ids.includes(id));
  if (unknown !== undefined) {
    // What is no id may be a value that was pasted.
    const what = isColumnId(unknown) ? `the blind index ${unknown} is not declared` : 'what is given is no id of a blind index';
    const near = nearest(unknown, ids);
    throw new LockfastError('usage', `${command}: ${what}`, near === undefined ? `name some of: ${listed(ids)}` : `did you mean ${near}?`);
  }
  return args.operands.length === 0 ? declared : declared.filter(({ id }) => args.operands.includes(id));
}
