/** Which rows `ledger list` shows. */
import { LockfastError } from '@lockfast/core/errors';
import { durationMs } from '@lockfast/core/formats';

import type { Arguments } from '../arguments.ts';
import type { LedgerRow } from './rows.ts';

const DAY_MS = 86_400_000;

type Filter = (row: LedgerRow) => boolean;

/** @throws LockfastError `usage` */
export function rowFilter(args: Arguments, now: number): Filter {
  const since = timeOf(args, 'since', now, 'start');
  const until = timeOf(args, 'until', now, 'end');
  const [tenant, operation, actor, outcome] = ['tenant', 'operation', 'actor', 'outcome'].map((name) => args.text(name));
  const wanted = (asked: string | undefined, ...values: readonly (string | undefined)[]): boolean => asked === undefined || values.includes(asked);
  return (row) => {
    const time = Date.parse(row.time);
    return (
      (since === undefined || time >= since) &&
      (until === undefined || time < until) &&
      wanted(tenant, row.tenant) &&
      wanted(operation, row.operation) &&
      wanted(actor, row.actor, row.user) &&
      wanted(outcome, row.outcome)
    );
  };
}

/** @throws LockfastError `usage` */
export function rowLimit(args: Arguments): number {
  const text = args.text('limit');
  if (text === undefined) return Number.POSITIVE_INFINITY;
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new LockfastError('usage', 'ledger list: --limit takes a whole number above 0', 'for example --limit 20');
  return Number(text);
}

/** Milliseconds since the epoch. A date without a time is all of that day, in UTC. */
function timeOf(args: Arguments, option: string, now: number, edge: 'start' | 'end'): number | undefined {
  const text = args.text(option);
  if (text === undefined) return undefined;
  const ago = durationMs(text);
  if (ago !== undefined) return now - ago;
  const isDate = /^\d{4}-\d\d-\d\d$/.test(text);
  const isTime = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)?$/.test(text);
  const time = isDate || isTime ? Date.parse(isDate || /(?:Z|[+-]\d\d:\d\d)$/.test(text) ? text.replace(' ', 'T') : `${text.replace(' ', 'T')}Z`) : Number.NaN;
  // The 30th of February would be the 2nd of March.
  if (Number.isNaN(time) || (isDate && new Date(time).toISOString().slice(0, 10) !== text)) {
    throw new LockfastError('usage', `ledger list: --${option} is no time`, 'write 2026-03-01, 2026-03-01T10:00:00Z, or 24h for a day ago');
  }
  return isDate && edge === 'end' ? time + DAY_MS : time;
}
