import { setImmediate as nextTurn } from 'node:timers/promises';

import type { Fate, RowFate } from './convert-page.ts';
import type { BatchWriter, WrittenRows } from './batch-writer.ts';
import type { Checkpoint, ColumnTable, RowKey, StoredRow } from './database.ts';
import type { Pace } from './pace.ts';
import type { PageSize } from './page-size.ts';
import type { Patience } from './patience.ts';
import type { Tally } from './tally.ts';

/** Some three milliseconds of work. */
const ROWS_AT_ONCE = 128;

/** What becomes known of a row: that its new value stands, that somebody was faster, or that nothing opens it. */
type RowNews<F extends RowFate> = (fate: F, made: boolean, pass: number) => void;

/** What every pass counts; a job counts more beside it. */
export interface PassTally {
  rows: number;
  changed: number;
  unreadable: number;
}

/** One column's job, with all that its passes share. */
export interface Job<F extends RowFate = Fate, T extends PassTally = Tally> {
  readonly name: string;
  readonly table: ColumnTable;
  /** What becomes of each of these rows. */
  readonly convert: (rows: readonly StoredRow[]) => readonly F[];
  readonly tally: T;
  /** Adds one row. @param made whether its new value stands */
  readonly count: (tally: T, fate: F, pass: number, made: boolean) => void;
  readonly size: PageSize;
  readonly pace: Pace;
  readonly patience: Patience;
  /** Undefined in a dry run. */
  readonly writer: BatchWriter | undefined;
  readonly signal: AbortSignal | undefined;
  readonly news: RowNews<F>;
  /** After each batch. @param seen rows of this pass so far */
  readonly progress: (pass: number, seen: number) => void;
}

/**
 * Walks the table once in the order of its keys. While one page is converted the next is being read and the one before
 * written, so that at most three are in memory.
 *
 * The first pass looks at every row and counts each. Later ones look for what was written behind the ones before, by
 * an application that went on under an older key or without any, and only count what they convert. Each ends at what is
 * the last row when it starts: rows that are added faster than it converts are the next pass's.
 *
 * @param after where an earlier run of this pass ended
 * @returns how many rows it found to convert
 */
export async function runPass<F extends RowFate, T extends PassTally>(job: Job<F, T>, pass: number, after: RowKey | null, notUnder: string | undefined): Promise<number> {
  const only = pass === 1 ? undefined : notUnder;
  let found = 0;
  // A pass that is continued has looked at these already.
  let seen = pass === 1 ? job.tally.rows : 0;
  let unreadable = 0;
  let last = after;
  const end = await patiently(job, async () => await job.table.lastKey());
  if (end === undefined) return 0;
  const page = async (): Promise<readonly StoredRow[]> => await patiently(job, async () => await job.table.read(last, job.size.rows, only, end));
  let reading = page();
  let writing = Promise.resolve();
  try {
    while (!isToStop(job)) {
      const rows = await reading;
      if (rows.length === 0) break;
      last = rows.at(-1)!.key;
      reading = ahead(page());
      const fates = await convertInTurns(rows, job);
      for (const fate of fates) {
        if (fate.value !== undefined) found++;
        if (fate.refused !== undefined) unreadable++;
      }
      await writing;
      if (isToStop(job)) break;
      seen += rows.length;
      writing = ahead(writePage(job, pass, seen, fates));
    }
    await writing;
  } finally {
    await Promise.allSettled([reading, writing]);
  }
  // Most of them are the ones that the first pass has counted.
  if (pass > 1) job.tally.unreadable = Math.max(job.tally.unreadable, unreadable);
  return found;
}

/**
 * Conversion is work of this process, and the page before is being written in several steps, each of which waits for the
 * answer to the one before: they get their turns in between.
 */
async function convertInTurns<F extends RowFate, T extends PassTally>(rows: readonly StoredRow[], { convert }: Job<F, T>): Promise<F[]> {
  const fates: F[] = [];
  for (let at = 0; at < rows.length; at += ROWS_AT_ONCE) {
    for (const fate of convert(rows.slice(at, at + ROWS_AT_ONCE))) fates.push(fate);
    await nextTurn();
  }
  return fates;
}

/** A look that failed for a reason that passes is repeated. */
export async function patiently<T>({ size, patience }: Pick<Job, 'size' | 'patience'>, look: () => Promise<T>): Promise<T> {
  return await patience.during(look, () => size.halve());
}

async function writePage<F extends RowFate, T extends PassTally>(job: Job<F, T>, pass: number, seen: number, fates: readonly F[]): Promise<void> {
  await job.pace.before(fates.length);
  const settle = ({ fates: rows, made }: WrittenRows<F>): void => {
    rows.forEach((fate, i) => {
      job.count(job.tally, fate, pass, made[i]!);
      job.news(fate, made[i]!, pass);
    });
  };
  if (job.writer === undefined) settle({ fates, made: fates.map(({ value }) => value !== undefined) });
  else {
    job.pace.look();
    await job.writer.write(fates, (rows) => checkpointAfter(job, pass, rows), settle);
  }
  job.patience.wentWell();
  job.progress(pass, seen);
}

function checkpointAfter<F extends RowFate, T extends PassTally>(job: Job<F, T>, pass: number, rows: readonly F[]): Checkpoint {
  const counts = { ...job.tally };
  for (const fate of rows) job.count(counts, fate, pass, true);
  return { job: job.name, pass, after: rows.at(-1)!.row.key, counts: counts as unknown as Checkpoint['counts'] };
}

/** A failure is met where the page is awaited; until then nobody may call it unhandled. */
function ahead<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

function isToStop({ signal }: Pick<Job, 'signal'>): boolean {
  return signal?.aborted === true;
}
