/** Somebody whom nobody named, whom nobody has seen here, or at an hour at which they never were. */
import { holderOf, isAccess, isStart } from '../ledger-event.ts';
import { NONE, type Rule } from '../rule.ts';
import { countWithin, type RuleMemory } from '../rule-memory.ts';

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

/**
 * In memory: `begun`; `holder TENANT`: first and last access of anybody; `pair PERSON TENANT`: of that person; `alone PERSON`:
 * when they came to a tenant where they have no colleague. Who works where a colleague works is no stranger there; who comes
 * to so many tenants alone is an operator of all.
 */
export const unusualActor: Rule = {
  what: "somebody's first access within the window to a tenant where others were, and none who works at half of their tenants; after so many of these they count as an operator of all",
  severity: 'warning',
  threshold: 5,
  windowMs: 10 * DAY_MS,
  rememberMs: (windowMs) => 3 * windowMs,
  take: (event, { memory, threshold, windowMs }) => {
    if (!isAccess(event) || event.outcome === 'interrupted') return NONE;
    const { time, person } = event;
    const holder = holderOf(event);
    const begun = noted(memory, 'begun', time);
    const known = noted(memory, `holder ${holder}`, time);
    const pair = noted(memory, `pair ${person}\n${holder}`, time);
    if (pair.last !== undefined && time - pair.last <= windowMs) return NONE;
    // Of what is new itself, or has slept, nothing is unusual.
    const isKnown = known.last !== undefined && time - known.first >= DAY_MS && time - known.last <= windowMs;
    if (!isKnown || hasColleague(memory, person, holder)) return NONE;
    const count = countWithin(memory, `alone ${person}`, time, windowMs, threshold + 1);
    if (count > threshold || time - begun.first < windowMs) return NONE;
    return [{ cause: `${person} ${holder}`, tenant: event.tenant, summary: `${person} was not seen at ${holder} before (${event.operation}, ${event.outcome})`, hint: HINT, seq: event.seq }];
  },
};

/** Of so few tenants nobody's habits can be told. */
const LEAST_SHARED = 3;

/** Whether one of those who were at that tenant was at half of this person's tenants, too. */
function hasColleague(memory: RuleMemory, person: string, holder: string): boolean {
  const tenants = new Map<string, Set<string>>();
  for (const name of memory.keys()) {
    if (!name.startsWith('pair ')) continue;
    const [who, where] = name.slice('pair '.length).split('\n') as [string, string];
    const at = tenants.get(who);
    if (at === undefined) tenants.set(who, new Set([where]));
    else at.add(where);
  }
  const own = [...(tenants.get(person) ?? [])].filter((one) => one !== holder);
  return own.length >= LEAST_SHARED && [...tenants].some(([who, at]) => who !== person && at.has(holder) && own.filter((one) => at.has(one)).length * 2 >= own.length);
}

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
