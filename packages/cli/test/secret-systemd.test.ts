/** `secret rotate` over services of a real systemd: one refuses, one is slow, one is down, one has no unit. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { missingForSystemd, missingForTracing } from '@lockfast/testkit';

import { CredentialFleet, DIRECTORY, fileOf, type FleetMember } from './support/credential-fleet.ts';
import { deep, seed } from './support/rotation-sample.ts';

const missing = missingForSystemd() ?? missingForTracing();

/** Whatever a shell, sed, an env file or a unit could stumble over. */
const CANARY = 'canary-9e2f0c41';
const NASTY = `${CANARY}&|\\1 \\n$HOME \${X} %h #no "double" back\`tick\tä€😀`;

const MEMBERS: readonly FleetMember[] = [
  { name: 't01', manner: 'takes', bare: true },
  { name: 't02', manner: 'takes', bare: true },
  { name: 't03', manner: 'takes', own: 'old-own-3' },
  { name: 't04', manner: 'takes' },
  { name: 't05', manner: 'refuses', own: 'old-own-5' },
  { name: 't06', manner: 'takes' },
  { name: 't07', manner: 'slow' },
  { name: 't08', manner: 'takes' },
  { name: 't09', manner: 'down' },
  { name: 't10', manner: 'takes', own: 'old-own-10' },
  { name: 't11', manner: 'missing' },
  { name: 't12', manner: 'refuses', restarts: true },
];

interface Shown {
  readonly id: string;
  readonly status: string;
  readonly services: readonly { readonly unit: string; readonly was: string; readonly state: string; readonly durationMs: number | null }[];
  readonly failures: readonly { readonly what: string }[];
}

