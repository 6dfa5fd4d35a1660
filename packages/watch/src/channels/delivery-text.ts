/** A delivery as people and programs read it. Every name in it may be somebody's who wants to forge a line. */
import { shownLine } from '@lockfast/core/files';

import type { Message } from '../watch-state.ts';
import type { Delivery } from './channel.ts';

/** For programs: `docs/guides/watch.md` describes it. */
export function deliveryJson({ id, time, source, messages }: Delivery): string {
  return JSON.stringify({
    format: 'lockfast-alerts/1',
    delivery: id,
    time,
    source,
    alerts: messages.map(({ id: message, change, time: told, alert: { id: alert, cause: _cause, state: _state, ...facts } }) => ({ message, alert, change, told, ...facts })),
  });
}

export function subjectOf({ source, messages }: Delivery): string {
  const [first] = messages;
  const more = messages.length === 1 ? '' : ` and ${messages.length - 1} more`;
  return shownLine(`[lockfast ${source.environment}] ${lineOf(first!)}${more}`).slice(0, 200);
}

/** One line: severity, what became of it, what it is. */
export function lineOf({ change, alert: { severity, rule, summary } }: Message): string {
  return shownLine(`${severity}${change === 'opened' ? '' : `, ${change}`}: ${summary} (${rule})`);
}

export function textOf({ source, messages }: Delivery): string {
  const blocks = messages.map((message) => [lineOf(message), `  what to do: ${shownLine(message.alert.hint)}`, `  since ${message.alert.since}, ${message.change === 'ended' ? 'well again' : `acknowledge: lockfast watch ack ${message.alert.id} --reason WHY`}`].join('\n'));
  return `${blocks.join('\n\n')}\n\n${shownLine(`${source.host}, ${source.environment}`)}\n`;
}
