/** Every rule, replayed: a ledger and a machine that make it fire, and those like them that do not. */
import { describe, expect, test } from 'vitest';

import type { Policy } from '../src/rule.ts';
import { RULE_NAMES, type RuleName } from '../src/rule-names.ts';
import type { Seen, SeenRing } from '../src/situation.ts';
import { DAY, HOUR, MINUTE, Story } from './story.ts';

interface Round {
  readonly seen?: Partial<Seen>;
  readonly policy?: Partial<Policy>;
}

/** Plays, and says how the machine is when the watch looks. */
type Play = (story: Story) => Promise<Round | void>;

interface Fixture {
  readonly title: string;
  readonly rule: RuleName;
  readonly fires: Play;
  readonly rests: Play;
}

const TENANT = 'wip.example.com';
const FAILED = { operation: 'decrypt', tenant: TENANT, outcome: 'failure', code: 'wrong-key' } as const;
const READ = { operation: 'decrypt', tenant: TENANT, keyId: 'kq2d5x' } as const;
const WRITTEN = { operation: 'encrypt', tenant: TENANT } as const;

const service = (active: string, sub: string, restarts = 0): Round => ({ seen: { services: [{ tenant: TENANT, unit: `${TENANT}.service`, active, sub, restarts }] } });
const found = (kind: Seen['findings'][number]['kind']): Seen['findings'] => [{ tenant: TENANT, path: `/srv/${TENANT}/.env`, kind, detail: 'not as it should be', hint: 'look', repair: undefined }];
const ring = (created: string, backup: string | null): SeenRing => ({ keys: [{ id: 'kq2d5x', state: 'active', created }], backup });
const due = (story: Story, inMs: number): Round => ({ seen: { rotation: { last: null, next: new Date(story.now + inMs).toISOString(), overdue: inMs <= 0, cause: 'age' } } });
const named = (...names: string[]): Round => ({ policy: { expects: (person, tenant) => names.includes(person) || person === tenant } });
const outside: Round = { policy: { isMaintenance: () => false } };

/** Two colleagues at a tenant for twelve days, mornings. */
async function everyday(story: Story): Promise<void> {
  for (let day = 0; day < 12; day += 1) {
    await story.repeats(3, HOUR, 'anna', 'lockfast env get', { ...READ });
    await story.does('anna', 'lockfast env set', WRITTEN);
    await story.does('ben', 'lockfast env set', WRITTEN);
    story.passes(DAY - 2 * HOUR);
  }
}

