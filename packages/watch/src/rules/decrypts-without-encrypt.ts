/** Somebody reads a tenant's secrets again and again, and changes nothing. Starts of services do that all day, and do not count. */
import { holderOf, isStart } from '../ledger-event.ts';
import { NONE, type Rule } from '../rule.ts';
import { countWithin } from '../rule-memory.ts';

export const decryptsWithoutEncrypt: Rule = {
  what: 'so many decrypts of one tenant by people within the window, and no encrypt among them',
  severity: 'warning',
  threshold: 5,
  windowMs: 86_400_000,
  take: (event, { memory, threshold, windowMs }) => {
    const holder = holderOf(event);
    if (event.operation === 'encrypt' && event.outcome === 'success') memory.delete(holder);
    // Of a column an application reads, not a person.
    if (event.operation !== 'decrypt' || event.outcome !== 'success' || isStart(event) || event.details['values'] !== undefined) return NONE;
    const count = countWithin(memory, holder, event.time, windowMs, threshold);
    if (count < threshold) return NONE;
    memory.delete(holder);
    return [{ cause: holder, tenant: event.tenant, summary: `${count} decrypts of ${holder} without an encrypt, the last one by ${event.person}`, hint: 'ask who it was what for: lockfast ledger list --operation decrypt', seq: event.seq }];
  },
};