describe.skipIf(missing !== undefined)(`twelve services${missing === undefined ? '' : ` (${missing})`}`, () => {
  let fleet: CredentialFleet;
  const old = (): Record<string, string> => Object.fromEntries(fleet.running().map((name) => [name, MEMBERS.find((one) => one.name === name)!.own ?? 'old-shared']));
  const accept = (name: string): void => fleet.machine.write(`/srv/accept/${name}`, '');
  const history = async (): Promise<Shown[]> => (JSON.parse((await fleet.expectDone(['secret', 'history', '--json'])).stdout) as { rotations: Shown[] }).rotations;

  beforeAll(async () => {
    fleet = await CredentialFleet.boot(MEMBERS, 'old-shared');
  }, 120_000);
  afterAll(async () => {
    await fleet[Symbol.asyncDispose]();
  });

  test('[E13] [B6] a unit that is missing is in the plan, and nothing is changed without --force', { timeout: 60_000 }, async () => {
    await expect.poll(() => fleet.seen(), { timeout: 20_000 }).toEqual(old());
    const { status, stdout, stderr } = await fleet.lockfast(['secret', 'rotate', 'API_KEY', '--scope', 'all'], NASTY);
    expect([status, stderr]).toEqual([1, expect.stringContaining('systemd knows no unit shop-t11.service')]);
    expect(stdout).toMatch(/^t11 +shop-t11\.service +missing/m);
    expect(stdout).toMatch(/^t09 +shop-t09\.service +down +stays stopped; its file changes$/m);
    expect(await fleet.value('')).toBe('old-shared');
    expect(await history()).toEqual([]);
  });

  test('[E13] [B6] a shared value that the canary refuses goes back before any other service restarts', { timeout: 60_000 }, async () => {
    const before = await fleet.pids();
    const { status, stderr } = await fleet.lockfast(['secret', 'rotate', 'API_KEY', '--scope', 'shared', '--canary', 't12', '--parallel', '4', '--force'], NASTY);
    expect([status, stderr]).toEqual([1, expect.stringContaining('API_KEY has its old value again everywhere')]);
    const { t12: _, ...others } = before;
    expect(await fleet.pids()).toMatchObject(others);
    await expect.poll(() => fleet.seen(), { timeout: 20_000 }).toEqual(old());
    expect(await fleet.value('')).toBe('old-shared');
    expect(await fleet.states()).toMatchObject({ t12: 'active', t01: 'active' });
  });

  test('[E13] [B6] one service refuses the new value: everything goes back, byte for byte, and runs with it', { timeout: 120_000 }, async () => {
    accept('t12');
    const before = await fleet.texts();
    const { status, stderr, stdout } = await fleet.lockfast(['secret', 'rotate', 'API_KEY', '--scope', 'all', '--canary', 't02', '--parallel', '3', '--force', '--json'], NASTY);
    expect([status, stderr]).toEqual([1, expect.stringContaining('shop-t05.service')]);
    const record = JSON.parse(stdout.slice(0, stdout.indexOf('\n}\n') + 3)) as Shown;
    expect(record).toMatchObject({ status: 'rolled-back', failures: [{ what: 'shop-t05.service' }] });
    expect(record.services.filter(({ was }) => was === 'up').every(({ state }) => state === 'restored' || state === 'waiting')).toBe(true);
    expect(record.services.find(({ unit }) => unit === 'shop-t02.service')).toMatchObject({ state: 'restored' });
    expect(await fleet.texts()).toEqual(before);
    await expect.poll(() => fleet.seen(), { timeout: 20_000 }).toEqual(old());
    expect(await fleet.states()).toEqual(Object.fromEntries(MEMBERS.filter(({ manner }) => manner !== 'missing').map(({ name, manner }) => [name, manner === 'down' ? 'inactive' : 'active'])));
    expect(stderr + stdout).not.toContain(CANARY);
  });

  test('[E13] [B6] every service has the new value byte for byte, the slow one too; what was down is not started; no command line shows it', { timeout: 120_000 }, async () => {
    accept('t05');
    const seen: string[] = [];
    const watching = setInterval(() => seen.push(...commandLines()), 15);
    const { status, stderr, stdout } = await fleet.lockfast(['secret', 'rotate', 'API_KEY', '--scope', 'all', '--parallel', '3', '--force', '--json', '--reason', 'ticket 4711', '--verify-command', 'grep -q canary'], NASTY);
    clearInterval(watching);
    expect(status, stderr).toBe(0);
    const record = JSON.parse(stdout) as Shown;
    expect(record.status).toBe('completed');
    expect(record.services.find(({ unit }) => unit === 'shop-t07.service')!.durationMs).toBeGreaterThan(1_500);
    await expect.poll(() => fleet.seen(), { timeout: 20_000 }).toEqual(Object.fromEntries(fleet.running().map((name) => [name, NASTY])));
    expect(await fleet.states()).toMatchObject({ t09: 'inactive', t07: 'active', t05: 'active' });
    for (const name of ['', 't03', 't05', 't10']) expect(await fleet.value(name)).toBe(NASTY);
    expect(seen.length).toBeGreaterThan(100);
    expect(seen.filter((line) => line.includes(CANARY))).toEqual([]);
  });

  test('[E13] the value is in no journal, ledger, backup, log or temporary file, nor in what systemd logs', async () => {
    for (const directory of [join(fleet.machine.written, 'srv'), join(fleet.machine.written, 'root'), join(fleet.machine.root, 'tmp')]) {
      expect(execFileSync('sh', ['-c', 'grep -rlaF -e "$1" "$2" || true', 'sh', CANARY, directory], { encoding: 'utf8' })).toBe('');
    }
    expect((await fleet.machine.run(['journalctl', '--no-pager', '-o', 'verbose'])).stdout).not.toContain(CANARY);
    const { stdout } = await fleet.machine.run(['sh', '-c', 'stat -c %a /srv/rotations.log; cat /srv/rotations.log']);
    expect(stdout).toMatch(/^640\n/);
    expect(stdout).toMatch(/\| WARNING \| SECRET-ROTATE \| all \| root \| ROLLED-BACK \| API_KEY \|/);
    expect(stdout).toMatch(/\| INFO \| SECRET-ROTATE \| all \| root \| COMPLETED \| API_KEY \| 4 files, 10 services, [0-9.]+ s \| ticket 4711\n/);
    const verified = await fleet.lockfast(['ledger', 'verify']);
    expect(verified.stdout).toContain('the chain is whole');
    expect(readdirSync(join(fleet.machine.root, DIRECTORY, '.lockfast/credential-rotations')).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  test('[E13] secret rollback gives each the value that it had, and restarts what runs', { timeout: 120_000 }, async () => {
    const { id } = (await history()).at(-1)!;
    const { status, stderr } = await fleet.lockfast(['secret', 'rollback', id, '--reason', 'no quota']);
    expect(status, stderr).toBe(0);
    await expect.poll(() => fleet.seen(), { timeout: 20_000 }).toEqual(old());
    expect(await fleet.value('t10')).toBe('old-own-10');
    expect((await history()).at(-1)).toMatchObject({ id, status: 'rolled-back' });
    expect(await fleet.lockfast(['secret', 'rollback', id])).toMatchObject({ status: 5 });
  });

  test('[B6] a service that started by itself meanwhile has the new value, and is restarted on the way back, too', { timeout: 60_000 }, async () => {
    await fleet.machine.run(['rm', '/srv/accept/t12']);
    const rotating = fleet.lockfast(['secret', 'rotate', 'API_KEY', '--scope', 'shared', '--canary', 't12', '--force'], NASTY);
    // The canary is restarted again and again, until its time is out.
    await expect.poll(() => fleet.seen()['t12'], { timeout: 20_000, interval: 20 }).toBe(NASTY);
    await fleet.machine.run(['systemctl', 'restart', 'shop-t01']);
    await expect.poll(() => fleet.seen()['t01'], { timeout: 10_000, interval: 20 }).toBe(NASTY);
    const { status, stderr } = await rotating;
    expect([status, stderr]).toEqual([1, expect.stringContaining('shop-t01.service restored')]);
    expect(stderr).not.toContain('shop-t02.service');
    await expect.poll(() => fleet.seen(), { timeout: 20_000 }).toEqual(old());
  });
});

/** In an ordinary run. Both ways on after a kill, forward and back, are longer than this. */
const STEP = 5;

describe.skipIf(missing !== undefined)(`killed at every step${missing === undefined ? '' : ` (${missing})`}`, () => {
  const members: readonly FleetMember[] = [
    { name: 'a', manner: 'takes', bare: true },
    { name: 'b', manner: 'takes', own: 'old-b' },
    { name: 'c', manner: 'refuses' },
    { name: 'd', manner: 'down', own: 'old-d' },
  ];
  let fleet: CredentialFleet;
  beforeAll(async () => {
    fleet = await CredentialFleet.boot(members, 'old-shared');
  }, 120_000);
  afterAll(async () => {
    await fleet[Symbol.asyncDispose]();
  });

  /** Back to the beginning, whatever the last story came to. */
  async function reset(): Promise<void> {
    for (const [name, value] of [['', 'old-shared'], ['b', 'old-b'], ['d', 'old-d']] as const) {
      await fleet.expectDone(['env', 'set', 'API_KEY', '--file', fileOf(name)], value);
    }
    await fleet.machine.run(['systemctl', 'restart', 'shop-a', 'shop-b', 'shop-c']);
    await expect.poll(() => fleet.seen(), { timeout: 20_000 }).toEqual({ a: 'old-shared', b: 'old-b', c: 'old-shared' });
  }

  test.for([
    { title: '[B6] forward: the next run finishes', accepted: true, value: 'old-but-new' },
    { title: '[B6] [E13] with a service that refuses: the next run rolls back', accepted: false, value: 'fresh' },
  ])('$title', { timeout: 600_000 }, async ({ accepted, value }) => {
    if (accepted) fleet.machine.write('/srv/accept/c', '');
    else await fleet.machine.run(['rm', '-f', '/srv/accept/c']);
    const args = ['secret', 'rotate', 'API_KEY', '--scope', 'all', '--parallel', '2'];
    const resumed = { finished: 0, back: 0, fresh: 0 };
    await reset();
    // LOCKFAST_SEED says which ones in an ordinary run.
    for (let ordinal = deep ? 1 : 1 + (seed % STEP); ; ordinal += deep ? 1 : STEP) {
      const killed = await fleet.killedAt(ordinal, args, value);
      // strace ends as its child did.
      if (killed.status < 128) {
        expect(ordinal, killed.stderr).toBeGreaterThan(8);
        break;
      }
      const again = await fleet.lockfast(args, value);
      const name = `killed at rename ${ordinal}, seed ${seed}: ${again.stderr}`;
      if (again.stderr.includes('finishing the rotation')) resumed.finished += 1;
      else if (again.stderr.includes('rolling back the rotation')) resumed.back += 1;
      else resumed.fresh += 1;
      expect(again.status, name).toBe(accepted ? 0 : 1);
      const want = accepted ? { a: value, b: value, c: value } : { a: 'old-shared', b: 'old-b', c: 'old-shared' };
      await expect.poll(() => fleet.seen(), { timeout: 20_000, message: name }).toEqual(want);
      expect(await fleet.states(), name).toEqual({ a: 'active', b: 'active', c: 'active', d: 'inactive' });
      expect([await fleet.value(''), await fleet.value('b'), await fleet.value('d')], name).toEqual(accepted ? [value, value, value] : ['old-shared', 'old-b', 'old-d']);
      expect(await fleet.lockfast(['secret', 'rotate', '--resume']), name).toMatchObject({ status: 2 });
      if (accepted) await reset();
    }
    expect(resumed.finished).toBeGreaterThan(deep ? 5 : 0);
    if (!accepted) expect(resumed.back).toBeGreaterThan(deep ? 3 : 0);
    if (accepted) await reset();
    process.stdout.write(`killed at a rename, seed ${seed}: ${JSON.stringify(resumed)}\n`);
  });
});

/** Of every process of this machine, those in the container among them; but for the test's own. */
function commandLines(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name) && name !== String(process.pid))
    .flatMap((name) => {
      try {
        return [readFileSync(`/proc/${name}/cmdline`, 'utf8')];
      } catch {
        return [];
      }
    });
}
