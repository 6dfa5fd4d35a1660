/** What `column status --verify` and `column verify` have in common: every value of a column is decrypted, or of a sample. */
import { type Survey, surveyColumn } from '@lockfast/columns/jobs';

import { listed } from '../listed.ts';
import { Progress } from '../progress.ts';
import type { Session } from '../session.ts';
import type { ColumnAccess } from './column-access.ts';
import type { ConfiguredColumn } from './declared.ts';

/** What --verify and --sample may ask for. */
export const MOST_SAMPLE = 1_000_000_000;

/** @param sample how many rows; undefined: all. @throws what `signal` is aborted with, and LockfastError as `surveyColumn` */
export async function survey(column: ConfiguredColumn, sample: number | undefined, access: ColumnAccess, { terminal }: Session, signal: AbortSignal | undefined): Promise<Survey> {
  const progress = new Progress(terminal, 'rows', 'timed');
  try {
    return await surveyColumn(await access.database(column), column, await access.values(column), {
      sample,
      signal,
      onProgress: (rows, estimated) => progress.show(rows, Math.max(rows, estimated)),
    });
  } finally {
    progress.end();
  }
}

export function unreadableRows({ unreadable }: Survey): number {
  return Object.values(unreadable).reduce((sum, count) => sum + count, 0);
}

export function shreddedRows({ shredded }: Survey): number {
  return Object.values(shredded).reduce((sum, count) => sum + count, 0);
}

/** `acme 3, globex 1`: the tenants whose keys were destroyed. */
export function shownTenants({ shredded }: Survey): string {
  return listed(Object.entries(shredded).map(([tenant, count]) => `${tenant} ${count}`));
}

/** `wrong-key 3, malformed 1`. */
export function shownCodes({ unreadable }: Survey): string {
  return Object.entries(unreadable)
    .map(([code, count]) => `${code} ${count}`)
    .join(', ');
}
