import { streamDurably } from '@lockfast/core/files';
import type { AuditSink } from '@lockfast/core/ports';

import type { ColumnDatabase, ColumnTable, RowKey } from './database.ts';
import type { DeclaredColumn } from './declared-column.ts';
import { keptLine, keptRows } from './kept-values.ts';
import { onRecord, recordedAfter } from './on-record.ts';
import type { ReadableColumn } from './origins.ts';
import { Patience } from './patience.ts';
import { refuseAnotherRing } from './preflight.ts';
import { ownOf, triageRows } from './triage.ts';

/** `unrecoverable`: what nothing opens, and should; `shredded`: what nobody can read on purpose, since its tenant's key was destroyed. */
export type Cleared = 'unrecoverable' | 'shredded';

export interface Clearing {
  /** `unrecoverable` without it. The others are counted, and left. */
  readonly which?: Cleared;
  /** A new file that takes the values first; only its owner may read it. */
  readonly keepAside: string;
  /** Where locks of files are. */
  readonly stateDirectory: string;
  readonly dryRun: boolean;
  readonly audit?: AuditSink | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Each row that was emptied, or in a dry run would be. */
  readonly onRow?: ((row: { readonly key: RowKey; readonly label: string | null }) => void) | undefined;
}

export interface ClearReport {
  readonly rows: number;
  /** Nothing opens them. */
  readonly unrecoverable: number;
  /** Their tenants' keys were destroyed. */
  readonly shredded: number;
  /** Emptied. */
  readonly cleared: number;
  /** Not emptied, since somebody else changed or removed the row meanwhile. */
  readonly conflicts: number;
  /** Left, since another place opens them, or their key still can be had: it is retired. */
  readonly recoverable: number;
  /** Left, since not everything that might open them was tried. */
  readonly unsure: number;
  /** The file, where there was anything to keep. */
  readonly keptAside: string | undefined;
  readonly interrupted: boolean;
  readonly ms: number;
}

const BATCH_ROWS = 200;

type Counts = { -readonly [Name in 'rows' | 'unrecoverable' | 'shredded' | 'cleared' | 'conflicts' | 'recoverable' | 'unsure']: number };

/**
 * Empties the rows of a column that nothing opens, or those of tenants whose keys were destroyed. All of these values are durable in a file before the first row is
 * emptied, and a row is emptied only while it still holds what was kept.
 *
 * @param all the declared columns of this database, this one among them
 * @throws LockfastError `wrong-key`: nothing in the column opens; `exists`: the file does; `database-refused`: the column takes no
 *   NULL, and then every row is as it was; `busy`, `ledger-unavailable`, and what `streamDurably` throws
 */
export async function clearUnrecoverable(database: ColumnDatabase, declared: DeclaredColumn, all: readonly ReadableColumn[], what: Clearing): Promise<ClearReport> {
  const started = performance.now();
  const table = await database.table(declared);
  if (!what.dryRun) await database.lock(declared);
  const counts: Counts = { rows: 0, unrecoverable: 0, shredded: 0, cleared: 0, conflicts: 0, recoverable: 0, unsure: 0 };
  const record = what.dryRun ? recordedAfter : onRecord;
  const done = await record({
    audit: what.audit,
    event: { operation: 'column-clear', object: declared.id, details: { table: declared.table, column: declared.column, which: what.which ?? 'unrecoverable' } },
    action: async () => {
      await refuseAnotherRing(ownOf(declared, all).values, declared, table);
      return await clear(database, declared, table, all, what, counts);
    },
    counts: () => ({ ...counts }),
    outcome: ({ interrupted }) => (interrupted ? 'interrupted' : 'success'),
  });
  return { ...counts, ...done, ms: performance.now() - started };
}

async function clear(
  database: ColumnDatabase,
  declared: DeclaredColumn,
  table: ColumnTable,
  all: readonly ReadableColumn[],
  { which = 'unrecoverable', keepAside, stateDirectory, dryRun, signal, onRow }: Clearing,
  counts: Counts,
): Promise<Pick<ClearReport, 'keptAside' | 'interrupted'>> {
  const own = ownOf(declared, all).values;
  const lines = unrecoverableLines();
  try {
    const first = await lines.next();
    if (first.done === true) return { keptAside: undefined, interrupted: false };
    if (dryRun) {
      for await (const _ of lines);
      return { keptAside: undefined, interrupted: false };
    }
    await streamDurably(stateDirectory, { path: keepAside, mode: 0o600, parts: withFirst(first.value, lines) });
  } catch (error) {
    // Nothing was emptied yet, and no file is left.
    if (signal?.aborted === true) return { keptAside: undefined, interrupted: true };
    throw error;
  }
  const patience = new Patience(database, declared, true, signal);
  for await (const rows of keptRows(keepAside, BATCH_ROWS)) {
    if (signal?.aborted === true) return { keptAside: keepAside, interrupted: true };
    const changes = rows.map((row) => ({ row, value: null }));
    let tries = 0;
    const made = await patience.during(async () => {
      tries++;
      const answers = await table.write(changes, undefined);
      // The answer to an earlier try may be what was lost: then the rows are empty already.
      return tries === 1 ? answers : await Promise.all(rows.map(async ({ key }, i) => answers[i]! || (await table.row(key))?.value === null));
    });
    rows.forEach(({ key, label }, i) => {
      counts[made[i]! ? 'cleared' : 'conflicts']++;
      if (made[i]!) onRow?.({ key, label });
    });
  }
  return { keptAside: keepAside, interrupted: false };

  async function* unrecoverableLines(): AsyncGenerator<string> {
    for await (const { row, standing, opens, searched } of triageRows(database, declared, table, all, signal)) {
      counts.rows++;
      if (standing.kind !== 'unreadable') continue;
      // A retired key refuses, and is still in the ring; of a destroyed one nothing is left.
      const retired = standing.code === 'key-not-usable' && !own.isDestroyed(standing.keyId);
      const found: Cleared = standing.shredded === undefined ? 'unrecoverable' : 'shredded';
      if (found === 'unrecoverable' && (opens !== undefined || retired)) counts.recoverable++;
      else if (!searched) counts.unsure++;
      else {
        counts[found]++;
        if (found !== which) continue;
        if (dryRun) onRow?.({ key: row.key, label: row.label });
        yield keptLine(declared, row, standing);
      }
    }
  }
}

async function* withFirst(first: string, rest: AsyncIterable<string>): AsyncGenerator<string> {
  yield first;
  yield* rest;
}
