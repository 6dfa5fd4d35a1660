import { type RotationCause, type RotationDates, type RotationDue, rotationDue, type Schedule, scheduleOf } from '@lockfast/core/keyring';

import type { Arguments } from '../arguments.ts';
import type { Configuration } from '../configuration.ts';
import { requireRole } from '../permission.ts';
import type { Session } from '../session.ts';
import { counted, shownMinute } from '../terminal.ts';
import { Workspace } from '../workspace.ts';

type ScheduleSettings = Pick<Configuration, 'environment' | 'schedule'>;

const MS_PER = { d: 86_400_000, h: 3_600_000, m: 60_000 } as const;

const CAUSES: Readonly<Record<RotationCause, string>> = { age: 'age', compromised: 'a key is compromised', departure: 'somebody with access has left' };

/** Its exit status is for a timer: with --check, 1 says that somebody must act. */
export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  await requireRole(workspace, session, 'auditor', { operation: 'key-schedule', object: workspace.configuration.keyring });
  const ring = await workspace.ring();
  const now = Date.now();
  const { environment } = workspace.configuration;
  const { rotateMs, departureMs } = scheduleFor(workspace.configuration);
  const due = rotationDueIn(ring, workspace.configuration, now);
  const periods = { every: shownPeriod(rotateMs), afterDeparture: shownPeriod(departureMs) };
  if (args.flag('json')) session.terminal.json({ environment, ...periods, ...due });
  else {
    session.terminal.table(
      ['ENVIRONMENT', 'EVERY', 'AFTER DEPARTURE', 'LAST', 'NEXT', 'DUE', 'BECAUSE'],
      [[environment, periods.every, periods.afterDeparture, due.last === null ? '-' : shownMinute(due.last), shownMinute(due.next), shownDistance(due, now), CAUSES[due.cause]]],
    );
    if (due.overdue) session.terminal.warn('a rotation is due: lockfast key rotate');
  }
  return due.overdue && args.flag('check') ? 1 : 0;
}

/** When the next data key is due by this configuration. @param now milliseconds since the Unix epoch */
export function rotationDueIn(ring: RotationDates, configuration: ScheduleSettings, now: number): RotationDue {
  return rotationDue(ring, scheduleFor(configuration), now);
}

/** One line for `status`. */
export function scheduleLine(ring: RotationDates, configuration: ScheduleSettings, now: number): string {
  const due = rotationDueIn(ring, configuration, now);
  const last = due.last === null ? 'never' : due.last.slice(0, 10);
  const why = due.overdue ? ` (${CAUSES[due.cause]}): lockfast key rotate` : due.cause === 'age' ? '' : ` (${CAUSES[due.cause]})`;
  return `Rotation last ${last}, next ${due.next.slice(0, 10)}, ${shownDistance(due, now)}${why}`;
}

/** What is due, for a command that has just made it due. */
export function dueStep(ring: RotationDates, configuration: ScheduleSettings, now: number): string {
  const due = rotationDueIn(ring, configuration, now);
  return `lockfast key rotate, due ${due.overdue ? 'now' : shownMinute(due.next)}${due.cause === 'age' ? '' : `, because ${CAUSES[due.cause]}`}`;
}

function scheduleFor({ environment, schedule }: ScheduleSettings): Schedule {
  return scheduleOf(environment, schedule);
}

function shownPeriod(ms: number): string {
  const [unit, size] = Object.entries(MS_PER).find(([name, one]) => ms % one === 0 && (name !== 'd' || ms > one))!;
  return `${ms / size}${unit}`;
}

function shownDistance({ next, overdue }: RotationDue, now: number): string {
  const ms = Math.abs(now - Date.parse(next));
  const unit = ms > 2 * MS_PER.d ? 'd' : 'h';
  const count = ms / MS_PER[unit];
  const noun = unit === 'd' ? 'day' : 'hour';
  if (!overdue) return `in ${counted(Math.ceil(count), noun)}`;
  return count < 1 ? 'now' : `overdue by ${counted(Math.floor(count), noun)}`;
}
