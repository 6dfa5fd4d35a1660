/**
 * When a new data key is due. All in UTC milliseconds: no calendar, so a day has 24 hours in every zone and year.
 * What is compared stands in the key ring; a clock that goes back or forward moves no date.
 */
import { LockfastError } from '../errors.ts';
import { durationMs, MS_PER_UNIT } from '../formats/duration.ts';
import type { KeyRing } from './key-ring.ts';

export interface Schedule {
  /** How long a data key encrypts, in milliseconds. */
  readonly rotateMs: number;
  /** How soon another one must after somebody with access has left, in milliseconds. */
  readonly departureMs: number;
}

export type RotationCause = 'age' | 'compromised' | 'departure';

export interface RotationDue {
  /** When the active key became so, ISO 8601, or null where there is none. */
  readonly last: string | null;
  /** When the next one is due, ISO 8601; it may lie in the past. */
  readonly next: string;
  readonly overdue: boolean;
  /** What makes `next` so early. */
  readonly cause: RotationCause;
}

const USUAL_ROTATION = 90 * MS_PER_UNIT.d;
const USUAL_DEPARTURE = 24 * MS_PER_UNIT.h;
/** Where keys guard less, they may live longer. */
const USUAL_ROTATIONS: ReadonlyMap<string, number> = new Map([['development', 180 * MS_PER_UNIT.d]]);

/**
 * The schedule of an environment: 90 days, 180 for `development`, and 24 hours after a departure, unless it is
 * configured otherwise.
 *
 * @param configured durations as {@link parseDuration} takes them
 * @throws LockfastError `config-invalid`
 */
export function scheduleOf(environment: string, configured: { readonly rotate?: string; readonly departure?: string } = {}): Schedule {
  const { rotate, departure } = configured;
  return {
    rotateMs: rotate === undefined ? (USUAL_ROTATIONS.get(environment) ?? USUAL_ROTATION) : parseDuration(rotate),
    departureMs: departure === undefined ? USUAL_DEPARTURE : parseDuration(departure),
  };
}

/** `30m`, `24h`, `90d` or `2w` in milliseconds, as {@link durationMs}. @throws LockfastError `config-invalid` */
export function parseDuration(text: string): number {
  const ms = durationMs(text);
  if (ms === undefined) throw new LockfastError('config-invalid', 'a duration is not a number and a unit', 'write it as 30m, 24h, 90d or 2w');
  return ms;
}

/** The dates of a ring, without its secrets. */
export type RotationDates = Pick<KeyRing, 'keys' | 'departure'>;

/**
 * When the next data key is due, and why: the earliest of the active key's age, a compromise (at once) and a departure.
 *
 * @param now milliseconds since the Unix epoch
 */
export function rotationDue(ring: RotationDates, schedule: Schedule, now: number): RotationDue {
  const last = ring.keys.find(({ state }) => state === 'active')?.activated ?? null;
  const due: [number, RotationCause][] = [[last === null ? now : Date.parse(last) + schedule.rotateMs, 'age']];
  const compromised = firstCompromise(ring, last);
  // "At once" must not wait for a clock that went back.
  if (compromised !== undefined) due.push([Math.min(compromised, now), 'compromised']);
  if (ring.departure !== null) due.push([Date.parse(ring.departure) + schedule.departureMs, 'departure']);
  const [next, cause] = due.reduce((earliest, one) => (one[0] < earliest[0] ? one : earliest));
  return { last, next: new Date(next).toISOString(), overdue: now >= next, cause };
}

/** True from the millisecond on at which a rotation is due. @param now milliseconds since the Unix epoch */
export function isRotationDue(ring: RotationDates, schedule: Schedule, now: number): boolean {
  return rotationDue(ring, schedule, now).overdue;
}

/** When the next rotation is due; it may lie in the past. @param now milliseconds since the Unix epoch */
export function nextRotationDate(ring: RotationDates, schedule: Schedule, now: number): Date {
  return new Date(rotationDue(ring, schedule, now).next);
}

/**
 * The first compromise that no rotation followed: of the active key, or of one that drains and was marked since the
 * active one took over. Nothing is under a key that is staged, retired or destroyed.
 */
function firstCompromise({ keys }: RotationDates, last: string | null): number | undefined {
  const times = keys.flatMap(({ state, compromised }) => {
    const open = state === 'active' || (state === 'draining' && (last === null || (compromised ?? '') > last));
    return open && compromised !== null ? [Date.parse(compromised)] : [];
  });
  return times.length === 0 ? undefined : Math.min(...times);
}
