/**
 * An operator's day with six tenants in a booted systemd, two for each of the three ways: made, rotated over with edits in
 * open files, refused, killed half way, and taken apart again.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { missingForSystemd, type RunResult } from '@lockfast/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { FleetMachine, NODE } from './support/fleet-machine.ts';

const missing = missingForSystemd();

const KEEPER = '/etc/lockfast';
const here = { cwd: KEEPER };
const NAMES = ['c1', 'c2', 'f1', 'f2', 'r1', 'r2'] as const;
const WAYS: Readonly<Record<string, string>> = { c: 'credential', f: 'file', r: 'run' };
const CANARY = 'canary-51c7a90e';

/** What shells, sed, units and env files make something else of, in lines of its own each. @param which no two are alike */
function nasty(which: string): string {
  return `${CANARY}-${which}\n&|\\1 \\n \\\\ $HOME \${X} $$ %h %% #no # "double" it's\ttab =\nä€😀 漢字 end `;
}

/**
 * Reads its variables as its way has them, tells them in /dev/shm, where no test looks for traces, and refuses a key other
 * than the one whose SHA-256 is in /dev/shm/only-NAME. While it is well, there is /dev/shm/well-NAME.
 */
const PROGRAM = `
const fs = require('node:fs');
const [name, way] = process.argv.slice(2);
const directory = process.env.CREDENTIALS_DIRECTORY;
const variables = way === 'run' ? process.env
  : way === 'file' ? require('node:util').parseEnv(fs.readFileSync('.env', 'utf8'))
  : Object.fromEntries(fs.readdirSync(directory).filter((one) => one.startsWith('variable_')).map((one) => [one.slice(9), fs.readFileSync(directory + '/' + one, 'utf8')]));
const well = '/dev/shm/well-' + name;
process.on('SIGTERM', () => { fs.rmSync(well, { force: true }); process.exit(0); });
const report = '/dev/shm/told-' + name;
fs.writeFileSync(report + '.new', JSON.stringify({ pid: process.pid, variables }));
fs.renameSync(report + '.new', report);
const only = '/dev/shm/only-' + name;
if (fs.existsSync(only) && fs.readFileSync(only, 'utf8') !== require('node:crypto').createHash('sha256').update(variables.API_KEY).digest('hex')) process.exit(1);
fs.writeFileSync(well, '');
setInterval(() => {}, 1e6);
`;

/** Whether it is well, but where /dev/shm/hold-NAME says that nobody shall know that yet. */
const WELL = `["/bin/sh", "-c", "test -e /dev/shm/well-$1 && test ! -e /dev/shm/hold-$1", "sh", "{tenant}"]`;

/** `c1` is well when its unit stays active. What refuses, and is started again and again, takes its whole time. */
const SETTINGS = `user = "web"
required = ["API_KEY", "PORT"]
generated = ["SECRET_KEY"]
${NAMES.map((name) => `[tenant.${name}]\nway = "${WAYS[name[0]!]!}"\n[tenant.${name}.health]\ntimeout = "${name === 'r1' ? 6 : 20}s"\n${name === 'c1' ? '' : `command = ${WELL}\n`}`).join('')}`;

