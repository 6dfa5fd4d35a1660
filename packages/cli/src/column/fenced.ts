/** What fences mean for other commands. */
import type { FenceStanding } from '@lockfast/columns/jobs';
import { LockfastError } from '@lockfast/core/errors';

import type { ConfiguredColumn } from './declared.ts';

export function isOutdated({ state }: FenceStanding): boolean {
  return state === 'outdated';
}

export function isHalf({ state }: FenceStanding): boolean {
  return state === 'half';
}

/** Found before the first row, not by the first batch that the database refuses. @throws LockfastError `conflict` */
export function refuseInTheWay({ id }: ConfiguredColumn, fences: readonly FenceStanding[]): void {
  const fence = fences.find(({ state }) => state === 'in-the-way');
  if (fence === undefined) return;
  throw new LockfastError('conflict', `${id} has a fence, ${fence.name}, which refuses what is written now`, `bring it up to date first: lockfast column fence ${id}, with --also while values of the other format are left`);
}

/** For a table: `validated`, `up` or `half`, with `outdated` or `in the way` behind it; `-` without one. */
export function shownFences(fences: readonly FenceStanding[]): string {
  const shown = fences.map(({ proven, whole, state, rule }) => {
    const remarks = [...(state === 'current' || state === 'half' ? [] : [state.replaceAll('-', ' ')]), ...(rule.formats.length > 1 ? ['both formats'] : [])];
    return `${!whole ? 'half' : proven === true ? 'validated' : 'up'}${remarks.length === 0 ? '' : ` (${remarks.join(', ')})`}`;
  });
  return shown.join(', ') || '-';
}
