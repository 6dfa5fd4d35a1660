/** The metrics as Prometheus reads them: text format 0.0.4. */
import { isPressing } from '../alert.ts';
import { RULE_NAMES, SEVERITIES } from '../rule-names.ts';
import type { Situation } from '../situation.ts';
import type { WatchState } from '../watch-state.ts';
import { type Count, countsOf, DURATION_BUCKETS } from './counters.ts';
import { type Metric, METRICS } from './table.ts';

export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

const KEY_STATES = ['staged', 'active', 'draining', 'retired', 'destroyed'];

export function prometheusText(state: WatchState, situation: Situation): string {
  const counts = countsOf(state.counters);
  const of = (name: Count['name']): Sample[] => counts.filter((one) => one.name === name).map(({ labels, value }) => [labels, value]);
  const { ring, rotation, ledger, uses, witnesses, ledgerRefusal } = situation;
  const size = ledger === undefined || 'code' in ledger ? undefined : ledger.size;
  const known = state.memories.get('witness-silent');
  const open = state.alerts.filter(({ acknowledged }) => acknowledged === undefined);
  const channels = [...state.channels];
  return [
    block(METRICS.operations, of('operations')),
    block(METRICS.failures, of('failures')),
    block(METRICS.keyErrors, of('key-errors')),
    block(METRICS.failedStarts, orZero(of('failed-starts'))),
    block(METRICS.columnValues, of('column-values')),
    block(METRICS.columnRows, of('column-rows')),
    histogram(counts),
    block(METRICS.keys, ring === undefined || 'code' in ring ? [] : KEY_STATES.map((one) => [{ state: one }, ring.keys.filter((key) => key.state === one).length])),
    block(METRICS.files, uses.map(({ key, files }) => [{ key }, files])),
    block(METRICS.values, uses.map(({ key, values }) => [{ key }, values])),
    block(METRICS.rotationDue, rotation === undefined ? [] : [[{ cause: rotation.cause }, seconds(rotation.next)]]),
    block(METRICS.backup, ring === undefined || 'code' in ring || ring.backup === null ? [] : [[{}, seconds(ring.backup)]]),
    block(METRICS.ledgerEntries, size === undefined ? [] : [[{}, size]]),
    block(METRICS.ledgerUp, ledger === undefined ? [] : [[{}, size === undefined || ledgerRefusal !== undefined ? 0 : 1]]),
    block(METRICS.openIntents, [[{}, state.waiting.size]]),
    block(METRICS.witnessedEntries, witnesses.flatMap(({ name, size: held }) => (held === undefined ? [] : [[{ witness: name }, held] as const]))),
    block(METRICS.witnessed, witnesses.flatMap(({ name }) => { const since = known?.get(name)?.[1]; return since === undefined ? [] : [[{ witness: name }, since / 1000] as const]; })),
    block(METRICS.alerts, SEVERITIES.map((severity) => [{ severity }, open.filter((alert) => alert.severity === severity).length])),
    block(METRICS.alertsByRule, RULE_NAMES.flatMap((rule) => { const count = open.filter((alert) => alert.rule === rule).length; return count === 0 ? [] : [[{ rule, severity: open.some((alert) => alert.rule === rule && isPressing(alert)) ? 'critical' : 'lower' }, count] as const]; })),
    block(METRICS.waiting, channels.map(([channel]) => [{ channel }, state.messages.filter(({ waiting }) => waiting.includes(channel)).length])),
    block(METRICS.deliveries, channels.flatMap(([channel, { delivered, failed }]) => [[{ channel, outcome: 'success' }, delivered] as const, [{ channel, outcome: 'failure' }, failed] as const])),
    block(METRICS.lastRound, [[{}, situation.now / 1000]]),
  ].join('');
}

function block({ name, type, help }: Metric, samples: readonly Sample[]): string {
  if (samples.length === 0) return '';
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${samples.map(([labels, value]) => line(name, labels, value)).join('')}`;
}

function histogram(counts: readonly Count[]): string {
  const { name, type, help } = METRICS.rotationDuration;
  const of = (which: Count['name'], operation: string, le?: string): number => counts.find((one) => one.name === which && one.labels['operation'] === operation && one.labels['le'] === le)?.value ?? 0;
  const operations = counts.filter((one) => one.name === 'rotations').map(({ labels }) => labels['operation']!);
  if (operations.length === 0) return '';
  const lines = operations.map((operation) => {
    const total = of('rotations', operation);
    const buckets = DURATION_BUCKETS.map((le) => line(`${name}_bucket`, { operation, le: String(le) }, of('rotation-bucket', operation, String(le)))).join('');
    return `${buckets}${line(`${name}_bucket`, { operation, le: '+Inf' }, total)}${line(`${name}_sum`, { operation }, of('rotation-seconds', operation))}${line(`${name}_count`, { operation }, total)}`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

function line(name: string, labels: Labels, value: number): string {
  const shown = Object.entries(labels).filter(([, text]) => text !== '').map(([label, text]) => `${label}="${escaped(text)}"`).join(',');
  return `${name}${shown === '' ? '' : `{${shown}}`} ${value}\n`;
}

function escaped(text: string): string {
  return text.toWellFormed().replaceAll('\\', '\\\\').replaceAll('"', String.raw`\"`).replaceAll('\n', String.raw`\n`);
}

function orZero(samples: readonly Sample[]): readonly Sample[] {
  return samples.length === 0 ? [[{}, 0]] : samples;
}

function seconds(time: string): number {
  return Date.parse(time) / 1000;
}
