/** The life of an alert: told once, until it changes; open, until it is acknowledged or well again. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { createSqliteLedger } from '@lockfast/ledger';
import { describe, expect, onTestFinished, test } from 'vitest';

import { acknowledge, openAlert } from '../src/acknowledge.ts';
import { readState, withState } from '../src/watch-state.ts';
import { scratchDirectory } from './scratch.ts';
import { DAY, HOUR, MINUTE, Story } from './story.ts';

const channels = [{ name: 'mail', least: 'information' }, { name: 'pager', least: 'critical' }] as const;
const FAILED = { operation: 'decrypt', tenant: 'a', outcome: 'failure', code: 'wrong-key' } as const;
const down = (sub: string) => ({ services: [{ tenant: 'a', unit: 'a.service', active: sub === 'running' ? 'active' : 'activating', sub, restarts: 0 }] });
const told = ({ state }: Story) => state.messages.map(({ change, alert, waiting }) => [change, alert.rule, ...waiting]);

describe('what is told', () => {
  test('how things are is told once, when it changes, and when it is well again', async () => {
    const story = await Story.begin();
    await story.watched({ channels, seen: down('auto-restart') });
    await story.passes(MINUTE).watched({ channels, seen: down('auto-restart') });
    expect(told(story)).toEqual([['opened', 'service-failed', 'mail', 'pager']]);
    await story.passes(MINUTE).watched({ channels, seen: { services: [{ tenant: 'a', unit: 'a.service', active: 'failed', sub: 'failed', restarts: 5 }] } });
    await story.passes(MINUTE).watched({ channels, seen: down('running') });
    expect(told(story).map(([change]) => change)).toEqual(['opened', 'changed', 'ended']);
    expect(new Set(story.state.messages.map(({ id }) => id)).size).toBe(3);
    expect(story.state.alerts).toEqual([]);
  });

  test('[E15] what happened is told once for all that is like it, and stays open until somebody has seen to it', async () => {
    const story = await Story.begin();
    for (let i = 0; i < 4; i += 1) {
      await story.passes(HOUR).repeats(3, MINUTE, 'anna', 'lockfast env get', FAILED);
      await story.watched({ channels });
    }
    expect(told(story)).toEqual([['opened', 'failed-decrypts', 'mail']]);
    const [alert] = story.alertsOf('failed-decrypts');
    expect(alert).toMatchObject({ times: 4 });
    acknowledge(story.state, alert!.id, { time: new Date(story.now).toISOString(), by: 'ben' });
    await story.passes(MINUTE).watched({ channels });
    expect(told(story)).toHaveLength(1);
    await story.passes(HOUR).repeats(3, MINUTE, 'anna', 'lockfast env get', FAILED);
    await story.watched({ channels });
    expect(told(story).map(([change]) => change)).toEqual(['opened', 'opened']);
    expect(story.alertsOf('failed-decrypts')[0]!.id).not.toBe(alert!.id);
  });

  test('what nobody acknowledges is closed after the time that is configured', async () => {
    const story = await Story.begin();
    await story.repeats(3, MINUTE, 'anna', 'lockfast env get', FAILED);
    await story.watched();
    await story.passes(6 * DAY).watched();
    expect(story.state.alerts).toHaveLength(1);
    await story.passes(2 * DAY).watched();
    expect(story.state.alerts).toEqual([]);
  });

  test('an acknowledged alert that gets worse is told again', async () => {
    const story = await Story.begin();
    await story.watched({ channels, seen: down('auto-restart'), rules: { 'service-failed': { severity: 'warning' } } });
    acknowledge(story.state, story.state.alerts[0]!.id, { time: new Date(story.now).toISOString(), by: 'ben' });
    await story.watched({ channels, seen: down('auto-restart') });
    expect(told(story)).toEqual([['opened', 'service-failed', 'mail'], ['changed', 'service-failed', 'mail', 'pager']]);
    expect(story.state.alerts[0]!.acknowledged).toBeUndefined();
  });

  test('what happened long before the watch began is history', async () => {
    const story = await Story.begin();
    await story.repeats(3, MINUTE, 'anna', 'lockfast env get', FAILED);
    story.state.begun = story.passes(2 * DAY).now;
    await story.watched({ channels });
    expect(story.state.messages).toEqual([]);
    expect(story.state.seq).toBeGreaterThan(3);
  });

  test('for a channel that is not configured any more nothing waits', async () => {
    const story = await Story.begin();
    await story.watched({ channels, seen: down('auto-restart') });
    await story.watched({ channels: [channels[1]], seen: down('auto-restart') });
    expect(told(story)).toEqual([['opened', 'service-failed', 'pager']]);
    await story.watched({ seen: down('auto-restart') });
    expect(told(story)).toEqual([]);
  });

  test('nothing that people wrote, and no value, gets into an alert', async () => {
    const story = await Story.begin();
    const canary = 'correct horse battery staple';
    await story.does('anna', 'lockfast env get', { operation: 'break-glass', tenant: 'a', reason: canary, details: { read: canary } });
    await story.does('anna', 'lockfast key rotate', { operation: 'key-rotate', outcome: 'refused', code: 'not-permitted', reason: canary, details: { why: canary } });
    await story.repeats(3, MINUTE, 'anna', 'lockfast env get', { ...FAILED, reason: canary, details: { variable: canary } });
    await story.watched({ channels });
    expect(story.state.alerts).toHaveLength(3);
    expect(JSON.stringify([story.state.alerts, story.state.messages])).not.toContain(canary);
  });
});

describe('the ledger under it', () => {
  test('a ledger that lost entries, and one in its place, are found, and watched from there on', async () => {
    const directory = scratchDirectory();
    const story = await Story.begin();
    await story.repeats(3, MINUTE, 'anna', 'lockfast env get', { ...FAILED, outcome: 'success' });
    await story.watched();
    story.state.seq += 2;
    await story.watched();
    expect(story.alertsOf('ledger-cut')).toMatchObject([{ severity: 'critical', kind: 'happened' }]);
    expect(story.state.seq).toBe(4);
    story.state.chain = Buffer.alloc(32).toString('base64');
    await story.watched();
    expect(story.alertsOf('ledger-cut')).toHaveLength(2);
    const other = await createSqliteLedger(join(directory, 'other.db'));
    onTestFinished(() => other.close());
    await story.watched({ ledger: other });
    expect(story.alertsOf('ledger-cut')).toHaveLength(3);
    expect(story.state).toMatchObject({ ledger: other.logId, seq: 0 });
    await story.watched({ ledger: other });
    expect(story.alertsOf('ledger-cut')).toHaveLength(3);
  });
});

describe('the state', () => {
  test('comes back as it was', async () => {
    const directory = scratchDirectory();
    const path = join(directory, 'watch', 'state.json');
    const story = await Story.begin();
    await story.repeats(3, MINUTE, 'anna', 'lockfast env get', FAILED);
    await story.announces('anna', 'lockfast env set', { operation: 'encrypt', object: '/a' });
    await story.watched({ channels });
    await withState(directory, path, story.now, async (state) => {
      Object.assign(state, { ...story.state, channels: state.channels, waiting: state.waiting, memories: state.memories, counters: state.counters });
      for (const part of ['waiting', 'memories', 'counters'] as const) for (const [key, value] of story.state[part]) (state[part] as Map<unknown, unknown>).set(key, value);
    });
    expect(readState(path, 0)).toEqual(story.state);
  });

  test('a file that is none is refused, and one that is away begins anew', async () => {
    const directory = scratchDirectory();
    const path = join(directory, 'watch', 'state.json');
    await withState(directory, path, 5, async (state) => { state.seq = 7; });
    rmSync(path);
    expect(readState(path, 6)).toMatchObject({ seq: 0, begun: 6 });
    const { writeFileSync } = await import('node:fs');
    for (const text of ['', '{}', '{"format":"lockfast-watch/2"}', '[1]', '{"format":"lockfast-watch/1","seq":"x"}']) {
      writeFileSync(path, text, { mode: 0o600 });
      expect(() => readState(path, 0), text).toThrow(LockfastError);
    }
  });

  test('an id that is nobody\'s, or was acknowledged before, is refused', async () => {
    const story = await Story.begin();
    await story.watched({ seen: down('auto-restart') });
    const { id } = story.state.alerts[0]!;
    expect(() => openAlert(story.state, 'aaaaaaaa')).toThrow('no open alert');
    acknowledge(story.state, id, { time: new Date(story.now).toISOString(), by: 'ben' });
    expect(() => openAlert(story.state, id)).toThrow('ben');
  });
});
