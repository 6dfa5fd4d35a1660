import type { GuardFile } from './guard-file.ts';
import type { GuardKey } from './guard-key.ts';
import { type GuardedValue, guardValues, type OpenValue } from './guarded-values.ts';

/** What an update changed, by `TENANT VARIABLE` or `VARIABLE`. */
export interface UpdateReport {
  readonly added: readonly string[];
  readonly retired: readonly string[];
}

/**
 * The guard file with these values as the live ones. What was live and is not among them is retired and stays: an old value
 * that leaked is found as well.
 *
 * @param today `2026-03-01`
 */
export function updatedGuardFile(file: GuardFile, values: readonly OpenValue[], key: GuardKey, today: string): { readonly file: GuardFile; readonly report: UpdateReport } {
  const { values: now, unguardable } = guardValues(values, key, today, 'file');
  const before = new Map(file.values.map((value) => [identity(value), value]));
  const current = new Set(now.map(identity));
  const live = now.map((value) => ({ ...value, since: before.get(identity(value))?.since ?? value.since }));
  const gone = file.values.filter((value) => !current.has(identity(value)));
  const retired = gone.map((value) => (value.state === 'retired' ? value : { ...value, state: 'retired' as const, until: today }));
  return {
    file: { ...file, values: [...live, ...retired].toSorted(byName), unguardable },
    report: { added: live.filter((value) => before.get(identity(value))?.state !== 'live').map(shownName), retired: gone.filter(({ state }) => state === 'live').map(shownName) },
  };
}

/** The same value of the same variable has the same MAC under the same key. */
function identity({ tenant, variable, needles }: GuardedValue): string {
  return `${tenant}\0${variable}\0${needles[0]?.mac.toString('base64url')}`;
}

function byName(a: GuardedValue, b: GuardedValue): number {
  return compare(a.tenant, b.tenant) || compare(a.variable, b.variable) || compare(a.state, b.state) || compare(a.since, b.since) || compare(identity(a), identity(b));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function shownName({ tenant, variable }: GuardedValue): string {
  return tenant === '' ? variable : `${tenant} ${variable}`;
}
