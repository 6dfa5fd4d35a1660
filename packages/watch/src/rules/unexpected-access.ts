/** Somebody whom nobody named, whom nobody has seen here, or at an hour at which they never were. */
import { holderOf, isAccess, isStart } from '../ledger-event.ts';
import { NONE, type Rule } from '../rule.ts';
import type { RuleMemory } from '../rule-memory.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const HINT = 'ask them; when it was not them: docs/runbooks';

export const unexpectedUser: Rule = {
  what: 'access by somebody whom neither `alerts.users` nor `[roles]` names, and who is not the tenant\'s own account',
  severity: 'critical',
  take: (event, { policy }) => {
    if (!isAccess(event) || policy.expects(event.person, event.tenant) !== false) return NONE;
    return [{ cause: `${event.person} ${holderOf(event)}`, tenant: event.tenant, summary: `${event.operation} of ${holderOf(event)} by ${event.person}, who is not expected there (${event.outcome})`, hint: HINT, seq: event.seq }];
  },
};

/** In memory: `tenant`: first and last access of anybody; `person tenant`: first and last; `person`: how many tenants they were at, and when last. */
export const unusualActor: Rule = {
  what: "somebody's first access to a tenant in the window, where others were before; who was at so many tenants meanwhile is an operator of all",
  severity: 'warning',
  threshold: 3,
  windowMs: 10 * DAY_MS,
  rememberMs: (windowMs) => 3 * windowMs,
  take: (event, { memory, threshold, windowMs }) => {
    if (!isAccess(event) || event.outcome === 'interrupted') return NONE;
    const { time, person } = event;
    const holder = holderOf(event);
    const begun = noted(memory, 'begun', time);
    const known = noted(memory, `holder ${holder}`, time);
    const pair = noted(memory, `pair ${person} ${holder}`, time);
    const [count = 0, lastNew = 0] = memory.get(`breadth ${person}`) ?? [];
    const isNew = pair.last === undefined || time - pair.last > windowMs;
    if (isNew) memory.set(`breadth ${person}`, [time - lastNew > windowMs ? 1 : count + 1, time]);
    // Of what is new itself, or has slept, nothing is unusual.
    const isKnown = known.last !== undefined && time - known.first >= DAY_MS && time - known.last <= windowMs;
    if (!isNew || !isKnown || time - begun.first < windowMs) return NONE;
    if (time - lastNew <= windowMs && count >= threshold) return NONE;
    return [{ cause: `${person} ${holder}`, tenant: event.tenant, summary: `${person} was not seen at ${holder} before (${event.operation}, ${event.outcome})`, hint: HINT, seq: event.seq }];
  },
};

/** In memory: first time, how many, the hours as bits, last time. */
export const unusualHour: Rule = {
  what: 'somebody who has been seen so often, over the window at least, at an hour at which they never were; UTC',
  severity: 'warning',
  threshold: 30,
  windowMs: 10 * DAY_MS,
  rememberMs: (windowMs) => 9 * windowMs,
  take: (event, { memory, threshold, windowMs }) => {
    if (!isAccess(event) || isStart(event) || event.details['values'] !== undefined) return NONE;
    const { time, person } = event;
    const [first = time, count = 0, hours = 0] = memory.get(person) ?? [];
    const hour = Math.floor(time / HOUR_MS) % 24;
    memory.set(person, [first, count + 1, hours | (1 << hour), time]);
    const near = [hour, (hour + 1) % 24, (hour + 23) % 24].some((one) => (hours & (1 << one)) !== 0);
    if (near || count < threshold || time - first < windowMs) return NONE;
    return [{ cause: person, tenant: event.tenant, summary: `${person} did ${event.operation} of ${holderOf(event)} at ${String(hour).padStart(2, '0')}:00 UTC, at which they never were`, hint: HINT, seq: event.seq }];
  },
};

/** Notes a time, and gives what was known before it. */
function noted(memory: RuleMemory, name: string, time: number): { readonly first: number; readonly last: number | undefined } {
  const [first = time, last] = memory.get(name) ?? [];
  memory.set(name, [first, time]);
  return { first, last };
}
