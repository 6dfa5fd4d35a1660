import { LockfastError } from '@lockfast/core/errors';

import type { RowFate } from './convert-page.ts';
import type { Checkpoint, ColumnDatabase, ColumnTable, ColumnTarget } from './database.ts';
import { type Job, patiently, runPass } from './pass.ts';
import type { Tally } from './tally.ts';

/** Of one run: what it goes on with may have taken many already. */
const MOST_PASSES = 10;

interface Passes {
  readonly database: ColumnDatabase;
  readonly target: ColumnTarget;
  readonly dryRun: boolean;
  /** Where an earlier run of the same job ended. */
  readonly earlier: Checkpoint | undefined;
  /** Later passes leave out what begins so, and what has no value; undefined: they look at all. */
  readonly notUnder: string | undefined;
  /** Before the first pass: what would make it fail later. */
  readonly before: () => Promise<void>;
}

/** How a job over a table ended. */
export interface PassesDone {
  readonly passes: number;
  /** What the last pass still found, when no more passes were made. */
  readonly remaining: number;
  readonly interrupted: boolean;
}

/** Repeats passes over the table until one finds nothing, and forgets the checkpoint then. @throws LockfastError as `runPass`; `config-invalid` where the table was altered meanwhile */
export async function runPasses<F extends RowFate, T extends Pick<Tally, 'rows' | 'changed' | 'unreadable'>>(job: Job<F, T>, { database, target, dryRun, earlier, notUnder, before }: Passes): Promise<PassesDone> {
  const { table, signal } = job;
  let pass = earlier?.pass ?? 1;
  const last = pass + MOST_PASSES - 1;
  let after = earlier?.after ?? null;
  let remaining = 0;
  let interrupted = false;
  try {
    await before();
    for (;;) {
      const found = await runPass(job, pass, after, notUnder);
      await patiently(job, async () => await refuseChangedTable(database, target, table));
      interrupted = signal?.aborted === true;
      // What an earlier run found, or did not, is only a hint: it takes a pass from the first row to know that nothing is left.
      const settled = found === 0 && after === null;
      if (interrupted || dryRun || settled) break;
      if (pass >= last && after === null) {
        remaining = found;
        break;
      }
      pass++;
      after = null;
    }
  } catch (error) {
    // Asked to stop in the middle of an outage: what is committed stands, and the next run goes on from there.
    if (signal?.aborted !== true) throw error;
    interrupted = true;
  } finally {
    await job.pace.end();
  }
  if (!interrupted && !dryRun) await job.patience.during(() => table.forgetCheckpoint());
  return { passes: pass, remaining, interrupted };
}

/**
 * Without the index that tells its rows apart a table has no order to walk along: a pass may have left rows out.
 *
 * @throws LockfastError `config-invalid`
 */
async function refuseChangedTable(database: ColumnDatabase, target: ColumnTarget, table: ColumnTable): Promise<void> {
  const { key, storage } = await database.table(target);
  if (storage === table.storage && key.join('\0') === table.key.join('\0')) return;
  throw new LockfastError('config-invalid', `${target.id}: the table ${target.table} was altered while the job ran`, 'run it again, which starts from the first row');
}
