import { LockfastError } from '@lockfast/core/errors';

import type { BlindIndex } from '../blind-index.ts';
import { INDEX_START, indexValueLength, MOST_INDEX_BITS } from '../index-value.ts';
import { columnJob, type JobTerms } from './column-job.ts';
import type { RowFate } from './convert-page.ts';
import type { ColumnDatabase, ColumnTable } from './database.ts';
import { type DeclaredIndex, indexTable, indexTarget } from './declared-index.ts';
import { type IndexedRow, IndexedRows, textsOf } from './indexed-rows.ts';
import { onRecord, recordedAfter } from './on-record.ts';
import { type PassesDone, runPasses } from './passes.ts';
import { refuseAnotherRing } from './preflight.ts';
import type { StoredValues } from './stored-values.ts';
import { type UnreadableRow, UnreadableRows } from './unreadable-rows.ts';

export interface IndexBuild extends JobTerms {
  /** Builds it though the column has only a few different values, which the index gives away to whoever reads the database. */
  readonly fewValues: boolean;
}

/** What a build has counted. */
interface IndexTally {
  rows: number;
  /** Without a value. */
  null: number;
  /** That already were right, under the current key. */
  already: number;
  /** Values that had no index. */
  missing: number;
  /** That had the index of another value. */
  stale: number;
  /** That were right, under another key. */
  older: number;
  /** That the job wrote; in a dry run, would write. */
  changed: number;
  /** Not written, since somebody else changed or removed the row after it was read. The next pass meets it again. */
  conflicts: number;
  /** Left as they are, since their value does not open. */
  unreadable: number;
}

export interface IndexReport extends Omit<IndexTally, 'unreadable'>, PassesDone {
  readonly unreadable: { readonly count: number; readonly first: readonly UnreadableRow[] };
  /** Whether an earlier run was continued, and its counts are among these. */
  readonly resumed: boolean;
  readonly ms: number;
}

/** So many values of a sample, with fewer different ones than the other number, say what the column is like. */
const ENOUGH_VALUES = 100;
const FEW_VALUES = 16;
const SAMPLE_ROWS = 1000;

interface IndexFate extends RowFate {
  readonly value?: string | null;
  readonly standing: IndexedRow['standing'];
}

/**
 * Writes the index of every value whose index is missing, under an older key or that of another value, while applications go on
 * reading and writing the table. An index is written only while value, context and index of the row still are what was read,
 * so that no write of an application ever gets the index of the value before it. Passes are repeated until one finds nothing; a
 * killed job is continued by the same call.
 *
 * @param index on the ring that applications have
 * @param values of the column that it is over
 * @throws LockfastError `config-invalid`: no column for it, one that holds something else, or only few different values; `busy`, `wrong-key`, `ledger-unavailable`; and what the database throws
 */
export async function buildIndex(database: ColumnDatabase, declared: DeclaredIndex, index: BlindIndex, values: StoredValues, what: IndexBuild): Promise<IndexReport> {
  const started = performance.now();
  const table = await indexTable(database, declared);
  if (!what.dryRun) await database.lock(indexTarget(declared));
  const tally: IndexTally = { rows: 0, null: 0, already: 0, missing: 0, stale: 0, older: 0, changed: 0, conflicts: 0, unreadable: 0 };
  const unreadable = new UnreadableRows();
  const record = what.dryRun ? recordedAfter : onRecord;
  const done = await record({
    audit: what.audit,
    event: {
      operation: 'column-index-build',
      object: index.id,
      keyId: index.currentKey,
      details: { table: declared.source.table, column: declared.column, of: declared.source.id },
    },
    action: () => build(database, table, declared, index, values, what, tally, unreadable),
    counts: () => ({ ...tally }),
    outcome: ({ interrupted }) => (interrupted ? 'interrupted' : 'success'),
  });
  return { ...tally, ...done, unreadable: { count: tally.unreadable, first: unreadable.first }, ms: performance.now() - started };
}