const FIXTURES: readonly Fixture[] = [
  {
    title: '[E15] three failed decrypts of a tenant in an hour',
    rule: 'failed-decrypts',
    fires: (story) => story.repeats(3, 20 * MINUTE, 'anna', 'lockfast env get', FAILED),
    rests: async (story) => {
      await story.repeats(3, 31 * MINUTE, 'anna', 'lockfast env get', FAILED);
      await story.repeats(2, MINUTE, 'anna', 'lockfast env get', { ...FAILED, tenant: 'other.example.com' });
    },
  },
  {
    title: '[E15] failed values of a column count, each of them',
    rule: 'failed-decrypts',
    fires: (story) => story.does('app', 'node', { operation: 'decrypt', object: 'users.totp', outcome: 'failure', code: 'moved-or-altered', details: { values: 4, failed: 3 } }),
    rests: (story) => story.does('app', 'node', { operation: 'decrypt', object: 'users.totp', outcome: 'failure', code: 'moved-or-altered', details: { values: 4, failed: 2 } }),
  },
  {
    title: '[E15] five decrypts without an encrypt',
    rule: 'decrypts-without-encrypt',
    fires: (story) => story.repeats(5, HOUR, 'anna', 'lockfast env get', READ),
    rests: async (story) => {
      await story.repeats(4, HOUR, 'anna', 'lockfast env get', READ);
      await story.does('anna', 'lockfast env set', WRITTEN);
      await story.repeats(4, HOUR, 'anna', 'lockfast env get', READ);
      await story.repeats(20, MINUTE, 'wip', 'lockfast run', READ);
    },
  },
  {
    title: '[E15] access by an unexpected user',
    rule: 'unexpected-user',
    fires: async (story) => {
      await story.does('mallory', 'lockfast env get', READ);
      return named('anna');
    },
    rests: async (story) => {
      await story.does('anna', 'lockfast env get', READ);
      await story.does(TENANT, 'lockfast run', READ);
      return named('anna');
    },
  },
  {
    title: '[E15] the root key used outside the maintenance window',
    rule: 'root-key-outside-window',
    fires: async (story) => {
      await story.does('root', 'lockfast key rewrap', { operation: 'key-rewrap' });
      return outside;
    },
    rests: async (story) => {
      await story.does('root', 'lockfast key list', { operation: 'key-list' });
      await story.does('root', 'lockfast key rotate', { operation: 'key-rotate', outcome: 'refused', code: 'outside-window' });
      return outside;
    },
  },
  { title: '[E15] [T6] a service failed to start', rule: 'service-failed', fires: async () => service('failed', 'failed'), rests: async () => service('active', 'running') },
  { title: '[E15] a service is started again and again', rule: 'service-failed', fires: async () => service('activating', 'auto-restart'), rests: async () => service('activating', 'start') },
  {
    title: '[E15] a service was not well after a restart of ours',
    rule: 'service-failed',
    fires: (story) => story.does('root', 'lockfast secret rotate', { operation: 'service-restart', object: 'wip.service', tenant: TENANT, outcome: 'failure', code: 'service-failed' }),
    rests: (story) => story.does('root', 'lockfast secret rotate', { operation: 'service-restart', object: 'wip.service', tenant: TENANT }),
  },
  { title: '[E15] an encrypted file is missing', rule: 'encrypted-file-missing', fires: async () => ({ seen: { findings: found('not-encrypted') } }), rests: async () => ({ seen: { findings: found('mode') } }) },
  {
    title: '[E15] a plaintext file found while the service is down',
    rule: 'plaintext-while-down',
    fires: async () => ({ seen: { findings: found('plaintext'), ...service('inactive', 'dead').seen } }),
    rests: async () => ({ seen: { findings: found('plaintext'), ...service('active', 'running').seen } }),
  },
  {
    title: 'a plaintext file found',
    rule: 'plaintext-found',
    fires: async () => ({ seen: { findings: found('plaintext') } }),
    rests: async () => ({ seen: { findings: found('plaintext'), ...service('inactive', 'dead').seen } }),
  },
  { title: 'a damaged file', rule: 'damaged-file', fires: async () => ({ seen: { findings: found('damaged') } }), rests: async () => ({ seen: { findings: found('variable') } }) },
  {
    title: 'a secret in use lies in a repository',
    rule: 'secret-in-git',
    fires: (story) => story.does('anna', 'lockfast guard scan', { operation: 'guard-finding', object: '/srv/repo', tenant: TENANT, outcome: 'failure', details: { variable: 'API_KEY' } }),
    rests: (story) => story.does('anna', 'lockfast guard update', { operation: 'guard-update', object: '/srv/repo' }),
  },
  { title: 'permissions drifted', rule: 'permission-drift', fires: async () => ({ seen: { findings: found('mode') } }), rests: async () => ({ seen: { findings: found('plaintext') } }) },
  {
    title: '[S8] a key operation was refused',
    rule: 'key-operation-refused',
    fires: (story) => story.does('ben', 'lockfast key rotate', { operation: 'key-rotate', outcome: 'refused', code: 'not-permitted' }),
    rests: async (story) => {
      await story.does('root', 'lockfast key rotate', { operation: 'key-rotate', takes: 5000 });
      await story.does('ben', 'lockfast env get', { ...READ, outcome: 'refused', code: 'not-permitted' });
    },
  },
  {
    title: '[D6] [T6] the key is missing in production',
    rule: 'key-missing',
    fires: (story) => story.does('wip', 'lockfast run', { ...READ, outcome: 'failure', code: 'source-unavailable' }),
    rests: (story) => story.does('wip', 'lockfast run', { ...READ, outcome: 'failure', code: 'damaged' }),
  },
  { title: '[D6] the key ring is gone', rule: 'key-missing', fires: async () => ({ seen: { ring: { code: 'ring-missing' } } }), rests: async (story) => ({ seen: { ring: ring(new Date(story.now).toISOString(), null) } }) },
  {
    title: '[T6] a program was not started',
    rule: 'failed-start',
    fires: (story) => story.does('wip', 'lockfast run', { ...READ, outcome: 'failure', code: 'tampered' }),
    rests: async (story) => {
      await story.does('wip', 'lockfast run', READ);
      await story.does('anna', 'lockfast env get', FAILED);
    },
  },
  {
    title: 'a service that starts again and again since a rotation',
    rule: 'restarts-since-rotation',
    fires: async (story) => {
      await story.does('root', 'lockfast secret rotate', { operation: 'secret-rotate', takes: 3000 });
      await story.passes(MINUTE).repeats(4, 10 * MINUTE, 'wip', 'lockfast run', READ);
    },
    rests: async (story) => {
      await story.repeats(9, 10 * MINUTE, 'wip', 'lockfast run', READ);
      await story.passes(HOUR).does('root', 'lockfast secret rotate', { operation: 'secret-rotate', takes: 3000 });
      await story.passes(MINUTE).repeats(3, 10 * MINUTE, 'wip', 'lockfast run', READ);
      await story.passes(2 * DAY).repeats(3, MINUTE, 'wip', 'lockfast run', READ);
    },
  },
  {
    title: "systemd's counter of restarts grows since a rotation",
    rule: 'restarts-since-rotation',
    fires: async (story) => {
      await story.does('root', 'lockfast key rotate', { operation: 'key-rotate', takes: 3000 });
      await story.watched(service('active', 'running', 7));
      story.passes(HOUR);
      return service('active', 'running', 11);
    },
    rests: async (story) => {
      await story.does('root', 'lockfast key rotate', { operation: 'key-rotate', takes: 3000 });
      await story.watched(service('active', 'running', 7));
      story.passes(HOUR);
      return service('active', 'running', 3);
    },
  },
  { title: '[S5] a rotation is due', rule: 'rotation-due', fires: async (story) => due(story, 6 * DAY), rests: async (story) => due(story, 8 * DAY) },
  { title: '[S5] a rotation is overdue', rule: 'rotation-overdue', fires: async (story) => due(story, -MINUTE), rests: async (story) => due(story, MINUTE) },
  {
    title: 'no backup holds the newest key',
    rule: 'backup-missing',
    fires: async (story) => ({ seen: { ring: ring(new Date(story.now - 2 * DAY).toISOString(), new Date(story.now - 9 * DAY).toISOString()) } }),
    rests: async (story) => ({ seen: { ring: ring(new Date(story.now - HOUR).toISOString(), null) } }),
  },
  {
    title: 'no restore drill for half a year',
    rule: 'restore-drill-missing',
    fires: async (story) => {
      await story.does('root', 'lockfast init', { operation: 'init' });
      story.passes(181 * DAY);
    },
    rests: async (story) => {
      await story.does('root', 'lockfast init', { operation: 'init' });
      await story.passes(100 * DAY).does('root', 'lockfast key restore', { operation: 'key-restore-drill' });
      story.passes(100 * DAY);
    },
  },
  {
    title: 'an intent without an outcome',
    rule: 'open-intent',
    fires: async (story) => {
      await story.announces('anna', 'lockfast env set', { operation: 'encrypt', object: '/srv/a', tenant: TENANT });
      story.passes(61 * MINUTE);
    },
    rests: async (story) => {
      await story.does('anna', 'lockfast env set', { ...WRITTEN, takes: 2 * HOUR });
      await story.announces('anna', 'lockfast env set', { operation: 'encrypt', object: '/srv/a', tenant: TENANT });
      story.passes(59 * MINUTE);
    },
  },
  { title: 'the ledger takes no entry', rule: 'ledger-cut', fires: async () => ({ seen: { ledgerRefusal: 'ledger-rewound' } }), rests: async () => ({}) },
  {
    title: 'a witness has had nothing new for a day',
    rule: 'witness-silent',
    fires: async (story) => {
      await story.repeats(4, MINUTE, 'anna', 'lockfast env get', READ);
      const seen = { witnesses: [{ name: 'the directory /mnt', size: 2, code: undefined }] };
      await story.watched({ seen });
      story.passes(MINUTE);
      await story.watched({ seen });
      story.passes(25 * HOUR);
      return { seen };
    },
    rests: async (story) => {
      await story.repeats(4, MINUTE, 'anna', 'lockfast env get', READ);
      await story.watched({ seen: { witnesses: [{ name: 'the directory /mnt', size: 2, code: undefined }] } });
      story.passes(25 * HOUR);
      return { seen: { witnesses: [{ name: 'the directory /mnt', size: 3, code: undefined }] } };
    },
  },
  {
    title: 'a witness does not answer for a day',
    rule: 'witness-silent',
    fires: async (story) => {
      const seen = { witnesses: [{ name: 'https://w', size: undefined, code: 'witness-failed' }] };
      await story.watched({ seen });
      story.passes(25 * HOUR);
      return { seen };
    },
    rests: async (story) => {
      await story.watched({ seen: { witnesses: [{ name: 'https://w', size: undefined, code: 'witness-failed' }] } });
      story.passes(2 * HOUR);
      return { seen: { witnesses: [{ name: 'https://w', size: undefined, code: 'witness-failed' }] } };
    },
  },
  {
    title: 'somebody at a tenant where they never were',
    rule: 'unusual-actor',
    fires: async (story) => {
      await everyday(story);
      await story.does('carl', 'lockfast env get', READ);
    },
    rests: async (story) => {
      await everyday(story);
      await story.does('ben', 'lockfast env get', READ);
      // A new tenant has no usual people.
      await story.does('carl', 'lockfast env get', { ...READ, tenant: 'new.example.com' });
    },
  },
  {
    title: 'somebody at an hour at which they never were',
    rule: 'unusual-hour',
    fires: async (story) => {
      await everyday(story);
      await story.passes(16 * HOUR).does('anna', 'lockfast env get', READ);
    },
    rests: async (story) => {
      await everyday(story);
      await story.passes(HOUR).does('anna', 'lockfast env get', READ);
      await story.passes(15 * HOUR).does('wip', 'lockfast run', READ);
    },
  },
  {
    title: 'five failed decrypts in five minutes',
    rule: 'decrypt-failure-burst',
    fires: async (story) => {
      for (const tenant of ['a', 'b', 'c', 'd', 'e']) await story.passes(MINUTE).does('app', 'lockfast env get', { ...FAILED, tenant });
    },
    rests: async (story) => {
      for (const tenant of ['a', 'b', 'c', 'd', 'e']) await story.passes(2 * MINUTE).does('app', 'lockfast env get', { ...FAILED, tenant });
    },
  },
  {
    title: 'a retired key is used',
    rule: 'retired-key-used',
    fires: async (story) => {
      await story.does('root', 'lockfast key retire', { operation: 'key-retire', object: 'ring', keyId: 'kq2d5x' });
      await story.passes(DAY).does('wip', 'lockfast run', READ);
    },
    rests: async (story) => {
      await story.does('wip', 'lockfast run', READ);
      await story.passes(DAY).does('root', 'lockfast key retire', { operation: 'key-retire', object: 'ring', keyId: 'kq2d5x' });
      await story.passes(DAY).does('wip', 'lockfast run', { ...READ, keyId: 'mosrqb' });
    },
  },
  {
    title: 'something was read past the ledger',
    rule: 'break-glass',
    fires: (story) => story.does('anna', 'lockfast env get', { operation: 'break-glass', tenant: TENANT, reason: 'the disk was full' }),
    rests: (story) => story.does('anna', 'lockfast env get', READ),
  },
  {
    title: 'a migration is finished',
    rule: 'migration-finished',
    fires: (story) => story.does('root', 'lockfast column encrypt', { operation: 'column-encrypt', object: 'users.totp', takes: 90_000 }),
    rests: (story) => story.does('root', 'lockfast column encrypt', { operation: 'column-encrypt', object: 'users.totp', takes: 90_000, outcome: 'failure', code: 'column-findings' }),
  },
];

