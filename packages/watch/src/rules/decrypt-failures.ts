/** Decryptions that fail: of one tenant within an hour, and of all within minutes. Columns count by values. */
import { holderOf, type LedgerEvent } from '../ledger-event.ts';
import { NONE, type Rule, type RuleSurroundings } from '../rule.ts';
import { countWithin } from '../rule-memory.ts';

const HOUR_MS = 3_600_000;
const HINT = 'see lockfast ledger list --operation decrypt --outcome failure';

export const failedDecrypts: Rule = {
  what: 'so many failed decrypts of one tenant within the window',
  severity: 'warning',
  threshold: 3,
  windowMs: HOUR_MS,
  take: (event, around) => {
    const holder = holderOf(event);
    const count = reached(event, holder, around);
    return count === undefined ? NONE : [{ cause: holder, tenant: event.tenant, summary: `${count} failed decrypts of ${holder}, the last one by ${event.person} (${event.code ?? 'no code'})`, hint: HINT, seq: event.seq }];
  },
};

export const decryptFailureBurst: Rule = {
  what: 'so many failed decrypts of whatever tenants within the window',
  severity: 'critical',
  threshold: 5,
  windowMs: 300_000,
  take: (event, around) => {
    const count = reached(event, 'all', around);
    return count === undefined ? NONE : [{ cause: event.person, summary: `${count} failed decrypts in a short time, the last one by ${event.person} (${event.code ?? 'no code'})`, hint: HINT, seq: event.seq }];
  },
};

/** How many failed under that name by now, where they are so many; they begin anew then. */
function reached(event: LedgerEvent, name: string, { memory, threshold, windowMs }: RuleSurroundings): number | undefined {
  const times = failures(event);
  let count = 0;
  for (let i = 0; i < Math.min(times, threshold); i += 1) count = countWithin(memory, name, event.time, windowMs, threshold);
  if (count < threshold) return undefined;
  memory.delete(name);
  return Math.max(count, times);
}

/** How many decryptions of it failed; an entry of a column tells of several. */
function failures({ operation, outcome, details }: LedgerEvent): number {
  if (operation !== 'decrypt' || outcome !== 'failure') return 0;
  const { failed } = details;
  return typeof failed === 'number' && failed > 1 ? failed : 1;
}

