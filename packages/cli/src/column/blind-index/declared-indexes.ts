/** The blind indexes that the configuration declares: whether the entries fit together, and to the columns. */
import type { DeclaredIndex } from '@lockfast/columns/jobs';
import { LockfastError } from '@lockfast/core/errors';

import type { BlindIndexSettings, Configuration } from '../../configuration.ts';
import { nearest } from '../../nearest.ts';
import { type ConfiguredColumn, declaredColumns, tableParts } from '../declared.ts';

/** One `[[blind-indexes]]`, checked. */
export interface ConfiguredIndex extends DeclaredIndex {
  readonly id: string;
  readonly source: ConfiguredColumn;
  readonly fewValues: boolean;
}

type Settings = Pick<Configuration, 'file' | 'databases' | 'columns' | 'blindIndexes'>;
type Problem = readonly [what: string, hint: string];

/** @throws LockfastError `config-invalid`, for the columns, too */
export function declaredIndexes(configuration: Settings): ConfiguredIndex[] {
  const columns = declaredColumns(configuration);
  const indexes: ConfiguredIndex[] = [];
  for (const settings of configuration.blindIndexes) {
    const source = columns.find(({ id }) => id === settings.of);
    if (source === undefined) throw invalid(configuration, settings, noColumn(settings, columns));
    const problem = ofOne(settings, source, columns) ?? besideOthers(settings, source, indexes);
    if (problem !== undefined) throw invalid(configuration, settings, problem);
    indexes.push(configured(settings, source));
  }
  return indexes;
}

function noColumn({ of }: BlindIndexSettings, columns: readonly ConfiguredColumn[]): Problem {
  const ids = columns.map(({ id }) => id);
  const near = nearest(of, ids);
  return [`is of the column ${of}, which is not declared`, near === undefined ? 'declare it as one of [[columns]]' : `did you mean ${near}?`];
}

function ofOne({ id, column, context = [] }: BlindIndexSettings, source: ConfiguredColumn, columns: readonly ConfiguredColumn[]): Problem | undefined {
  if (columns.some((one) => one.id === id)) return ['has the id of a column', `give it its own, such as ${id}.index`];
  if (source.as !== 'text') return [`is of ${source.id}, which holds ${source.as}`, 'a blind index is over texts'];
  if (source.path !== undefined) return [`is of ${source.id}, which lies inside a JSON column`, 'a blind index is over a column of its own'];
  const taken = columns.find((one) => one.column === column && isSameTable(one, source));
  if (taken !== undefined) return [`lies in the column of ${taken.id}`, 'an index needs a column of its own beside the encrypted one'];
  if (context.includes(source.column)) return ['names the encrypted column in its context', 'name columns beside it'];
  if (context.includes(column) || source.context.includes(column)) return ['names itself in its context', 'an index can not be part of its own context'];
  if (source.key?.includes(column) === true) return ['is a part of the key that tells rows apart', 'give it a column of its own'];
  return undefined;
}

function besideOthers({ id, column }: BlindIndexSettings, source: ConfiguredColumn, others: readonly ConfiguredIndex[]): Problem | undefined {
  if (others.some((other) => other.id === id)) return ['is declared twice', 'its keys are bound to the id: give each index its own'];
  const other = others.find((one) => one.column === column && isSameTable(one.source, source));
  return other === undefined ? undefined : [`lies in the same column as ${other.id}`, 'give each index a column of its own'];
}

function isSameTable(one: ConfiguredColumn, other: ConfiguredColumn): boolean {
  return one.database === other.database && tableParts(one.table)!.join('\0') === tableParts(other.table)!.join('\0');
}

function configured({ id, of, column, normalise, bits, context, 'few-values': fewValues = false }: BlindIndexSettings, source: ConfiguredColumn): ConfiguredIndex {
  const definition = { id, column: of, ...(normalise === undefined ? {} : { normalise }), ...(bits === undefined ? {} : { bits }), ...(context === undefined ? {} : { context }) };
  return { id, definition, source, column, fewValues };
}

function invalid({ file }: Settings, { id }: BlindIndexSettings, [what, hint]: Problem): LockfastError {
  return new LockfastError('config-invalid', `${file}: the blind index ${id} ${what}`, hint);
}
