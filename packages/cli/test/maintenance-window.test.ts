import { expect, test } from 'vitest';

import { isInWindow, refuseOutsideWindow } from '../src/key/maintenance-window.ts';

/** 2026-11-22 is a Sunday. Local time, as in the configuration. */
function at(day: number, hour: number, minute: number): Date {
  return new Date(2026, 10, day, hour, minute);
}

test.each([
  ['Sun 02:00-04:00', at(22, 2, 0), true],
  ['Sun 02:00-04:00', at(22, 3, 59), true],
  ['Sun 02:00-04:00', at(22, 4, 0), false],
  ['Sun 02:00-04:00', at(22, 1, 59), false],
  ['Sun 02:00-04:00', at(23, 3, 0), false],
  ['02:00-04:00', at(25, 3, 0), true],
  ['02:00-04:00', at(25, 4, 30), false],
  // Over midnight it is the window of the day on which it opened.
  ['Sat 22:00-02:00', at(21, 23, 0), true],
  ['Sat 22:00-02:00', at(22, 1, 59), true],
  ['Sat 22:00-02:00', at(22, 2, 0), false],
  ['Sat 22:00-02:00', at(22, 23, 0), false],
  ['Sun 22:00-02:00', at(22, 1, 0), false],
  ['22:00-02:00', at(24, 0, 30), true],
  ['22:00-02:00', at(24, 12, 0), false],
  // From a time to the same is the whole day.
  ['Sun 00:00-00:00', at(22, 15, 0), true],
  ['Sun 00:00-00:00', at(23, 15, 0), false],
])('[S3] %s at %s: %s', (window, now, inside) => {
  expect(isInWindow(window, now)).toBe(inside);
});

test('[S3] outside of the window it is refused, and --force overrides just that', () => {
  expect(() => refuseOutsideWindow('02:00-04:00', at(22, 12, 0), false)).toThrow('now is outside the maintenance window, 02:00-04:00');
  expect(() => refuseOutsideWindow('02:00-04:00', at(22, 12, 0), true)).not.toThrow();
  expect(() => refuseOutsideWindow(undefined, at(22, 12, 0), false)).not.toThrow();
});
