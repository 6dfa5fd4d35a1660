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

/** The fences that they make, in the order of the triggers. A server may commit each trigger by itself: where one is missing, a fence is not whole. */
export function fencesOfTriggers(triggers: readonly FenceTrigger[]): StandingFence[] {
  const there = new Set(triggers.map(({ trigger }) => trigger));
  const names = new Map(triggers.map(({ name, sql }) => [name, sql]));
  return Array.from(names, ([name, sql]) => ({ name, proven: undefined, whole: [INSERTS, UPDATES].every((suffix) => there.has(name + suffix)), rule: ruleIn(sql) }));
}
