import { holderOf } from '../ledger-event.ts';
import { NONE, type Rule } from '../rule.ts';

export const breakGlass: Rule = {
  what: 'something was read with --break-glass, past a ledger that could not be written',
  severity: 'critical',
  take: (event) => (event.operation === 'break-glass' ? [{ cause: `${holderOf(event)} ${event.seq}`, tenant: event.tenant, summary: `${event.person} read ${holderOf(event)} with --break-glass`, hint: 'see why: lockfast ledger list --operation break-glass', seq: event.seq }] : NONE),
};
