/** A month of a hundred tenants, of a thousand with LOCKFAST_DEEP=1: every planted incident is found, and nearly nothing else is told. */
import { expect, test } from 'vitest';

import { acknowledge } from '../src/acknowledge.ts';
import type { Alert } from '../src/alert.ts';
import { DAYS, type Incident, isMaintenance, Month, printed, START } from './month.ts';
import { DAY, HOUR, Story } from './story.ts';

const deep = process.env['LOCKFAST_DEEP'] === '1';
const [TENANTS, EACH] = deep ? [1000, 20] : [100, 2];
const channels = [{ name: 'mail', least: 'warning' }] as const;

test(`[E15] a month of ${TENANTS} tenants: every planted incident is found, at most one false alarm a tenant on average`, { timeout: 900_000 }, async () => {
  const month = new Month(TENANTS, EACH, 7);
  const story = await Story.begin();
  story.state.begun = START;
  const told: { readonly alert: Alert; readonly at: number }[] = [];
  const policy = { isMaintenance, expects: month.expects.bind(month) };
  const begun = performance.now();
  let written = 0;
  let next = 0;
  for (let time = START + HOUR; time <= START + DAYS * DAY; time += HOUR) {
    const from = next;
    while (next < month.planned.length && month.planned[next]!.time < time) next += 1;
    if (next > from) await story.store.append(printed(month.planned.slice(from, next)));
    written += next - from;
    story.now = time;
    await story.watched({ channels, policy, seen: month.seenAt(time) });
    for (const { change, alert } of story.state.messages) if (change === 'opened') told.push({ alert, at: time });
    story.state.messages = [];
    // Somebody sees to each of them.
    for (const { id, acknowledged } of story.state.alerts) if (acknowledged === undefined) acknowledge(story.state, id, { time: new Date(time).toISOString(), by: 'olga' });
  }
  const seconds = (performance.now() - begun) / 1000;
  const missed = month.incidents.filter((incident) => !told.some(({ alert, at }) => alert.rule === incident.rule && isAbout(alert, at, incident)));
  const falseAlarms = told.filter(({ alert, at }) => !month.incidents.some((incident) => isAbout(alert, at, incident)));
  const perTenant = Map.groupBy(falseAlarms, ({ alert }) => alert.tenant ?? '-');
  const byRule = Object.fromEntries([...Map.groupBy(falseAlarms, ({ alert }) => alert.rule)].map(([rule, some]) => [rule, some.length]));
  const most = Math.max(0, ...[...perTenant].filter(([tenant]) => tenant !== '-').map(([, some]) => some.length));
  if (deep) process.stdout.write(`month: ${TENANTS} tenants, ${written} entries, ${month.incidents.length} incidents, ${told.length} alerts, ${falseAlarms.length} false (${JSON.stringify(byRule)}), most of one tenant ${most}, ${seconds.toFixed(0)} s\n`);
  expect(missed).toEqual([]);
  expect(falseAlarms.length / TENANTS, JSON.stringify(byRule)).toBeLessThanOrEqual(1);
  expect(most).toBeLessThanOrEqual(3);
});

/** An alert is of an incident when it names its tenant or person, in its time or within two looks after it. */
function isAbout({ tenant, summary, since }: Alert, at: number, { about, from, until }: Incident): boolean {
  return (tenant === about || summary.includes(about)) && Date.parse(since) >= from - HOUR && at <= until + 2 * HOUR;
}
