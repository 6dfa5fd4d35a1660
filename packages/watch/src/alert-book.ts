/** The open alerts, and what is to be told of them: one round changes them and says what is news. */
import { type Alert, type AlertChange, newAlert, seenAgain } from './alert.ts';
import type { Sighting } from './rule.ts';
import type { ActiveRule } from './rule-settings.ts';

export interface AlertNews {
  readonly change: AlertChange;
  readonly alert: Alert;
}

export class AlertBook {
  readonly #alerts: Map<string, Alert>;
  readonly #news: AlertNews[] = [];

  constructor(alerts: readonly Alert[]) {
    this.#alerts = new Map(alerts.map((alert) => [keyOf(alert), alert]));
  }

  get alerts(): readonly Alert[] {
    return [...this.#alerts.values()];
  }

  get news(): readonly AlertNews[] {
    return this.#news;
  }

  /** Something happened. After it was acknowledged the same is another alert. @param time milliseconds since the Unix epoch */
  happened({ name, rule, severity: configured }: ActiveRule, sighting: Sighting, time: number): void {
    const severity = configured ?? sighting.severity ?? rule.severity;
    const key = keyOf({ rule: name, cause: sighting.cause, kind: 'happened' });
    const open = this.#alerts.get(key);
    if (open !== undefined && open.acknowledged === undefined) return this.#again(key, open, severity, sighting, time);
    this.#open(key, newAlert(name, severity, 'happened', sighting, time));
  }

  /** How things are by one rule: what it does not tell of any more is well again. */
  stands({ name, rule, severity: configured }: ActiveRule, sightings: readonly Sighting[], now: number): void {
    const told = new Set<string>();
    for (const sighting of sightings) {
      const severity = configured ?? sighting.severity ?? rule.severity;
      const key = keyOf({ rule: name, cause: sighting.cause, kind: 'stands' });
      told.add(key);
      const open = this.#alerts.get(key);
      if (open === undefined) this.#open(key, newAlert(name, severity, 'stands', sighting, now));
      else this.#again(key, open, severity, sighting, now);
    }
    for (const [key, alert] of this.#alerts) if (alert.kind === 'stands' && alert.rule === name && !told.has(key)) this.#end(key, alert, now);
  }

  /** What is too old to be told of, or of a rule that is off. @param keepMs how long something that happened stays open when nobody acknowledges it */
  tidy(rules: readonly ActiveRule[], now: number, keepMs: number): void {
    const names = new Set(rules.map(({ name }) => name));
    for (const [key, alert] of this.#alerts) {
      if (!names.has(alert.rule) || (alert.kind === 'happened' && now - Date.parse(alert.acknowledged?.time ?? alert.last) > keepMs)) this.#alerts.delete(key);
    }
  }

  #open(key: string, alert: Alert): void {
    this.#alerts.set(key, alert);
    this.#news.push({ change: 'opened', alert });
  }

  #again(key: string, open: Alert, severity: Alert['severity'], sighting: Sighting, time: number): void {
    const { alert, isNews } = seenAgain(open, severity, sighting, time);
    this.#alerts.set(key, alert);
    if (isNews) this.#news.push({ change: 'changed', alert });
  }

  #end(key: string, alert: Alert, now: number): void {
    this.#alerts.delete(key);
    this.#news.push({ change: 'ended', alert: { ...alert, last: new Date(now).toISOString() } });
  }
}

function keyOf({ rule, cause, kind }: Pick<Alert, 'rule' | 'cause' | 'kind'>): string {
  return JSON.stringify([rule, cause, kind]);
}