async function build(
  database: ColumnDatabase,
  table: ColumnTable,
  declared: DeclaredIndex,
  index: BlindIndex,
  values: StoredValues,
  what: IndexBuild,
  tally: IndexTally,
  unreadable: UnreadableRows,
): Promise<PassesDone & Pick<IndexReport, 'resumed'>> {
  const { dryRun } = what;
  const name = `index under ${index.currentKey}`;
  const checkpoint = dryRun ? undefined : await table.checkpoint();
  const earlier = checkpoint?.job === name ? checkpoint : undefined;
  if (earlier !== undefined) for (const one of Object.keys(tally) as (keyof IndexTally)[]) tally[one] = earlier.counts[one] ?? 0;
  const rows = new IndexedRows(declared, index, values);
  const target = indexTarget(declared);
  const job = await columnJob(database, target, table, what, { name, convert: (read) => rows.read(read).map(fateOf), tally, count }, unreadable);
  const done = await runPasses(job, {
    database,
    target,
    dryRun,
    earlier,
    // A row whose value was written without its index begins like any other.
    notUnder: undefined,
    before: () => refuseUnfit(database, declared, values, what.fewValues),
  });
  return { ...done, resumed: earlier !== undefined };
}

function fateOf({ row, standing, wanted }: IndexedRow): IndexFate {
  if (standing.kind === 'unreadable') return { row, standing, refused: standing.code };
  return standing.kind === 'null' || standing.kind === 'current' ? { row, standing } : { row, standing, value: wanted! };
}

function count(tally: IndexTally, { standing, value, refused }: IndexFate, pass: number, made: boolean): void {
  if (value !== undefined) tally[made ? 'changed' : 'conflicts']++;
  if (pass > 1) return;
  tally.rows++;
  if (refused !== undefined) tally.unreadable++;
  else if (standing.kind === 'current') tally.already++;
  else if (standing.kind !== 'unreadable') tally[standing.kind]++;
}

/**
 * What a build would be refused for, before it changes a row, and before the index has its first key.
 *
 * @param fewValues as of {@link IndexBuild}
 * @throws LockfastError `config-invalid`, `wrong-key`
 */
export async function refuseUnfit(database: ColumnDatabase, declared: DeclaredIndex, values: StoredValues, fewValues: boolean): Promise<void> {
  const table = await indexTable(database, declared);
  refuseTooNarrow(table, declared);
  await refuseOtherValues(table, declared);
  const source = await database.table(declared.source);
  await refuseAnotherRing(values, declared.source, source);
  if (!fewValues) refuseFewValues(declared, textsOf(await source.sample(SAMPLE_ROWS), values));
}

function refuseTooNarrow({ room }: ColumnTable, { definition, source, column }: DeclaredIndex): void {
  const needed = indexValueLength(definition.bits ?? MOST_INDEX_BITS);
  if (room === undefined || room >= needed) return;
  throw new LockfastError('config-invalid', `${definition.id}: ${source.table}.${column} holds ${room} characters at most, and a value needs ${needed}`, 'make the column wider, or of type text');
}

/**
 * Whoever names the wrong column would lose what it holds: a build writes over whatever is not the index of its value.
 *
 * @throws LockfastError `config-invalid` where the column has values, and none of those looked at is one of a blind index
 */
async function refuseOtherValues(table: ColumnTable, { definition, source, column }: DeclaredIndex): Promise<void> {
  // A column that takes no NULL begins with the empty text.
  const values = (await table.sample(SAMPLE_ROWS)).map(({ value }) => value).filter((value) => value !== '');
  if (values.length === 0 || values.some((value) => typeof value === 'string' && value.startsWith(INDEX_START))) return;
  throw new LockfastError(
    'config-invalid',
    `${definition.id}: ${source.table}.${column} holds values, and none of those looked at is one of a blind index, which a build would write in their place; nothing was changed`,
    'name a column of its own for the index; if nobody needs what is in this one, empty it first',
  );
}

/**
 * An index over a column of few values is that column in the clear, with other names for the values: how often each is there
 * tells which is which.
 *
 * @throws LockfastError `config-invalid`
 */
function refuseFewValues({ definition, source }: DeclaredIndex, texts: readonly string[]): void {
  const different = new Set(texts).size;
  if (texts.length < ENOUGH_VALUES || different >= FEW_VALUES) return;
  throw new LockfastError(
    'config-invalid',
    `${definition.id}: ${source.id} has only ${different} different values in ${texts.length} rows, and whoever reads the database could tell from the index which row has which; nothing was changed`,
    'leave the column without an index; if that is known and accepted, set few-values = true in its [[blind-indexes]]',
  );
}
