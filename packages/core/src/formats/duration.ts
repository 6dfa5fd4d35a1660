/** A length of time as people write it: a number from 1 to 99999 and one unit, such as `30m`, `24h`, `90d` or `2w`. */
const DURATION = /^([1-9][0-9]{0,4})([mhdw])$/;

export const MS_PER_UNIT = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/** In milliseconds; undefined when it is none. A day has 24 hours. */
export function durationMs(text: string): number | undefined {
  const [, digits, unit] = DURATION.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits) * MS_PER_UNIT[unit as keyof typeof MS_PER_UNIT];
}

/** One that somebody waits for: a number from 1 to 9999 and one unit, such as `30s` or `2m`. */
const SHORT_DURATION = /^([1-9][0-9]{0,3})([sm])$/;

/** In milliseconds; undefined when it is none. */
export function shortDurationMs(text: string): number | undefined {
  const [, digits, unit] = SHORT_DURATION.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits) * (unit === 's' ? 1000 : MS_PER_UNIT.m);
}
