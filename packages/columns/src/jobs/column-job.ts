import type { ErrorCode } from '@lockfast/core/errors';
import type { AuditSink } from '@lockfast/core/ports';

import { BatchWriter } from './batch-writer.ts';
import type { RowFate } from './convert-page.ts';
import type { ColumnDatabase, ColumnTable, ColumnTarget, RowKey } from './database.ts';
import { Pace, type WaitingFor } from './pace.ts';
import { PageSize } from './page-size.ts';
import type { Job, PassTally } from './pass.ts';
import { Patience } from './patience.ts';
import type { UnreadableRows } from './unreadable-rows.ts';

/** How a job goes over its column, and who is told. */
export interface JobTerms {
  /** Finds out what would be done, and writes nothing. */
  readonly dryRun: boolean;
  /** Rows a transaction, at most. */
  readonly batch: number;
  /** Rows a second, at most. */
  readonly maxRate?: number | undefined;
  /** Ends the job after the batch that runs. */
  readonly signal?: AbortSignal | undefined;
  readonly audit?: AuditSink | undefined;
  /** Is told of each row that was changed, not changed since somebody was faster, or can't be. After its commit. */
  readonly onRow?: ((row: ReportedRow) => void) | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export interface ReportedRow {
  readonly key: RowKey;
  readonly label: string | null;
  /** In a dry run `changed` is what would be. */
  readonly what: 'changed' | 'conflict' | 'unreadable';
  /** Why it is unreadable. */
  readonly code?: ErrorCode;
}

export interface Progress {
  readonly id: string;
  readonly pass: number;
  /** Rows that this pass has looked at. */
  readonly rows: number;
  /** About how many the table has. */
  readonly estimated: number;
  readonly changed: number;
  /** Present while the job waits for others. */
  readonly waitingFor?: WaitingFor;
}

/** What a job makes of its rows, and what that counts as. */
type Work<F extends RowFate, T extends PassTally> = Pick<Job<F, T>, 'name' | 'convert' | 'tally' | 'count'>;

/** @param unreadable gets the rows that do not open */
export async function columnJob<F extends RowFate, T extends PassTally>(
  database: ColumnDatabase,
  target: ColumnTarget,
  table: ColumnTable,
  { dryRun, batch, maxRate, signal, onRow, onProgress }: JobTerms,
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
