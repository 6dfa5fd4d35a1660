/** A rotation while three applications read and write, as docs/guides/zero-downtime-rotation.md describes it. */
import { setTimeout as sleep } from 'node:timers/promises';

import { column } from '@lockfast/columns';
import { generateRootKey, KeyRing } from '@lockfast/core/keyring';
import { keySource } from '@lockfast/keys';
import { describe, expect, test } from 'vitest';

import { missingForPostgres } from '@lockfast/testkit';
import { type ColumnProject, columnServer } from './support/columns.ts';
import { ledgerEntries } from './support/ledger.ts';
import { ACCOUNTS, ACCOUNTS_TABLE, LiveMachine, openOperatorsRing, operatorsRing } from './support/live-machines.ts';

interface Instances {
  readonly generation: number;
  readonly instances: readonly { readonly instance: string; readonly host: string; readonly generation: number; readonly active: string; readonly held: readonly string[]; readonly live: boolean }[];
  readonly staged: readonly { readonly key: string; readonly lacking: readonly string[] }[];
}

const ROWS = 90;

const missing = missingForPostgres();

describe.skipIf(missing !== undefined)(`zero downtime${missing === undefined ? '' : ` (${missing})`}`, { timeout: 240_000 }, () => {
  const databases = columnServer();

  async function keyInUse(panel: ColumnProject): Promise<string> {
    return (await panel.json<{ keys: { id: string; state: string }[] }>(['key', 'list'])).keys.find(({ state }) => state === 'active')!.id;
  }

  /** When every live instance reports this of itself. */
  async function untilAll(panel: ColumnProject, reports: (instance: Instances['instances'][number]) => boolean, count: number): Promise<void> {
    const table = (): string[] => panel.sql("SELECT json_build_object('host', host, 'generation', generation, 'active', active, 'held', string_to_array(held, ' '), 'live', true) FROM lockfast_instances");
    await expect.poll(() => table().map((line) => reports(JSON.parse(line) as Instances['instances'][number])), { timeout: 20_000 }).toEqual(Array.from({ length: count }, () => true));
  }

  test('[T4] [D7] [D5] three applications read and write through a whole rotation: no error, no plaintext, every acknowledged write readable and under the new key, the old one retired', async () => {
    const panel = await databases.project(ACCOUNTS_TABLE, ACCOUNTS);
    const old = await keyInUse(panel);
    // All of them started before the new key existed. One looks by itself, one when it gets SIGHUP; the third is kept stale for a while.
    const web1 = await LiveMachine.start(panel, 'web-1', 0, ROWS, 200);
    const web2 = await LiveMachine.start(panel, 'web-2', 1, ROWS);
    const web3 = await LiveMachine.start(panel, 'web-3', 2, ROWS, 200);
    const machines = [web1, web2, web3];
    const bringAll = (): void => {
      for (const machine of machines) machine.bring();
      web2.hangUp();
    };
    await untilAll(panel, ({ active }) => active === old, 3);

    // Nobody can hold a key that is made and activated in one step.
    expect(await panel.run(['key', 'rotate', '--yes'])).toMatchObject({ status: 1, stderr: expect.stringContaining('3 live instances would not hold a key that is made and activated in one step: web-1 (generation 1, app), web-2') });

    const { id: key } = await panel.json<{ id: string }>(['key', 'create', '--reason', 'quarterly']);
    expect(await panel.run(['key', 'activate', key, '--yes'])).toMatchObject({ status: 1, stderr: expect.stringContaining(`the key ${key} is not held by 3 of 3 live instances`) });
    web1.bring();
    web2.bring();
    web2.hangUp();
    await untilAll(panel, ({ host, held }) => held.includes(key) === (host !== 'web-3'), 3);
    const stale = await panel.json<Instances>(['column', 'instances']);
    const third = stale.instances.find(({ host }) => host === 'web-3')!;
    expect(stale.staged).toEqual([{ key, lacking: [third.instance] }]);
    expect((await panel.done(['column', 'instances'])).stdout).toMatch(new RegExp(`^HOST .*\\n(?:web-\\d +[a-z2-7]{16} +app +\\d +${old} +live +\\d+ s ago\\n){3}${key} is staged, and not held by 1 of 3 live instances: web-3\\n$`));
    const refused = await panel.run(['key', 'activate', key, '--yes']);
    expect(refused).toMatchObject({ status: 1, stdout: '' });
    expect(refused.stderr).toContain(`the key ${key} is not held by 1 of 3 live instances: web-3 (generation 1, app)`);
    expect(refused.stderr).toContain('--despite-instances --reason WHY');
    // The refusal of a rotation is the same, and changes nothing either.
    expect((await panel.run(['key', 'rotate', '--yes'])).stderr).toContain(`the key ${key} is not held by 1 of 3 live instances: web-3`);
    expect(await keyInUse(panel)).toBe(old);

    web3.bring();
    await untilAll(panel, ({ held }) => held.includes(key), 3);
    expect((await panel.done(['column', 'instances'])).stdout).toContain(`${key} is staged, and held by all 3 live instances; next: lockfast key activate ${key}\n`);
    await panel.done(['key', 'activate', key, '--yes', '--reason', 'all hold it']);

    // Two write under the new key, one under the old one, and each reads what the others write.
    web1.bring();
    web2.bring();
    web2.hangUp();
    await untilAll(panel, ({ host, active }) => active === (host === 'web-3' ? old : key), 3);
    // It may find that somebody still writes under the old key, and says so then.
    expect((await panel.run(['column', 'rotate', '--reason', 'quarterly', '--batch', '20'])).status).toBeLessThanOrEqual(1);
    await sleep(500);
    expect(await panel.run(['key', 'retire', old, '--yes'])).toMatchObject({ status: 1, stderr: expect.stringContaining(`1 of 3 live instances still encrypts with the key ${old}: web-3`) });

    bringAll();
    await untilAll(panel, ({ active }) => active === key, 3);
    await panel.done(['column', 'rotate', '--reason', 'quarterly', '--batch', '20']);
    const { columns } = await panel.json<{ columns: { rows: number; plaintext: number; keys: Record<string, number> }[] }>(['column', 'status', '--verify', 'all']);
    expect(columns).toMatchObject([{ rows: ROWS, plaintext: 0, keys: { [key]: ROWS } }]);
    await panel.done(['key', 'retire', old, '--yes', '--reason', 'quarterly']);

    // The retired key is gone from the applications, too, and they go on.
    bringAll();
    await untilAll(panel, ({ held }) => !held.includes(old), 3);
    await sleep(500);
    const results = [];
    for (const machine of machines) results.push(await machine.stop());
    expect(panel.sql('SELECT count(*) FROM lockfast_instances')).toEqual(['0']);
    expect(results.map(({ failures }) => failures)).toEqual([{}, {}, {}]);
    for (const machine of machines) expect(machine.keptCodes()).toEqual([]);
    for (const { writes, reads } of results) {
      expect(writes).toBeGreaterThan(200);
      expect(reads).toBeGreaterThan(400);
    }
    const secret = column(await openOperatorsRing(panel), { id: 'accounts.secret', context: ['org'] });
    const rows = panel.sql("SELECT id || '|' || org || '|' || secret FROM accounts ORDER BY id").map((line) => line.split('|') as [string, string, string]);
    expect(rows).toHaveLength(ROWS);
    const written = Object.assign({}, ...results.map(({ acknowledged }) => acknowledged)) as Record<string, string>;
    for (const [id, org, value] of rows) {
      expect(value.slice(0, 12)).toBe(`lfv1.${key}.`);
      expect(secret.decrypt(value, { org })).toBe(written[id]);
    }
    const entries = await ledgerEntries(panel.project);
    expect(entries.filter(({ operation, outcome }) => /^key-(?:create|activate|retire)$/.test(operation) && outcome !== undefined).map(({ operation, outcome, code }) => [operation, outcome, code])).toEqual([
      ['key-create', 'success', undefined],
      ['key-activate', 'failure', 'invalid-transition'],
      ['key-activate', 'failure', 'invalid-transition'],
      ['key-activate', 'success', undefined],
      ['key-retire', 'failure', 'key-in-use'],
      ['key-retire', 'success', undefined],
    ]);
  });

  test('[T4] [T6] in place of its key ring: an older one, garbage, that of another environment, none. The application goes on with the one it has, says each once, and takes the next good one', async () => {
    const panel = await databases.project(ACCOUNTS_TABLE, ACCOUNTS);
    const first = operatorsRing(panel);
    const machine = await LiveMachine.start(panel, 'web-1', 0, ROWS, 100);
    const { id: key } = await panel.json<{ id: string }>(['key', 'create']);
    machine.bring();
    await machine.said(({ event, generation }) => event === 'key-ring-replaced' && generation === 2);
    const staging = await KeyRing.create('staging', [keySource('env:ROOT', { environment: { ROOT: generateRootKey() }, home: '/', directory: '/', askPassphrase: () => Promise.reject(new Error('nobody is asked')) })]);
    const wrong: [code: string, put: () => void][] = [
      ['ring-older', () => machine.bring(first)],
      ['ring-malformed', () => machine.bring('{"format": "lockfast-keyring/2"')],
      ['wrong-environment', () => machine.bring(staging.print())],
      ['ring-missing', () => machine.deleteRing()],
    ];
    for (const [code, put] of wrong) {
      put();
      await machine.said((line) => line['event'] === 'key-ring-kept' && line['code'] === code && line['generation'] === 2);
      // Several looks later.
      await sleep(350);
    }
    expect(machine.keptCodes()).toEqual(wrong.map(([code]) => code));
    // What it says of itself is still true: it holds the staged key.
    expect((await panel.json<Instances>(['column', 'instances'])).staged).toEqual([{ key, lacking: [] }]);
    await panel.done(['key', 'activate', key, '--yes']);
    machine.bring();
    await machine.said(({ event, activeKey }) => event === 'key-ring-replaced' && activeKey === key);
    await sleep(200);
    const { failures, writes } = await machine.stop();
    expect([failures, machine.keptCodes().length]).toEqual([{}, wrong.length]);
    expect(writes).toBeGreaterThan(50);
    expect(panel.sql(`SELECT count(*) > 0 FROM accounts WHERE secret LIKE 'lfv1.${key}.%'`)).toEqual(['t']);
  });

  test('[T4] an instance that was passed over has the key ring already: a value under the new key makes it look, and it is read', async () => {
    const panel = await databases.project(ACCOUNTS_TABLE, ACCOUNTS);
    const forgotten = await LiveMachine.start(panel, 'web-2', 1, ROWS);
    const { id: key } = await panel.json<{ id: string }>(['key', 'create']);
    await panel.done(['key', 'activate', key, '--yes', '--despite-instances', '--reason', 'web-2 reads the new ring by itself']);
    forgotten.bring();
    const other = await LiveMachine.start(panel, 'web-1', 0, ROWS, 200);
    await forgotten.said(({ event, activeKey }) => event === 'key-ring-replaced' && activeKey === key);
    for (const machine of [forgotten, other]) expect((await machine.stop()).failures).toEqual({});
    expect((await ledgerEntries(panel.project)).find(({ operation }) => operation === 'key-instances-overruled')).toMatchObject({ object: key, reason: 'web-2 reads the new ring by itself', details: { instances: 1, which: 'web-2' } });
  });
});
