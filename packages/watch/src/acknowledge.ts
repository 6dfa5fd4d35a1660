import { LockfastError } from '@lockfast/core/errors';

import type { Acknowledgement, Alert } from './alert.ts';
import type { WatchState } from './watch-state.ts';

/** The open alert of that id. @throws LockfastError `not-found`; `conflict` for one that is acknowledged already */
export function openAlert({ alerts }: Pick<WatchState, 'alerts'>, id: string): Alert {
  const alert = alerts.find((one) => one.id === id);
  if (alert === undefined) throw new LockfastError('not-found', 'there is no open alert of this id', 'see lockfast watch list');
  if (alert.acknowledged !== undefined) throw new LockfastError('conflict', `the alert ${alert.id} was acknowledged by ${alert.acknowledged.by} before`, 'nothing to do');
  return alert;
}

export function acknowledge(state: WatchState, id: string, acknowledged: Acknowledgement): void {
  state.alerts = state.alerts.map((alert) => (alert.id === id ? { ...alert, acknowledged } : alert));
}
