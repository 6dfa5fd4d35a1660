/** How much of a large set of cases an ordinary run does. */
export const deep: boolean = process.env['LOCKFAST_DEEP'] === '1';
const SEED = Number(process.env['LOCKFAST_SEED'] ?? 1);

/** All of them in a deep run; else some, in their order, that LOCKFAST_SEED chooses. */
export function chosen<T>(all: readonly T[], some: number): readonly T[] {
  if (deep || all.length <= some) return all;
  let state = SEED;
  const left = all.map((_, index) => index);
  const taken = Array.from({ length: some }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return left.splice(state % left.length, 1)[0]!;
  });
  return taken.toSorted((a, b) => a - b).map((index) => all[index]!);
}
