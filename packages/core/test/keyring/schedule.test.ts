/** When the next data key is due: by age, after a compromise, after a departure, to the millisecond. */
import {
  isRotationDue,
  KeyRing,
  type KeyRecord,
  nextRotationDate,
  parseDuration,
  type RotationDates,
  rotationDue,
  scheduleOf,
} from '@lockfast/core/keyring';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { refusalOf } from '../files/refusal.ts';
import { SetClock } from '../formats/keys.ts';
import { held } from './rings.ts';

const DAY = 86_400_000;
const HOUR = 3_600_000;
const START = Date.UTC(2026, 0, 1);
const made = await KeyRing.create('production', [held()], new SetClock(START));
const schedule = scheduleOf('production');
const iso = (ms: number): string => new Date(ms).toISOString();
const clock = (ms: number): SetClock => new SetClock(ms);

describe('[W6] the usual schedule', () => {
  test.for<[string, number]>([['development', 180], ['staging', 90], ['production', 90], ['qa', 90], ['constructor', 90], ['Development', 90]])('%s: %i days, and 24 hours after a departure', ([environment, days]) => {
    expect(scheduleOf(environment)).toEqual({ rotateMs: days * DAY, departureMs: 24 * HOUR });
  });

  test('configured otherwise', () => {
    expect(scheduleOf('development', { rotate: '30d' })).toEqual({ rotateMs: 30 * DAY, departureMs: 24 * HOUR });
    expect(scheduleOf('staging', { departure: '30m' })).toEqual({ rotateMs: 90 * DAY, departureMs: 30 * 60_000 });
    expect(refusalOf(() => scheduleOf('staging', { rotate: 'soon' })).code).toBe('config-invalid');
  });
});

