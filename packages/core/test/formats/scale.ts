/** `LOCKFAST_DEEP=1` runs a hundred times as many generated cases: before a release, not at each change. */
export const DEEP = process.env['LOCKFAST_DEEP'] === '1';

export function cases(usual: number): number {
  return DEEP ? usual * 100 : usual;
}

/** Options of a test whose length follows {@link cases}. */
export const LONG = { timeout: DEEP ? 3_600_000 : 60_000 } as const;

/** For tens of thousands of refusals: finding out where each was thrown takes longer than throwing it. */
export function withoutStacks(action: () => void): void {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    action();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** Milliseconds of processor time that this process, its threads included, has used: a busy machine does not add to it. */
export function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
