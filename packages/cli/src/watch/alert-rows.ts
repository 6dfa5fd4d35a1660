import type { Alert } from '@lockfast/watch';

import { shownMinute } from '../terminal.ts';

export const ALERT_HEAD = ['ID', 'SEVERITY', 'SINCE', 'TIMES', 'RULE', 'WHAT'];

export function alertRows(alerts: readonly Alert[]): string[][] {
  return alerts.map(({ id, severity, since, times, rule, summary, hint, acknowledged }) => [id, severity, shownMinute(since), String(times), rule, acknowledged === undefined ? `${summary}: ${hint}` : `${summary} (acknowledged by ${acknowledged.by})`]);
}

/** As `--json` prints it. */
export function shownAlert({ cause: _cause, state: _state, ...alert }: Alert): object {
  return alert;
}