describe('a duration', () => {
  test.for<[string, number]>([['30m', 30 * 60_000], ['24h', DAY], ['90d', 90 * DAY], ['2w', 14 * DAY], ['1m', 60_000], ['99999w', 99_999 * 7 * DAY]])('%s', ([text, ms]) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.for(['', 'd', '90', '0d', '090d', '-1d', '+1d', '1.5d', '1e3d', '90D', '90 d', ' 90d', '90d ', '90d\n', '90days', '1d12h', '90s', '1y', '100000d', '٩d', '0x10d'])('%j is none, and is not quoted', (text) => {
    expect(refusalOf(() => parseDuration(text))).toEqual({ code: 'config-invalid', message: 'a duration is not a number and a unit', hint: 'write it as 30m, 24h, 90d or 2w' });
  });
});

test('[W6] [S9] by age: due on the millisecond, not one before', () => {
  const due = START + 90 * DAY;
  expect(rotationDue(made, schedule, due - 1)).toEqual({ last: iso(START), next: iso(due), overdue: false, cause: 'age' });
  expect(rotationDue(made, schedule, due)).toEqual({ last: iso(START), next: iso(due), overdue: true, cause: 'age' });
  for (const [now, expected] of [[START, false], [due - 1000, false], [due - 1, false], [due, true], [due + 1, true], [due + 1000, true]] as const) {
    expect(isRotationDue(made, schedule, now)).toBe(expected);
    expect(nextRotationDate(made, schedule, now).getTime()).toBe(due);
  }
});

test('[W6] after a compromise at once, and done with the next key', () => {
  const when = START + 5 * DAY + 1;
  const marked = made.withCompromised(made.active().id, clock(when));
  expect(rotationDue(marked, schedule, when)).toEqual({ last: iso(START), next: iso(when), overdue: true, cause: 'compromised' });
  const staged = marked.withNewKey(clock(when));
  expect(isRotationDue(staged, schedule, when)).toBe(true);
  const rotated = staged.withActive(staged.keys[1]!.id, clock(when + 5));
  expect(rotationDue(rotated, schedule, when + 5)).toEqual({ last: iso(when + 5), next: iso(when + 5 + 90 * DAY), overdue: false, cause: 'age' });
  // A second leak is another matter.
  const late = rotated.withCompromised(rotated.keys[1]!.id, clock(when + DAY));
  expect(rotationDue(late, schedule, when + DAY).cause).toBe('compromised');
});

test('a draining key that is found to be compromised makes it due; a retired or staged one does not', () => {
  const next = made.withNewKey(clock(START + 1));
  const id = next.keys[1]!.id;
  const rotated = next.withActive(id, clock(START + 2));
  const draining = rotated.withCompromised(made.active().id, clock(START + 3));
  expect(rotationDue(draining, schedule, START + 4)).toMatchObject({ overdue: true, cause: 'compromised', next: iso(START + 3) });
  expect(isRotationDue(draining.withRetired(made.active().id), schedule, START + 4)).toBe(false);
  expect(isRotationDue(next.withCompromised(id, clock(START + 3)), schedule, START + 4)).toBe(false);
});

test('[W6] after a departure within 24 hours, and done with the next key', () => {
  const when = START + 3 * DAY;
  const left = made.withDeparture(clock(when));
  const due = when + 24 * HOUR;
  expect(rotationDue(left, schedule, due - 1)).toEqual({ last: iso(START), next: iso(due), overdue: false, cause: 'departure' });
  expect(isRotationDue(left, schedule, due)).toBe(true);
  const staged = left.withNewKey(clock(when + 1));
  expect(rotationDue(staged.withActive(staged.keys[1]!.id, clock(when + 2)), schedule, due)).toMatchObject({ overdue: false, cause: 'age' });
  // One whose age ends earlier is due earlier.
  const last = START + 90 * DAY - 1;
  expect(rotationDue(made.withDeparture(clock(last)), schedule, last)).toMatchObject({ next: iso(last + 1), cause: 'age' });
});

test('[S5] what is due is the earliest of all causes', () => {
  const all = made.withDeparture(clock(START + DAY)).withCompromised(made.active().id, clock(START + 10 * DAY));
  expect(rotationDue(all, schedule, START + 11 * DAY)).toMatchObject({ next: iso(START + 2 * DAY), overdue: true, cause: 'departure' });
});

describe('time that misbehaves', () => {
  const activated = (ms: number): RotationDates => ({ departure: null, keys: [{ ...made.keys[0]!, activated: iso(ms) } satisfies KeyRecord] });

  test.for<[string, number]>([
    ['a day that is 23 hours long in Berlin', Date.UTC(2026, 2, 29)],
    ['a day that is 25 hours long in Berlin', Date.UTC(2026, 9, 25)],
    ['29 February', Date.UTC(2028, 1, 29, 23, 59, 59, 999)],
    ['the last second of 32-bit time', 2 ** 31 * 1000 - 1],
    ['the second after it', 2 ** 31 * 1000],
    ['the turn of a century without a leap year', Date.UTC(2099, 11, 31, 23, 59, 59, 999)],
  ])('%s', ([, start]) => {
    for (const first of [start - 90 * DAY, start - DAY, start]) {
      const ring = activated(first);
      expect(rotationDue(ring, schedule, first + 90 * DAY - 1).overdue).toBe(false);
      expect(rotationDue(ring, schedule, first + 90 * DAY)).toMatchObject({ overdue: true, next: iso(first + 90 * DAY) });
    }
  });

  test('a clock that goes back moves no date; a compromise stays due at once', () => {
    expect(rotationDue(made, schedule, START - 400 * DAY)).toEqual({ last: iso(START), next: iso(START + 90 * DAY), overdue: false, cause: 'age' });
    const marked = made.withCompromised(made.active().id, clock(START + DAY));
    expect(rotationDue(marked, schedule, START - DAY)).toMatchObject({ overdue: true, cause: 'compromised', next: iso(START - DAY) });
  });

  test('the process\'s zone plays no part', () => {
    const before = process.env['TZ'];
    try {
      for (const zone of ['UTC', 'Pacific/Kiritimati', 'America/St_Johns']) {
        process.env['TZ'] = zone;
        expect(rotationDue(made, schedule, START).next).toBe('2026-04-01T00:00:00.000Z');
      }
    } finally {
      if (before === undefined) delete process.env['TZ'];
      else process.env['TZ'] = before;
    }
  });

  test('at any time: overdue exactly from `next` on, and never later than by age', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4e12 }), fc.option(fc.nat(200 * DAY), { nil: null }), fc.option(fc.nat(200 * DAY), { nil: null }), fc.nat(400 * DAY), (start, departure, compromise, after) => {
        const ring: RotationDates = {
          departure: departure === null ? null : iso(start + departure),
          keys: [{ ...made.keys[0]!, activated: iso(start), compromised: compromise === null ? null : iso(start + compromise) }],
        };
        const now = start + after;
        const { next, overdue } = rotationDue(ring, schedule, now);
        expect(overdue).toBe(now >= Date.parse(next));
        expect(Date.parse(next)).toBeLessThanOrEqual(start + schedule.rotateMs);
        if (compromise !== null) expect(overdue).toBe(true);
      }),
    );
  });
});

test('a ring without an active key is due', () => {
  expect(rotationDue({ departure: null, keys: [{ ...made.keys[0]!, state: 'draining' }] }, schedule, START)).toEqual({ last: null, next: iso(START), overdue: true, cause: 'age' });
});
