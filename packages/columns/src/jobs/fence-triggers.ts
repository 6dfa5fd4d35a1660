/** A fence that is two triggers, of which each meets one kind of write. */
import type { ColumnTarget } from './database.ts';
import { isFenceOf, ruleIn, type StandingFence } from './fence.ts';

/** Behind the name of the fence: which writes a trigger meets. */
export const INSERTS = '_i';
export const UPDATES = '_u';

export interface FenceTrigger {
  readonly trigger: string;
  /** Of the fence that it belongs to. */
  readonly name: string;
  readonly sql: string;
}

/** Those of them that belong to a fence of the column. @param rows the name and the text of each trigger of the table */
export function fenceTriggers(target: ColumnTarget, rows: readonly (readonly unknown[])[]): FenceTrigger[] {
  return rows
    .map(([trigger, sql]) => ({ trigger: String(trigger), name: String(trigger).slice(0, -INSERTS.length), sql: String(sql) }))
    .filter(({ trigger, name }) => (trigger.endsWith(INSERTS) || trigger.endsWith(UPDATES)) && isFenceOf(target, name));
}

/** Only whole ones, of both triggers. */
export function wholeFences(triggers: readonly FenceTrigger[]): StandingFence[] {
  const names = new Set(triggers.map(({ name }) => name));
  return [...names]
    .filter((name) => [INSERTS, UPDATES].every((suffix) => triggers.some(({ trigger }) => trigger === name + suffix)))
    .map((name) => ({ name, proven: undefined, rule: ruleIn(triggers.find((one) => one.name === name)!.sql) }));
}
