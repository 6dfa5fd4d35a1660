/** Which members an entry has, and what each may be: strict, so that nothing stands in a verified ledger that no reader knows. */
import type { LedgerEntry } from './entry.ts';

type Check = (value: unknown) => boolean;

const text: Check = (value) => typeof value === 'string' && value.isWellFormed();
const word: Check = (value) => typeof value === 'string' && /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/.test(value);
const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 1;

/** The text of a moment is one: `2026-02-30` is none, and neither is another spelling. */
const time: Check = (value) => typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value) && isMoment(value);

function isMoment(value: string): boolean {
  const date = new Date(value);
  return !Number.isNaN(date.getTime()) && date.toISOString() === value;
}

const ACTOR: Members = {
  user: { must: text },
  // -1 where the system has no such numbers.
  uid: { must: (value) => Number.isSafeInteger(value) && (value as number) >= -1 },
  sudo: { may: text },
  login: { may: (value) => Number.isSafeInteger(value) && (value as number) >= 0 },
  host: { must: text },
  pid: { must: count },
  program: { must: text },
};

const ENTRY: Members = {
  v: { must: (value) => value === 1 },
  kind: { must: (value) => value === 'intent' || value === 'outcome' || value === 'event' },
  time: { must: time },
  actor: { must: (value) => isObject(value) && matches(value, ACTOR) },
  operation: { must: word },
  object: { must: text },
  tenant: { may: text },
  environment: { may: text },
  keyId: { may: text },
  reason: { may: text },
  details: { may: isDetails },
  outcome: { may: (value) => value === 'success' || value === 'failure' || value === 'refused' || value === 'interrupted' },
  code: { may: word },
  intent: { may: count },
};

type Members = Readonly<Record<string, { readonly must: Check } | { readonly may: Check }>>;

/** Whether a parsed entry has the members of one of its kind, and no others. */
export function isWholeEntry(entry: LedgerEntry): boolean {
  if (!isObject(entry) || !matches(entry, ENTRY)) return false;
  const { kind, outcome, code, intent } = entry;
  if (kind === 'intent') return outcome === undefined && code === undefined && intent === undefined;
  return outcome !== undefined && (kind === 'outcome') === (intent !== undefined);
}

function matches(value: Readonly<Record<string, unknown>>, members: Members): boolean {
  for (const name of Object.keys(value)) if (!Object.hasOwn(members, name)) return false;
  for (const name of Object.keys(members)) {
    const member = members[name]!;
    const there = Object.hasOwn(value, name);
    if ('must' in member ? !there || !member.must(value[name]) : there && !member.may(value[name])) return false;
  }
  return true;
}

function isDetails(value: unknown): boolean {
  if (!isObject(value)) return false;
  return Object.entries(value).every(([name, fact]) => text(name) && (text(fact) || typeof fact === 'boolean' || Number.isSafeInteger(fact)));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