describe('each rule fires on its ledger, and rests on another one', () => {
  for (const { title, rule, fires, rests } of FIXTURES) {
    test(title, async () => {
      const [bad, good] = [await Story.begin(), await Story.begin()];
      await bad.watched((await fires(bad)) ?? {});
      expect(bad.alertsOf(rule), 'must fire').toHaveLength(1);
      expect(bad.alertsOf(rule)[0]!.summary).not.toBe('');
      await good.watched((await rests(good)) ?? {});
      expect(good.alertsOf(rule), 'must rest').toEqual([]);
    });
  }

  test('a dead channel is told on the others alone', async () => {
    const story = await Story.begin();
    const channels = [{ name: 'mail', least: 'information' }, { name: 'hook', least: 'information' }] as const;
    story.state.channels.set('mail', { failures: 3, since: story.now, next: story.now, code: 'tool-failed', delivered: 0, failed: 3 });
    await story.watched({ channels });
    expect(story.state.messages.map(({ alert, waiting }) => [alert.rule, waiting])).toEqual([['channel-dead', ['hook']]]);
    story.state.channels.set('mail', { failures: 2, since: story.now, next: story.now, code: 'tool-failed', delivered: 0, failed: 5 });
    await story.watched({ channels });
    expect(story.alertsOf('channel-dead')).toEqual([]);
  });

  test('a ledger that can not be read is an alert, and ends with it', async () => {
    const story = await Story.begin();
    await story.watched({ ledger: { code: 'ledger-missing' } });
    expect(story.alertsOf('ledger-unavailable')).toHaveLength(1);
    await story.watched();
    expect(story.alertsOf('ledger-unavailable')).toEqual([]);
  });

  test('every rule has a fixture', () => {
    expect(new Set([...FIXTURES.map(({ rule }) => rule), 'channel-dead', 'ledger-unavailable'])).toEqual(new Set(RULE_NAMES));
  });
});

