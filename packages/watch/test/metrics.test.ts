/** The metrics, and what ships for Prometheus and Grafana, checked with Prometheus' own tool where it is. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, onTestFinished, test } from 'vitest';

import { METRICS } from '../src/metrics/table.ts';
import { prometheusText } from '../src/metrics/prometheus.ts';
import { startMetricsServer } from '../src/metrics/server.ts';
import { writeTextfile } from '../src/metrics/textfile.ts';
import { scratchDirectory } from './scratch.ts';
import { DAY, Story } from './story.ts';

const DASHBOARDS = fileURLToPath(new URL('../../../dashboards/', import.meta.url));
const missing = spawnSync('promtool', ['--version'], { stdio: 'ignore' }).status === 0 ? '' : ' (needs promtool)';
const promtool = (args: readonly string[], input = ''): string => {
  const { status, stdout, stderr } = spawnSync('promtool', args, { input, encoding: 'utf8' });
  return `${status} ${stdout}${stderr}`.trim();
};

async function busyStory(): Promise<{ readonly story: Story; readonly text: string }> {
  const story = await Story.begin();
  await story.does('wip', 'lockfast run', { operation: 'decrypt', tenant: 'a "b"\\\nc' });
  await story.does('anna', 'lockfast env get', { operation: 'decrypt', tenant: 'wip', outcome: 'failure', code: 'wrong-key' });
  await story.does('wip', 'lockfast run', { operation: 'decrypt', tenant: 'wip', outcome: 'failure', code: 'source-unavailable' });
  await story.does('app', 'node', { operation: 'encrypt', object: 'users.totp', details: { values: 40 } });
  await story.does('root', 'lockfast column status', { operation: 'column-status', details: { columns: 2, rows: 10, 'rows users.totp gone22': 3, 'rows users.totp kq2d5x': 2, 'rows hooks.secret kq2d5x': 5 } });
  await story.does('root', 'lockfast column status', { operation: 'column-status', details: { columns: 1, 'rows users.totp kq2d5x': 40, 'rows users.totp plaintext': 0, 'rows "': 1 } });
  await story.does('root', 'lockfast key rotate', { operation: 'key-rotate', takes: 42_000 });
  story.state.channels.set('mail', { failures: 0, since: 0, next: 0, code: null, delivered: 3, failed: 1 });
  const iso = (ms: number): string => new Date(story.now + ms).toISOString();
  const situation = await story.watched({
    seen: {
      ring: { keys: [{ id: 'kq2d5x', state: 'active', created: iso(-DAY) }, { id: 'mosrqb', state: 'draining', created: iso(-9 * DAY) }], backup: iso(-DAY) },
      rotation: { last: iso(-DAY), next: iso(89 * DAY), overdue: false, cause: 'age' },
      uses: [{ key: 'kq2d5x', files: 3, values: 41 }],
      witnesses: [{ name: 'the directory /mnt', size: 5, code: undefined }],
    },
  });
  return { story, text: prometheusText(story.state, situation) };
}

describe('metrics', () => {
  test('[E16] [D6] [T6] operations, failures, starts, keys, values by key, due dates, durations, ledger, witnesses, alerts', async () => {
    const { story, text } = await busyStory();
    for (const line of [
      'lockfast_operations_total{operation="decrypt",tenant="a \\"b\\"\\\\\\nc",outcome="success"} 1',
      'lockfast_operations_total{operation="decrypt",tenant="wip",outcome="failure"} 2',
      'lockfast_operations_total{operation="key-rotate",outcome="success"} 1',
      'lockfast_failures_total{code="wrong-key"} 1',
      'lockfast_key_errors_total{code="source-unavailable"} 1',
      'lockfast_failed_starts_total 1',
      'lockfast_column_values_total{operation="encrypt",outcome="success"} 40',
      'lockfast_column_rows{column="users.totp",key="kq2d5x"} 40',
      'lockfast_column_rows{column="users.totp",key="plaintext"} 0',
      'lockfast_column_rows{column="hooks.secret",key="kq2d5x"} 5',
      'lockfast_rotation_duration_seconds_bucket{operation="key-rotate",le="30"} 0',
      'lockfast_rotation_duration_seconds_bucket{operation="key-rotate",le="60"} 1',
      'lockfast_rotation_duration_seconds_sum{operation="key-rotate"} 42',
      'lockfast_keys{state="active"} 1',
      'lockfast_keys{state="draining"} 1',
      'lockfast_values{key="kq2d5x"} 41',
      `lockfast_rotation_due_timestamp_seconds{cause="age"} ${(story.now + 89 * DAY) / 1000}`,
      'lockfast_ledger_entries 9',
      'lockfast_ledger_up 1',
      'lockfast_ledger_witnessed_entries{witness="the directory /mnt"} 5',
      `lockfast_ledger_witnessed_timestamp_seconds{witness="the directory /mnt"} ${story.now / 1000}`,
      'lockfast_alerts_open{severity="critical"} 1',
      'lockfast_rule_alerts_open{rule="key-missing",severity="critical"} 1',
      'lockfast_alert_deliveries_total{channel="mail",outcome="failure"} 1',
    ]) expect(text.split('\n')).toContain(line);
    expect(text).not.toContain('gone22');
  });

  test('no label has values without end', async () => {
    const story = await Story.begin();
    for (let n = 0; n < 2100; n += 100) await (await story.ledgerOf('app', 'node')).intend(Array.from({ length: 100 }, (_, i) => ({ operation: 'decrypt', object: 'o', tenant: `t${n + i}` }))).then(async (intents) => (await story.ledgerOf('app', 'node')).conclude(intents.map((intent) => ({ intent, outcome: 'success' }))));
    for (let n = 0; n < 130; n += 1) await story.does('app', 'node', { operation: `made-up-${n}`, outcome: 'failure', code: 'made-up' });
    const text = prometheusText(story.state, await story.watched());
    const series = text.split('\n').filter((line) => line.startsWith('lockfast_operations_total'));
    expect(series.length).toBeLessThan(2110);
    expect(text).toContain('lockfast_operations_total{operation="decrypt",tenant="other",outcome="success"} 100');
    expect(text).toMatch(/operation="other",outcome="failure"\} 3\d/);
    expect(text).toContain('lockfast_failures_total{code="other"} 130');
  });

  test(`[E16] Prometheus' own tool finds nothing wrong with them${missing}`, async (context) => {
    if (missing !== '') context.skip();
    expect(promtool(['check', 'metrics'], (await busyStory()).text)).toBe('0');
  });

  test('over HTTP there is one path, and nothing else', async () => {
    const server = await startMetricsServer({ host: '127.0.0.1', port: 0 }, () => 'lockfast_alerts_open 1\n');
    onTestFinished(() => server.stop());
    const got = await fetch(server.url);
    expect([got.status, got.headers.get('content-type'), await got.text()]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8', 'lockfast_alerts_open 1\n']);
    expect((await fetch(new URL('/', server.url))).status).toBe(404);
    expect((await fetch(server.url, { method: 'POST', body: 'x' })).status).toBe(405);
    const { port } = new URL(server.url);
    await expect(startMetricsServer({ host: '127.0.0.1', port: Number(port) }, () => '')).rejects.toMatchObject({ code: 'busy' });
    await expect(startMetricsServer({ host: '192.0.2.1', port: 0 }, () => '')).rejects.toMatchObject({ code: 'usage' });
  });

  test('the textfile is replaced whole, for others to read, and has the ending that node_exporter reads', () => {
    const directory = scratchDirectory();
    const path = join(directory, 'lockfast.prom');
    writeTextfile(path, 'a 1\n');
    writeTextfile(path, 'a 2\n');
    expect([readFileSync(path, 'utf8'), statSync(path).mode & 0o777, readdirSync(directory)]).toEqual(['a 2\n', 0o644, ['lockfast.prom']]);
    expect(() => writeTextfile(join(directory, 'lockfast.txt'), '')).toThrow('.prom');
  });
});

describe('what ships', () => {
  const rules = readFileSync(join(DASHBOARDS, 'prometheus-rules.yml'), 'utf8');
  const grafana = readFileSync(join(DASHBOARDS, 'grafana.json'), 'utf8');

  test(`[E16] [S5] [D6] Prometheus takes the rules, and they fire and rest as their tests say${missing}`, (context) => {
    if (missing !== '') context.skip();
    expect(promtool(['check', 'rules', join(DASHBOARDS, 'prometheus-rules.yml')])).toMatch(/^0 .*SUCCESS/s);
    expect(promtool(['test', 'rules', join(DASHBOARDS, 'prometheus-rules.test.yml')])).toMatch(/^0 .*SUCCESS/s);
  });

  test(`[E16] every expression of the Grafana dashboard is PromQL${missing}`, (context) => {
    if (missing !== '') context.skip();
    const expressions = [...grafana.matchAll(/"expr": ("(?:[^"\\]|\\.)*")/g)].map(([, text]) => JSON.parse(text!) as string);
    expect(expressions.length).toBeGreaterThan(10);
    const file = join(scratchDirectory(), 'rules.yml');
    const bare = expressions.map((expr) => expr.replaceAll('$tenant', '.*').replaceAll('$__rate_interval', '5m').replaceAll('$__range', '1d'));
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules: bare.map((expr, n) => ({ record: `panel:${n}`, expr })) }] }));
    expect(promtool(['check', 'rules', '--lint=none', file])).toMatch(/^0 .*SUCCESS/s);
  });

  test('they name metrics that there are, and no others; the guide names them all', () => {
    const known = new Set<string>(Object.values(METRICS).flatMap(({ name, type }) => (type === 'histogram' ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name])));
    for (const [, name] of `${rules}${grafana}`.matchAll(/\b(lockfast_[a-z_]+)/g)) expect(known).toContain(name);
    const guide = readFileSync(fileURLToPath(new URL('../../../docs/guides/watch.md', import.meta.url)), 'utf8');
    for (const { name, otel, unit } of Object.values(METRICS)) expect(guide).toContain(`| \`${name}\` | \`${otel}\` | \`${unit}\``);
  });
});