describe.skipIf(missing !== undefined)(`a day with six tenants${missing === undefined ? '' : ` (${missing})`}`, () => {
  let fleet: FleetMachine;
  /** What the services should have now. */
  let present = nasty('first');
  beforeAll(async () => {
    fleet = await FleetMachine.boot();
    await fleet.ok(['useradd', '--system', 'web']);
    fleet.machine.write('/opt/app/shop.js', PROGRAM);
    await fleet.keep(KEEPER, { user: 'root', tenants: '/srv/tenants/{tenant}', settings: SETTINGS });
    await fleet.ok(['lockfast', 'env', 'set', 'API_KEY', '--file', 'shared.env.encrypted'], { ...here, input: present });
  }, 60_000);
  afterAll(async () => {
    await fleet[Symbol.asyncDispose]();
  });

  const inside = (path: string): string => join(fleet.machine.root, path);
  const told = (name: string): Readonly<Record<string, string>> | undefined => {
    const report = inside(`dev/shm/told-${name}`);
    return existsSync(report) ? (JSON.parse(readFileSync(report, 'utf8')) as { variables: Record<string, string> }).variables : undefined;
  };
  const keys = (): Record<string, string | undefined> => Object.fromEntries(NAMES.map((name) => [name, told(name)?.['API_KEY']]));
  const all = (value: string): Record<string, string> => Object.fromEntries(NAMES.map((name) => [name, value]));
  const rotate = (value: string, ...args: string[]): Promise<RunResult> => fleet.lockfast(['secret', 'rotate', 'API_KEY', '--scope', 'all', ...args], { ...here, input: value });
  const states = async (): Promise<string[]> => (await fleet.systemctl('is-active', ...NAMES)).stdout.trim().split('\n');
  const decrypted = (name: string, file = '.env.encrypted'): Promise<string> => fleet.ok(['lockfast', 'env', 'decrypt', `/srv/tenants/${name}/${file}`, '--out', '-'], here);
  const aside = (name: string): string[] => readdirSync(inside(`srv/tenants/${name}`)).filter((file) => file.startsWith('.env.edited-'));
  /** It does not pass for well from here on, and the rotation waits for it. */
  const hold = (name: string): void => fleet.machine.write(`/dev/shm/hold-${name}`, '');
  const release = (name: string): void => rmSync(inside(`dev/shm/hold-${name}`));
  /** As its account, in place, through the link. Of what is appended the value is on standard input. */
  const edit = (name: string, script: string, input = ''): Promise<string> => fleet.ok(['setpriv', '--reuid=web', '--regid=web', '--clear-groups', 'sh', '-c', script.replaceAll('FILE', `/srv/tenants/${name}/.env`)], { input });

  test('[E8] [E10] [E11] made and installed, two for each way, they run with every value byte for byte, and audit clean', { timeout: 120_000 }, async () => {
    for (const [i, name] of NAMES.entries()) {
      const command = `"${NODE}" /opt/app/shop.js ${name} ${WAYS[name[0]!]!}`;
      const { status, stderr } = await fleet.lockfast(['tenant', 'create', name, '--port', String(8001 + i), '--set', 'OWN', '--install', '--exec', command], { ...here, input: `${CANARY}-of-${name}\n` });
      expect([status, stderr]).toEqual([0, '']);
    }
    // These two fail at once when they refuse; `r1` is started again and again.
    for (const name of ['c2', 'f2']) fleet.machine.write(`/etc/systemd/system/${name}.service.d/90-once.conf`, '[Service]\nRestart=no\n');
    await fleet.ok(['systemctl', 'daemon-reload']);
    await fleet.ok(['systemctl', 'start', ...NAMES]);
    await expect.poll(keys, { timeout: 20_000 }).toEqual(all(present));
    for (const [i, name] of NAMES.entries()) expect(told(name)).toMatchObject({ PORT: String(8001 + i), DOMAIN: name, OWN: `${CANARY}-of-${name}`, LEVEL: 'info', SECRET_KEY: expect.stringMatching(/^[\w-]{43}$/) as string });
    expect(await fleet.lockfast(['tenant', 'audit'], here)).toMatchObject({ status: 0, stdout: '6 tenants, no findings\n' });
  });

  test('[E13] [E10] a shared value is rotated: each service has it byte for byte, and no edit of an open .env is lost or undoes it', { timeout: 120_000 }, async () => {
    // Of what all share, before: that is no place for it.
    await edit('f2', "sed -i --follow-symlinks 's/^LEVEL=.*/LEVEL=edited-level/; s/^OWN=.*/OWN=edited-with-it/' FILE");
    const next = nasty('second');
    const seen: string[] = [];
    const watching = setInterval(() => seen.push(...commandLines(fleet.machine.root)), 15);
    hold('r2');
    const rotating = rotate(next, '--canary', 'r2');
    await expect.poll(() => told('r2')?.['API_KEY'], { timeout: 20_000, interval: 20 }).toBe(next);
    await edit('f1', "sed -i --follow-symlinks 's/^OWN=.*/OWN=edited-meanwhile/' FILE; echo ADDED=also-new >> FILE");
    expect(told('f1')!['API_KEY']).toBe(present);
    release('r2');
    const { status, stderr } = await rotating;
    clearInterval(watching);
    expect(status, stderr).toBe(0);
    await expect.poll(keys, { timeout: 20_000 }).toEqual(all(next));
    present = next;
    expect(told('f1')).toMatchObject({ OWN: 'edited-meanwhile', ADDED: 'also-new' });
    expect(await decrypted('f1')).toMatch(/^OWN=edited-meanwhile$[^]*^ADDED=also-new$/m);
    expect(told('f2')).toMatchObject({ LEVEL: 'info' });
    const [kept] = aside('f2');
    expect(await decrypted('f2', kept)).toMatch(/^LEVEL=edited-level$[^]*^OWN=edited-with-it$/m);
    expect(await states()).toEqual(NAMES.map(() => 'active'));
    expect(seen.length).toBeGreaterThan(100);
    expect(seen.filter((line) => line.includes(CANARY))).toEqual([]);
  });

  test.each(['c2', 'f2', 'r1'])('[B6] [E13] %s refuses a new value: everything goes back in all three ways, and an edit that nobody had saved yet stays', { timeout: 120_000 }, async (name) => {
    fleet.machine.write(`/dev/shm/only-${name}`, createHash('sha256').update(present).digest('hex'));
    await edit('f1', `sed -i --follow-symlinks 's/^ADDED=.*/ADDED=before-${name}/' FILE`);
    const { status, stderr } = await rotate(nasty(`refused by ${name}`), '--canary', 'f1', '--parallel', '3');
    expect([status, stderr]).toEqual([1, expect.stringContaining('API_KEY has its old value again everywhere, and the services are well with it')]);
    expect(stderr).not.toContain(CANARY);
    await expect.poll(keys, { timeout: 20_000 }).toEqual(all(present));
    expect(await states()).toEqual(NAMES.map(() => 'active'));
    expect(told('f1')).toMatchObject({ ADDED: `before-${name}` });
    await fleet.ok(['rm', `/dev/shm/only-${name}`]);
  });

  test("[E13] [B6] a tenant's own value that is edited while it is rotated: the rotated one counts, the edit is kept aside", { timeout: 120_000 }, async () => {
    await fleet.ok(['lockfast', 'env', 'set', 'API_KEY', '--tenant', 'f1'], { ...here, input: nasty('own') });
    await fleet.ok(['systemctl', 'restart', 'f1']);
    const next = nasty('third');
    hold('r2');
    const rotating = rotate(next, '--canary', 'r2');
    await expect.poll(() => told('r2')?.['API_KEY'], { timeout: 20_000, interval: 20 }).toBe(next);
    await edit('f1', 'cat >> FILE', 'API_KEY=edited-key\n');
    // It had none of its own: the edit makes one, that the plan could not know.
    await edit('f2', 'cat >> FILE', 'API_KEY=of-its-own\n');
    release('r2');
    const { status, stderr } = await rotating;
    expect(status, stderr).toBe(0);
    expect(stderr).toContain('f2 sets API_KEY itself by now, and keeps that value');
    await expect.poll(keys, { timeout: 20_000 }).toEqual({ ...all(next), f2: 'of-its-own' });
    present = next;
    expect(await decrypted('f1', aside('f1')[0])).toMatch(/^API_KEY=edited-key$/m);
    expect(await decrypted('f1')).not.toContain('edited-key');
    for (const name of ['f1', 'f2']) await fleet.ok(['lockfast', 'env', 'unset', 'API_KEY', '--tenant', name], here);
    await fleet.ok(['systemctl', 'restart', 'f1', 'f2']);
    await expect.poll(keys, { timeout: 20_000 }).toEqual(all(present));
  });

  test('[B6] [E13] killed in the middle, the same command finishes, in all three ways', { timeout: 120_000 }, async () => {
    const next = nasty('fourth');
    hold('f2');
    const killed = fleet.machine.run(['sh', '-c', 'echo $$ > /run/rotating; exec lockfast secret rotate API_KEY --scope all --canary c1'], { ...here, input: next });
    await expect.poll(() => told('f1')?.['API_KEY'], { timeout: 30_000, interval: 20 }).toBe(next);
    await fleet.ok(['sh', '-c', 'kill -9 $(cat /run/rotating)']);
    expect((await killed).status).toBeGreaterThanOrEqual(128);
    expect(keys()).toMatchObject({ c1: next, r2: present });
    release('f2');
    const { status, stderr } = await rotate(next, '--canary', 'c1');
    expect([status, stderr]).toEqual([0, expect.stringContaining('finishing the rotation')]);
    await expect.poll(keys, { timeout: 20_000 }).toEqual(all(next));
    present = next;
    expect(await states()).toEqual(NAMES.map(() => 'active'));
  });

  test('[E17] [E7] [E11] back to plaintext and in again, removed, shredded: the rest audits clean, the ledger is whole, and nothing is left anywhere', { timeout: 120_000 }, async () => {
    expect(await fleet.lockfast(['tenant', 'rollback', 'f2', '--yes'], here)).toMatchObject({ status: 0 });
    expect(await fleet.lockfast(['tenant', 'audit'], here)).toMatchObject({ status: 1 });
    expect((await fleet.lockfast(['tenant', 'import', 'f2'], here)).stderr).toBe('');
    await expect.poll(keys, { timeout: 20_000 }).toEqual(all(present));
    expect(await fleet.lockfast(['tenant', 'remove', 'r2', '--yes'], here)).toMatchObject({ status: 0 });
    expect(await fleet.lockfast(['tenant', 'own-key', 'c2'], here)).toMatchObject({ status: 0 });
    expect(await fleet.lockfast(['tenant', 'remove', 'c2', '--yes'], here)).toMatchObject({ status: 0 });
    const shredded = await fleet.lockfast(['tenant', 'shred', 'c2', '--yes'], here);
    expect([shredded.status, shredded.stdout]).toEqual([0, expect.stringContaining('c2: its key was destroyed')]);
    expect(await fleet.lockfast(['tenant', 'audit'], here)).toMatchObject({ status: 0, stdout: '4 tenants, no findings\n' });
    expect((await fleet.lockfast(['ledger', 'verify'], here)).stdout).toContain('the chain is whole');
    await fleet.ok(['systemctl', 'stop', 'c1', 'f1', 'f2', 'r1']);
    for (const text of [CANARY, 'edited-meanwhile', 'edited-key', 'of-its-own']) expect(await fleet.traces(text)).toEqual([]);
  });
});

/** Of every process in that machine. */
function commandLines(root: string): string[] {
  return readdirSync(join(root, 'proc'))
    .filter((name) => /^[0-9]+$/.test(name))
    .flatMap((name) => {
      try {
        return [readFileSync(join(root, 'proc', name, 'cmdline'), 'utf8')];
      } catch {
        return [];
      }
    });
}
