/** An alert: one cause, told once until it changes, open until somebody acknowledges it or it is well again. */
import { createHash } from 'node:crypto';

import { readableId } from '@lockfast/core/formats';

import type { Sighting } from './rule.ts';
import { type RuleName, SEVERITIES, type Severity } from './rule-names.ts';

export interface Acknowledgement {
  /** ISO 8601. */
  readonly time: string;
  readonly by: string;
}

export interface Alert {
  /** 8 characters [a-z2-7]. */
  readonly id: string;
  readonly rule: RuleName;
  readonly cause: string;
  readonly severity: Severity;
  /** `happened` is open until it is acknowledged, `stands` as long as it does. */
  readonly kind: 'happened' | 'stands';
  readonly tenant?: string;
  readonly summary: string;
  readonly hint: string;
  readonly state?: string;
  /** The entry of the ledger that told of it last. */
  readonly seq?: number;
  /** ISO 8601, the first and the last time. */
  readonly since: string;
  readonly last: string;
  readonly times: number;
  readonly acknowledged?: Acknowledgement;
}

/** What became of an alert, as it is told: `changed` when its severity or state is another than was told. */
export type AlertChange = 'opened' | 'changed' | 'ended';

/** @param time milliseconds since the Unix epoch */
export function newAlert(rule: RuleName, severity: Severity, kind: Alert['kind'], sighting: Sighting, time: number): Alert {
  const moment = new Date(time).toISOString();
  const id = readableId(createHash('sha256').update(JSON.stringify([rule, sighting.cause, moment])).digest().subarray(0, 8));
  return { id, rule, kind, since: moment, last: moment, times: 1, ...factsOf(severity, sighting) };
}

/** The same alert, seen again. One that got worse, or is another now, is nobody's to have acknowledged yet. */
export function seenAgain(alert: Alert, severity: Severity, sighting: Sighting, time: number): { readonly alert: Alert; readonly isNews: boolean } {
  const isNews = isWorse(severity, alert.severity) || (sighting.state ?? '') !== (alert.state ?? '');
  const { acknowledged, ...rest } = alert;
  const happened = alert.kind === 'happened';
  const again: Alert = {
    ...rest,
    ...factsOf(severity, sighting),
    last: happened || isNews ? new Date(time).toISOString() : alert.last,
    times: alert.times + (happened ? 1 : 0),
    ...(isNews || acknowledged === undefined ? {} : { acknowledged }),
  };
  return { alert: again, isNews };
}

function factsOf(severity: Severity, { cause, tenant, summary, hint, state, seq }: Sighting): Pick<Alert, 'cause' | 'severity' | 'tenant' | 'summary' | 'hint' | 'state' | 'seq'> {
  return { cause, severity, summary, hint, ...(tenant === undefined ? {} : { tenant }), ...(state === undefined ? {} : { state }), ...(seq === undefined ? {} : { seq }) };
}

export function isWorse(one: Severity, other: Severity): boolean {
  return SEVERITIES.indexOf(one) > SEVERITIES.indexOf(other);
}

/** What a timer's exit status is about. */
export function isPressing({ severity, acknowledged }: Alert): boolean {
  return severity === 'critical' && acknowledged === undefined;
}
