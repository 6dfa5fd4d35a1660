import { MS_PER_UNIT } from '@lockfast/core/formats';
import { systemClock } from '@lockfast/core/ports';
import { activeRules, readState, stateFile } from '@lockfast/watch';

import type { Arguments } from '../arguments.ts';
import { requireRole } from '../permission.ts';
import type { Session } from '../session.ts';
import { shownMinute } from '../terminal.ts';
import { Workspace } from '../workspace.ts';
import { ALERT_HEAD, alertRows, shownAlert } from './alert-rows.ts';
import { channelName, kindOf } from './channels.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const { terminal } = session;
  const workspace = new Workspace(args, session);
  const { configuration } = workspace;
  await requireRole(workspace, session, 'auditor', { operation: 'watch-list', object: configuration.file, environment: configuration.environment });
  const rules = activeRules(configuration.alerts.rules ?? {}).map(({ name, rule, severity, threshold, windowMs }) => ({
    rule: name,
    severity: severity ?? rule.severity,
    ...(rule.threshold === undefined ? {} : { threshold }),
    ...(rule.windowMs === undefined ? {} : { window: shownDuration(windowMs) }),
    what: rule.what,
  }));
  const state = readState(stateFile(workspace.stateDirectory, configuration.file), systemClock.now());
  const channels = configuration.alerts.channels.map((settings) => {
    const name = channelName(settings);
    const { failures = 0, code = null, next = 0 } = state.channels.get(name) ?? {};
    const waiting = state.messages.filter((message) => message.waiting.includes(name)).length;
    return { channel: name, kind: kindOf(settings), severity: settings.severity ?? 'information', waiting, failures, ...(code === null ? {} : { code, next: new Date(next).toISOString() }) };
  });
  if (args.flag('json')) terminal.json({ alerts: state.alerts.map(shownAlert), rules, channels });
  else if (args.flag('rules')) terminal.table(['RULE', 'SEVERITY', 'THRESHOLD', 'WINDOW', 'FIRES ON'], rules.map(({ rule, severity, threshold, window, what }) => [rule, severity, threshold === undefined ? '-' : String(threshold), window ?? '-', what]));
  else if (args.flag('channels')) terminal.table(['CHANNEL', 'KIND', 'FROM', 'WAITING', 'STATE'], channels.map(({ channel, kind, severity, waiting, failures, code, next }) => [channel, kind, severity, String(waiting), code === undefined ? 'well' : `failed ${failures} times (${code}), tried again from ${shownMinute(next!)}`]));
  else if (state.alerts.length === 0) terminal.line('nothing open');
  else terminal.table(ALERT_HEAD, alertRows(state.alerts));
  return 0;
}

function shownDuration(ms: number): string {
  const [unit, size] = Object.entries(MS_PER_UNIT).findLast(([, one]) => ms % one === 0) ?? ['m', MS_PER_UNIT.m];
  return `${ms / size}${unit}`;
}
