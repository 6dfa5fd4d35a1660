import { columnJob, type JobTerms } from './column-job.ts';
import { convertPage, type Direction, type Fate } from './convert-page.ts';
import type { ColumnDatabase, ColumnTable, StoredRow } from './database.ts';
import type { DeclaredColumn } from './declared-column.ts';
import { onRecord, recordedAfter } from './on-record.ts';
import { runPasses } from './passes.ts';
import { proveCurrentKey, refuseAnotherRing, refuseTenantsWithoutKey, refuseTooNarrow } from './preflight.ts';
import { isShredded } from './standing.ts';
import type { StoredValues } from './stored-values.ts';
import { newTally, type Tally, tallyOf } from './tally.ts';
import { type UnreadableRow, UnreadableRows } from './unreadable-rows.ts';

export interface Conversion extends JobTerms {
  /** `encrypt`: plaintext; `rotate`: whatever is encrypted and not in the column's format under the current key; `decrypt`: back to plaintext. */
  readonly direction: Direction;
}

export interface ConversionReport extends Omit<Tally, 'unreadable'> {
  readonly passes: number;
  readonly unreadable: { readonly count: number; readonly first: readonly UnreadableRow[] };
  /** What the last pass still found, when no more passes were made: an application keeps writing what the job converts. */
  readonly remaining: number;
  /** Whether an earlier run was continued, and its counts are among these. */
  readonly resumed: boolean;
  readonly interrupted: boolean;
  /** A sample of the table that was decrypted at the end, and how many of it did not open. Nothing in a dry run or after a decryption. */
  readonly verified: { readonly rows: number; readonly unreadable: number };
  readonly ms: number;
}

const VERIFIED_ROWS = 1000;

/**
 * Encrypts, rotates or decrypts one column while applications go on reading and writing it.
 *
 * Nothing is lost: a value is replaced only while it, and the context it is bound to, still are what was read; what somebody
 * else wrote meanwhile is met again in the next pass. Passes are repeated until one finds nothing. A killed job is
 * continued by the same call; its checkpoint only saves time, since what a row is, is decided by decrypting it.
 *
 * @throws LockfastError `busy`: another job is at this column; `wrong-key`: nothing in it opens; `missing-key`;
 *   `ledger-unavailable`; and what the database throws. What was committed by then stands, and is whole
 */
export async function convertColumn(database: ColumnDatabase, declared: DeclaredColumn, values: StoredValues, what: Conversion): Promise<ConversionReport> {
  const started = performance.now();
  const table = await database.table(declared);
  if (!what.dryRun) await database.lock(declared);
  const tally = newTally();
  const record = what.dryRun ? recordedAfter : onRecord;
  const { first, ...done } = await record({
    audit: what.audit,
    event: {
      operation: `column-${what.direction}`,
      object: declared.id,
      details: { table: declared.table, column: declared.column, to: goal(values, declared, what.direction), ...(values.foreign === undefined ? {} : { from: values.foreign.name }) },
    },
    action: () => convert(database, table, declared, values, what, tally),
    counts: () => ({ ...tally }),
    outcome: ({ interrupted }) => (interrupted ? 'interrupted' : 'success'),
  });
  const { unreadable, ...counts } = tally;
  return { ...counts, ...done, unreadable: { count: unreadable, first }, ms: performance.now() - started };
}

type Done = Pick<ConversionReport, 'passes' | 'remaining' | 'resumed' | 'interrupted' | 'verified'> & { readonly first: readonly UnreadableRow[] };

async function convert(database: ColumnDatabase, table: ColumnTable, declared: DeclaredColumn, values: StoredValues, what: Conversion, tally: Tally): Promise<Done> {
  const { direction, dryRun, signal } = what;
  if (direction !== 'decrypt') proveCurrentKey(values, declared, table.storage);
  await refuseAnotherRing(values, declared, table);
  const name = `${direction} to ${goal(values, declared, direction)}`;
  const checkpoint = dryRun ? undefined : await table.checkpoint();
  const earlier = checkpoint?.job === name ? checkpoint : undefined;
  if (earlier !== undefined) Object.assign(tally, tallyOf(earlier.counts));
  const unreadable = new UnreadableRows();
  const conversion = { direction, as: declared.as, storage: table.storage, values, prover: values.anew() };
  const work = {
    name,
    convert: (rows: readonly StoredRow[]) => convertPage(rows, { ...conversion, now: Date.now() }),
    tally,
    count: (counts: Tally, fate: Fate, pass: number, made: boolean) => count(counts, fate, direction, pass, made),
  };
  const job = await columnJob(database, declared, table, what, work, unreadable);
  const { passes, remaining, interrupted } = await runPasses(job, {
    database,
    target: declared,
    dryRun,
    earlier,
    notUnder: startOfConverted(values, direction),
    before: async () => {
      await refuseTenantsWithoutKey(database, declared, table, { ...conversion, now: Date.now() }, signal);
      await refuseTooNarrow(database, declared, table, { ...conversion, now: Date.now() }, signal);
    },
  });
  const verified = interrupted || dryRun || direction === 'decrypt' ? { rows: 0, unreadable: 0 } : await job.patience.during(() => verifySample(values, table));
  return { passes, remaining, resumed: earlier !== undefined, interrupted, verified, first: unreadable.first };
}

function count(tally: Tally, { standing, value, refused }: Fate, direction: Direction, pass: number, made: boolean): void {
  if (value !== undefined) tally[made ? 'changed' : 'conflicts']++;
  if (pass > 1) return;
  tally.rows++;
  if (standing.kind === 'null') tally.null++;
  else if (standing.kind === 'plaintext') tally.plaintext++;
  else if (isShredded(standing)) tally.shredded++;
  if (refused !== undefined) tally.unreadable++;
  else if (value === undefined && standing.kind === (direction === 'decrypt' ? 'plaintext' : 'encrypted')) tally.already++;
}

/** What a job converts to, as its checkpoint and the ledger name it. */
function goal(values: StoredValues, { format, tenantKey = 'shared' }: DeclaredColumn, direction: Direction): string {
  return direction === 'decrypt' ? 'plaintext' : `${format} ${values.currentKey}${tenantKey === 'own' ? ', tenants own' : ''}`;
}

/** Later passes leave out what begins so: it was converted, or needs not be. */
function startOfConverted(values: StoredValues, direction: Direction): string | undefined {
  if (direction === 'encrypt') return values.formatStart;
  return direction === 'rotate' ? values.currentStart : undefined;
}

async function verifySample(values: StoredValues, table: ColumnTable): Promise<ConversionReport['verified']> {
  const rows = await table.sample(VERIFIED_ROWS);
  const standings = values.anew().classify(rows, table.storage);
  return { rows: rows.length, unreadable: standings.filter((standing) => standing.kind === 'unreadable' && !isShredded(standing)).length };
}
