/** Counts over the ledger since its first entry: numbers that only grow, kept with the state of the watch, and bounded. */
import { ERROR_CODES, type ErrorCode } from '@lockfast/core/errors';

import { isStart, type LedgerEvent } from '../ledger-event.ts';

/** No label may have values without end: what comes after so many counts as `other`. */
const MOST_OPERATIONS = 100;
const MOST_TENANTS = 2000;
const MOST_SERIES = 10_000;
const MOST_COLUMN_ROWS = 2000;
const OTHER = 'other';

/** `rows users.totp kq2d5x`, as `lockfast column status` records it. */
const COLUMN_ROWS = /^rows ([a-z0-9_.]{1,128}) ([a-z0-9]{1,16})$/;

/** Seconds. */
export const DURATION_BUCKETS = [1, 5, 30, 60, 300, 1800, 7200] as const;

const ROTATIONS: ReadonlySet<string> = new Set(['key-rotate', 'secret-rotate', 'column-rotate']);
/** What keeps an application from its keys. */
const KEY_ERRORS: ReadonlySet<string> = new Set<ErrorCode>(['missing-key', 'wrong-key', 'invalid-key', 'ring-missing', 'ring-malformed', 'ring-tampered', 'ring-older', 'source-unavailable', 'invalid-source', 'no-such-source', 'wrong-environment', 'key-not-usable']);
const CODES: ReadonlySet<string> = new Set(ERROR_CODES);

/** One count: which, and of what. */
export interface Count {
  readonly name: 'operations' | 'failures' | 'key-errors' | 'failed-starts' | 'column-values' | 'column-rows' | 'rotation-seconds' | 'rotation-bucket' | 'rotations';
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** @param counters by what {@link countsOf} reads */
export function count(counters: Map<string, number>, event: LedgerEvent): void {
  const { operation, outcome, durationMs, details } = event;
  const code = event.code === undefined || CODES.has(event.code) ? event.code : OTHER;
  add(counters, seriesOf(counters, { operation: boundedOperation(counters, operation), tenant: boundedTenant(counters, event.tenant ?? ''), outcome }), 1);
  if (outcome !== 'success' && code !== undefined) {
    add(counters, named('failures', { code }), 1);
    if (KEY_ERRORS.has(code)) add(counters, named('key-errors', { code }), 1);
  }
  if (isStart(event) && operation === 'decrypt' && outcome !== 'success') add(counters, named('failed-starts', {}), 1);
  for (const [sort, value] of [['success', details['values']], ['failure', details['failed']]] as const) {
    if (typeof value === 'number' && (operation === 'encrypt' || operation === 'decrypt')) add(counters, named('column-values', { operation, outcome: sort }), value);
  }
  if (outcome === 'success' && (operation === 'column-status' || operation === 'column-verify')) setColumnRows(counters, details);
  if (ROTATIONS.has(operation) && outcome === 'success' && durationMs !== undefined) {
    const seconds = durationMs / 1000;
    add(counters, named('rotations', { operation }), 1);
    add(counters, named('rotation-seconds', { operation }), seconds);
    for (const bucket of DURATION_BUCKETS) if (seconds <= bucket) add(counters, named('rotation-bucket', { operation, le: String(bucket) }), 1);
  }
}

export function countsOf(counters: ReadonlyMap<string, number>): readonly Count[] {
  return [...counters].flatMap(([key, value]) => {
    const [name, labels] = JSON.parse(key) as [Count['name'] | 'known-tenant' | 'known-operation' | 'series', Record<string, string>];
    return name === 'known-tenant' || name === 'known-operation' || name === 'series' ? [] : [{ name, labels, value }];
  });
}

/** A census of now takes the place of the one before, for the columns that it counted: a key that has none left is gone then. */
function setColumnRows(counters: Map<string, number>, details: LedgerEvent['details']): void {
  const rows = Object.entries(details).flatMap(([name, value]) => {
    const [, column, key] = COLUMN_ROWS.exec(name) ?? [];
    return column === undefined || key === undefined || typeof value !== 'number' ? [] : [{ column, key, value }];
  });
  const counted = new Set(rows.map(({ column }) => column));
  let others = 0;
  for (const { name, labels } of countsOf(counters)) {
    if (name !== 'column-rows') continue;
    if (counted.has(labels['column']!)) counters.delete(named('column-rows', labels));
    else others += 1;
  }
  for (const { column, key, value } of rows.slice(0, MOST_COLUMN_ROWS - others)) counters.set(named('column-rows', { column, key }), value);
}

function boundedOperation(counters: Map<string, number>, operation: string): string {
  return bounded(counters, 'known-operation', operation, MOST_OPERATIONS);
}

function boundedTenant(counters: Map<string, number>, tenant: string): string {
  return tenant === '' ? '' : bounded(counters, 'known-tenant', tenant, MOST_TENANTS);
}

/** The first `most` keep their names. */
function bounded(counters: Map<string, number>, kind: string, value: string, most: number): string {
  const known = JSON.stringify([kind, { value }]);
  if (counters.has(known)) return value;
  const series = JSON.stringify(['series', { of: kind }]);
  if ((counters.get(series) ?? 0) >= most) return OTHER;
  add(counters, series, 1);
  counters.set(known, 1);
  return value;
}

/** The first of them keep all labels; later ones are counted without the tenant. */
function seriesOf(counters: Map<string, number>, labels: Readonly<Record<string, string>>): string {
  const key = named('operations', labels);
  if (counters.has(key)) return key;
  const series = JSON.stringify(['series', { of: 'operations' }]);
  if ((counters.get(series) ?? 0) >= MOST_SERIES) return named('operations', { ...labels, tenant: OTHER });
  add(counters, series, 1);
  return key;
}

function named(name: Count['name'], labels: Readonly<Record<string, string>>): string {
  return JSON.stringify([name, labels]);
}

function add(counters: Map<string, number>, key: string, value: number): void {
  counters.set(key, (counters.get(key) ?? 0) + value);
}
