/** Decryptions that fail: of one tenant within an hour, and of all within minutes. Columns count by values. */
import type { LedgerEvent } from '../ledger-event.ts';
import { holderOf } from '../ledger-event.ts';
import { NONE, type Rule } from '../rule.ts';
import { countWithin } from '../rule-memory.ts';

const HOUR_MS = 3_600_000;
const HINT = 'see lockfast ledger list --operation decrypt --outcome failure';

export const failedDecrypts: Rule = {
  what: 'so many failed decrypts of one tenant within the window',
  severity: 'warning',
  threshold: 3,
  windowMs: HOUR_MS,
  take: (event, { memory, threshold, windowMs }) => {
    const times = failures(event);
    if (times === 0) return NONE;
    const holder = holderOf(event);
    const count = counted(times, () => countWithin(memory, holder, event.time, windowMs, threshold), threshold);
    if (count < threshold) return NONE;
    memory.delete(holder);
    return [{ cause: holder, tenant: event.tenant, summary: `${Math.max(count, times)} failed decrypts of ${holder}, the last one by ${event.person} (${event.code ?? 'no code'})`, hint: HINT, seq: event.seq }];
  },
};

export const decryptFailureBurst: Rule = {
  what: 'so many failed decrypts of whatever tenants within the window',
  severity: 'critical',
  threshold: 5,
  windowMs: 300_000,
  take: (event, { memory, threshold, windowMs }) => {
    const times = failures(event);
    if (times === 0) return NONE;
    const count = counted(times, () => countWithin(memory, 'all', event.time, windowMs, threshold), threshold);
    if (count < threshold) return NONE;
    memory.delete('all');
    return [{ cause: event.person, summary: `${Math.max(count, times)} failed decrypts in a short time, the last one by ${event.person} (${event.code ?? 'no code'})`, hint: HINT, seq: event.seq }];
  },
};

/** How many decryptions of it failed; an entry of a column tells of several. */
function failures({ operation, outcome, details }: LedgerEvent): number {
  if (operation !== 'decrypt' || outcome !== 'failure') return 0;
  const { failed } = details;
  return typeof failed === 'number' && failed > 1 ? failed : 1;
}

function counted(times: number, note: () => number, most: number): number {
  let count = 0;
  for (let i = 0; i < Math.min(times, most); i += 1) count = note();
  return count;
}
