import { LockfastError } from '@lockfast/core/errors';

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const DAY_MINUTES = 24 * 60;

/**
 * Whether a moment, in local time, lies in a window such as `Sun 02:00-04:00` or `22:00-02:00`; its last minute does not.
 * The day is that on which the window opens.
 */
export function isInWindow(window: string, now: Date): boolean {
  const [, day, ...times] = /^(?:([A-Z][a-z]{2}) )?(\d\d):(\d\d)-(\d\d):(\d\d)$/.exec(window)!;
  const [fromHour, fromMinute, toHour, toMinute] = times.map(Number) as [number, number, number, number];
  const opens = fromHour * 60 + fromMinute;
  const length = (toHour * 60 + toMinute - opens + DAY_MINUTES) % DAY_MINUTES || DAY_MINUTES;
  const since = (now.getHours() * 60 + now.getMinutes() - opens + DAY_MINUTES) % DAY_MINUTES;
  // Past midnight in a window of yesterday: since counts from there.
  const openedToday = now.getHours() * 60 + now.getMinutes() >= opens;
  const openingDay = (now.getDay() + (openedToday ? 0 : 6)) % 7;
  return since < length && (day === undefined || DAYS.indexOf(day) === openingDay);
}

/** @throws LockfastError `outside-window` */
export function refuseOutsideWindow(window: string | undefined, now: Date, force: boolean): void {
  if (window === undefined || force || isInWindow(window, now)) return;
  throw new LockfastError('outside-window', `now is outside the maintenance window, ${window}`, 'run it then, or with --force');
}
