/** Runs an action and takes its time on the processor: on a busy machine the clock on the wall says nothing. */
export function measured<T>(action: () => T): { readonly result: T; readonly seconds: number } {
  const before = process.cpuUsage();
  const result = action();
  const { user, system } = process.cpuUsage(before);
  return { result, seconds: (user + system) / 1e6 };
}
