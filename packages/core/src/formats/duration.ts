/** A length of time as people write it: a number from 1 to 99999 and one unit, such as `30m`, `24h`, `90d` or `2w`. */
const DURATION = /^([1-9][0-9]{0,4})([mhdw])$/;

export const MS_PER_UNIT = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/** In milliseconds; undefined when it is none. A day has 24 hours. */
export function durationMs(text: string): number | undefined {
  const [, digits, unit] = DURATION.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits) * MS_PER_UNIT[unit as keyof typeof MS_PER_UNIT];
}
