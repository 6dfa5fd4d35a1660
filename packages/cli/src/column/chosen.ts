import { isColumnId } from '@lockfast/columns/column-id';
import { LockfastError } from '@lockfast/core/errors';

import type { Arguments } from '../arguments.ts';
import type { Configuration } from '../configuration.ts';
import { listed } from '../listed.ts';
import { nearest } from '../nearest.ts';
import type { Session } from '../session.ts';
import { type ConfiguredColumn, declaredColumns } from './declared.ts';

/**
 * The columns that the command is about, in the order of the configuration: the named ones, or all; with --database those
 * of one database.
 *
 * @throws LockfastError `usage` for a name that is not declared; `config-invalid`, also where nothing is declared
 */
export function chosenColumns(args: Arguments, { command }: Session, configuration: Configuration): ConfiguredColumn[] {
  const declared = declaredColumns(configuration);
  if (declared.length === 0) throw new LockfastError('config-invalid', `${configuration.file} declares no columns`, 'add [databases.NAME] and a [[columns]] for each: see docs/guides/columns.md');
  const database = args.text('database');
  const inDatabase = declared.filter((column) => database === undefined || column.database === database);
  if (inDatabase.length === 0) throw new LockfastError('usage', `${command}: no column is in a database of that name`, `name one of: ${listed([...new Set(declared.map((column) => column.database))])}`);
  const ids = inDatabase.map(({ id }) => id);
  const unknown = args.operands.find((id) => !ids.includes(id));
  if (unknown !== undefined) {
    // What is no id may be a value that was pasted.
    const what = isColumnId(unknown) ? `the column ${unknown} is not declared` : 'what is given is no id of a column';
    const near = nearest(unknown, ids);
    throw new LockfastError('usage', `${command}: ${what}${database === undefined ? '' : ' in that database'}`, near === undefined ? `name some of: ${listed(ids)}` : `did you mean ${near}?`);
  }
  return args.operands.length === 0 ? inDatabase : inDatabase.filter(({ id }) => args.operands.includes(id));
}
