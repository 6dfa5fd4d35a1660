import { BatchWriter } from './batch-writer.ts';
import type { RowFate } from './convert-page.ts';
import type { Conversion, Progress, ReportedRow } from './conversion.ts';
import type { ColumnDatabase, ColumnTable, ColumnTarget } from './database.ts';
import { Pace } from './pace.ts';
import { PageSize } from './page-size.ts';
import type { Job, PassTally } from './pass.ts';
import { Patience } from './patience.ts';
import type { UnreadableRows } from './unreadable-rows.ts';

/** What a job makes of its rows, and what that counts as. */
type Work<F extends RowFate, T extends PassTally> = Pick<Job<F, T>, 'name' | 'convert' | 'tally' | 'count'>;

/** @param unreadable gets the rows that do not open */
export async function columnJob<F extends RowFate, T extends PassTally>(
  database: ColumnDatabase,
  target: ColumnTarget,
  table: ColumnTable,
  { dryRun, batch, maxRate, signal, onRow, onProgress }: Omit<Conversion, 'direction'>,
  work: Work<F, T>,
  unreadable: UnreadableRows,
): Promise<Job<F, T>> {
  const estimated = onProgress === undefined ? 0 : await table.estimatedRows();
  let shown: Progress = { id: target.id, pass: 1, rows: 0, estimated, changed: 0 };
  // With a low rate a page is what may be written in one second: nobody wants to wait minutes for the first.
  const size = new PageSize(maxRate === undefined ? batch : Math.max(1, Math.min(batch, Math.ceil(maxRate))));
  const patience = new Patience(database, target, !dryRun, signal);
  return {
    ...work,
    table,
    size,
    pace: new Pace(database, maxRate, signal, (waitingFor) => onProgress?.({ ...shown, waitingFor })),
    patience,
    writer: dryRun ? undefined : new BatchWriter(table, size, patience),
    signal,
    news: (fate, made, pass) => {
      if (fate.refused !== undefined) unreadable.add(fate.row, fate.refused);
      const reported = reportedRow(fate, made, pass);
      if (reported !== undefined) onRow?.(reported);
    },
    progress: (pass, rows) => {
      shown = { id: target.id, pass, rows, estimated, changed: work.tally.changed };
      onProgress?.(shown);
    },
  };
}

function reportedRow({ row: { key, label }, value, refused }: RowFate, made: boolean, pass: number): ReportedRow | undefined {
  if (value !== undefined) return { key, label, what: made ? 'changed' : 'conflict' };
  // Later passes meet the same ones.
  return refused === undefined || pass > 1 ? undefined : { key, label, what: 'unreadable', code: refused };
}