describe('thresholds', () => {
  test('threshold, window, severity and whether it is asked are configured', async () => {
    const story = await Story.begin();
    await story.repeats(2, 90 * MINUTE, 'anna', 'lockfast env get', FAILED);
    await story.watched({ rules: { 'failed-decrypts': { threshold: 2, window: '2h', severity: 'critical' } } });
    expect(story.alertsOf('failed-decrypts')).toMatchObject([{ severity: 'critical', tenant: TENANT }]);
    await story.watched({ rules: { 'failed-decrypts': { enabled: false } } });
    expect(story.alertsOf('failed-decrypts')).toEqual([]);
  });

  test('a threshold or a window that a rule does not have is refused', async () => {
    const story = await Story.begin();
    await expect(story.watched({ rules: { 'break-glass': { threshold: 2 } } })).rejects.toMatchObject({ code: 'config-invalid' });
    await expect(story.watched({ rules: { 'channel-dead': { window: '2h' } } })).rejects.toMatchObject({ code: 'config-invalid' });
  });

  test('[D6] [D7] a tenant whose own key was destroyed lacks it on purpose, until it gets another one', async () => {
    const story = await Story.begin();
    const lost = { ...READ, outcome: 'failure', code: 'missing-key' } as const;
    await story.does('root', 'lockfast tenant shred', { operation: 'tenant-shred', object: TENANT, tenant: TENANT });
    await story.does('wip', 'lockfast run', lost);
    await story.does('root', 'lockfast column encrypt', { operation: 'column-encrypt', object: 'users.phone', outcome: 'failure', code: 'missing-key' });
    await story.watched({});
    expect(story.alertsOf('key-missing')).toEqual([]);
    await story.does('wip', 'lockfast run', { ...lost, code: 'source-unavailable' });
    await story.watched({});
    expect(story.alertsOf('key-missing')).toHaveLength(1);
    await story.does('root', 'lockfast tenant own-key', { operation: 'tenant-own-key', object: TENANT, tenant: TENANT });
    await story.does('wip', 'lockfast run', lost);
    await story.watched({});
    expect(story.alertsOf('key-missing')).toHaveLength(2);
  });

  test('[D6] [D7] the key ring says whose key was destroyed, too', async () => {
    const story = await Story.begin();
    const record = `id=aaaaaaaaaaaaaaaa tenant=${TENANT} created=2026-01-01T00:00:00.000Z destroyed=2026-02-01T00:00:00.000Z`;
    await story.watched({ seen: { ring: { ...ring(new Date(story.now).toISOString(), null), tenants: [record] } } });
    await story.does('wip', 'lockfast run', { ...READ, outcome: 'failure', code: 'missing-key' });
    await story.watched({});
    expect(story.alertsOf('key-missing')).toEqual([]);
  });

  test('[D6] outside of production a missing key is a warning', async () => {
    const story = await Story.begin();
    await story.does('anna', 'lockfast env get', { ...READ, outcome: 'failure', code: 'missing-key' });
    await story.watched({ policy: { isProduction: false } });
    expect(story.alertsOf('key-missing')).toMatchObject([{ severity: 'warning' }]);
  });
});
