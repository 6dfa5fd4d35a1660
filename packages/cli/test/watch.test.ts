/** `lockfast watch` from outside: the built command, a real receiver, signals and kills. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { isOurWebhook } from '@lockfast/watch';
import { describe, expect, onTestFinished, test } from 'vitest';

import { ledgerEntries } from './support/ledger.ts';
import { encryptedProject, LOCKFAST, type Project } from './support/project.ts';

const CANARY = 'canary-7d1e02';
const SECRET = 'the secret of this channel alone';

interface Told {
  readonly rule: string;
  readonly change: string;
  readonly message: string;
  readonly tenant?: string;
}

class Receiver {
  readonly told: Told[] = [];
  readonly bodies: string[] = [];
  signed = true;
  readonly server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk)).on('end', () => {
      this.signed &&= isOurWebhook(Buffer.from(SECRET), request.headers, body, Date.now());
      this.bodies.push(body);
      this.told.push(...(JSON.parse(body) as { alerts: Told[] }).alerts);
      response.end();
    });
  });

  async listen(port = 0): Promise<number> {
    this.server.listen(port, '127.0.0.1');
    await once(this.server, 'listening');
    onTestFinished(() => { this.server.closeAllConnections(); this.server.close(); });
    return (this.server.address() as AddressInfo).port;
  }
}

async function watchedProject(port: number, more = ''): Promise<Project> {
  const project = await encryptedProject(`A=${CANARY}\n`);
  project.write('hook.secret', `${SECRET}\n`, 0o400);
  const toml = project.text('lockfast.toml');
  writeFileSync(project.path('lockfast.toml'), `${toml}\n[alerts]\nevery = "1s"\n${more}\n[[alerts.channels]]\nname = "hook"\nwebhook = "http://127.0.0.1:${port}/"\nsecret = "file:hook.secret"\n`);
  return project;
}

const looksFor = { LOCKFAST_KEY_SOURCE: 'env:NOT_SET' };

function stays(project: Project, ...args: string[]) {
  const child = spawn(process.execPath, [LOCKFAST, 'watch', ...args], { cwd: project.directory, env: project.env });
  const said = { text: '' };
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk: string) => (said.text += chunk));
  const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  onTestFinished(() => void child.kill('SIGKILL'));
  return { child, said, ended };
}

describe('watch --once', () => {
  test('[D6] [S8] a missing key in production is critical: told once, exit status 1, until somebody acknowledges it', async () => {
    const receiver = new Receiver();
    const project = await watchedProject(await receiver.listen());
    expect(await project.run(['watch', '--once'])).toMatchObject({ status: 0, stderr: '' });
    expect(receiver.told).toEqual([]);
    expect((await project.run(['env', 'get', 'A'], { env: looksFor })).status).toBe(3);
    const first = await project.run(['watch', '--once', '--json']);
    expect(first.status).toBe(1);
    const { ok, alerts } = JSON.parse(first.stdout) as { ok: boolean; alerts: { id: string; rule: string; severity: string; hint: string }[] };
    expect({ ok, alerts }).toMatchObject({ ok: false, alerts: [{ rule: 'key-missing', severity: 'critical' }] });
    expect(receiver.told).toMatchObject([{ rule: 'key-missing', change: 'opened' }]);
    expect(receiver.signed).toBe(true);
    expect((await project.run(['watch', '--once'])).status).toBe(1);
    expect(receiver.told).toHaveLength(1);

    const { id } = alerts[0]!;
    expect(await project.run(['watch', 'ack', id, '--reason', 'a new shell'])).toMatchObject({ status: 0, stdout: '', stderr: expect.stringContaining('acknowledged: decrypt of') as string });
    expect((await project.run(['watch', '--once'])).status).toBe(0);
    expect((await ledgerEntries(project)).at(-1)).toMatchObject({ operation: 'watch-ack', object: id, reason: 'a new shell', outcome: 'success', details: { rule: 'key-missing' } });
    expect(await project.run(['watch', 'ack', id, '--reason', 'again'])).toMatchObject({ status: 5 });
    expect((await project.run(['watch', 'list'])).stdout).toContain('acknowledged by');
    expect(`${receiver.bodies.join('')}${first.stdout}`).not.toContain(CANARY);
  });

  test('what nobody takes is kept, over runs, and told when somebody does; the watch goes on meanwhile', async () => {
    const receiver = new Receiver();
    const port = await receiver.listen();
    receiver.server.close();
    const project = await watchedProject(port);
    await project.run(['env', 'get', 'A'], { env: looksFor });
    const failed = await project.run(['watch', '--once']);
    expect([failed.status, failed.stderr]).toEqual([1, 'lockfast: warning: the channel hook can not be reached: check its URL, and whether this machine gets there; it is tried again\n']);
    expect((await project.run(['watch', 'list', '--channels'])).stdout).toMatch(/^hook +webhook +information +1 +failed 1 times \(tool-failed\), tried again from /m);
    writeFileSync(project.path('.env'), 'B=2\n');
    expect((await project.run(['watch', '--once', '--json'])).stdout).toContain('plaintext-found');
    const again = new Receiver();
    await again.listen(port);
    // Its time comes ten seconds after the failure: the clock of the file goes faster.
    const state = join(project.state, 'watch', readdirSync(join(project.state, 'watch'))[0]!);
    expect(statSync(state).mode & 0o777).toBe(0o600);
    writeFileSync(state, readFileSync(state, 'utf8').replace(/"next":\d+/, '"next":0'));
    await project.run(['watch', '--once']);
    expect(again.told.map(({ rule, change }) => [rule, change])).toEqual([['key-missing', 'opened'], ['plaintext-found', 'opened']]);
  });

  test('[E16] the textfile has the metrics', async () => {
    const receiver = new Receiver();
    const project = await watchedProject(await receiver.listen());
    expect(await project.run(['watch', '--once', '--textfile', 'lockfast.prom'])).toMatchObject({ status: 0 });
    expect(project.text('lockfast.prom')).toMatch(/^lockfast_keys\{state="active"\} 1$/m);
    expect(project.text('lockfast.prom')).toMatch(/^lockfast_values\{key="[a-z2-7]{6}"\} 1$/m);
    expect(statSync(project.path('lockfast.prom')).mode & 0o777).toBe(0o644);
  });
});

test('a channel whose secret can not be had is a failure of its own, and an alert on the others', async () => {
  const receiver = new Receiver();
  const project = await watchedProject(await receiver.listen());
  writeFileSync(project.path('lockfast.toml'), `${project.text('lockfast.toml')}\n[[alerts.channels]]\nslack = "env:NOT_SET"\n`);
  await project.run(['env', 'get', 'A'], { env: looksFor });
  for (let i = 0; i < 3; i += 1) {
    expect((await project.run(['watch', '--once'])).stderr).toContain('NOT_SET, which the channel slack names, is not set in the environment');
    const state = join(project.state, 'watch', readdirSync(join(project.state, 'watch'))[0]!);
    writeFileSync(state, readFileSync(state, 'utf8').replaceAll(/"next":\d+/g, '"next":0'));
  }
  await project.run(['watch', '--once']);
  expect(receiver.told.map(({ rule }) => rule)).toEqual(['key-missing', 'channel-dead']);
});

describe('watch, staying', () => {
  test('[E16] it serves metrics, reads its configuration again on SIGHUP, tells what happens, and ends on SIGTERM', async () => {
    const receiver = new Receiver();
    const project = await watchedProject(await receiver.listen());
    const { child, said, ended } = stays(project, '--listen', ':0');
    await expect.poll(() => said.text, { timeout: 15_000 }).toMatch(/metrics at http:\/\/127\.0\.0\.1:\d+\/metrics/);
    const [url] = /http:\S+/.exec(said.text)!;
    await expect.poll(async () => (await fetch(url)).text(), { timeout: 15_000 }).toContain('lockfast_ledger_up 1');
    await project.run(['env', 'get', 'A'], { env: looksFor });
    await expect.poll(() => receiver.told.map(({ rule }) => rule), { timeout: 15_000 }).toEqual(['key-missing']);
    const toml = project.text('lockfast.toml');
    writeFileSync(project.path('lockfast.toml'), `${toml}\n[alerts.rules]\nnothing = 1\n`);
    child.kill('SIGHUP');
    await expect.poll(() => said.text, { timeout: 15_000 }).toContain('the configuration stays as it was');
    writeFileSync(project.path('lockfast.toml'), toml.replace('[[alerts.channels]]', '[alerts.rules.plaintext-found]\nseverity = "critical"\n\n[[alerts.channels]]'));
    child.kill('SIGHUP');
    await expect.poll(() => said.text, { timeout: 15_000 }).toContain('the configuration was read again');
    writeFileSync(project.path('.env'), 'B=2\n');
    await expect.poll(() => receiver.told.map(({ rule }) => rule), { timeout: 15_000 }).toEqual(['key-missing', 'plaintext-found']);
    expect(said.text).toMatch(/critical: .*\.env: it is not encrypted \(plaintext-found\)/);
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });

  test('killed with SIGKILL while nobody takes its alerts, it tells them after its next start, once', async () => {
    const receiver = new Receiver();
    const port = await receiver.listen();
    receiver.server.close();
    const project = await watchedProject(port);
    const first = stays(project);
    await project.run(['env', 'get', 'A'], { env: looksFor });
    await expect.poll(() => first.said.text, { timeout: 15_000 }).toMatch(/critical:[^]*the channel hook can not be reached/);
    first.child.kill('SIGKILL');
    await first.ended;
    const again = new Receiver();
    await again.listen(port);
    const second = stays(project);
    await expect.poll(() => again.told.map(({ rule }) => rule), { timeout: 25_000 }).toEqual(['key-missing']);
    second.child.kill('SIGTERM');
    expect(await second.ended).toEqual([0, null]);
    expect((await project.run(['watch', 'list', '--json'])).stdout).toContain('"waiting": 0');
  });
});

describe('bad inputs', () => {
  const WRONG: [args: string[], status: number, message: string][] = [
    [['watch', '--once', '--listen', ':9'], 2, '--once and --listen do not go together'],
    [['watch', '--listen', 'localhost'], 2, '--listen takes HOST:PORT'],
    [['watch', '--listen', '127.0.0.1:99999'], 2, '--listen takes HOST:PORT'],
    [['watch', '--once', '--textfile', 'metrics.txt'], 2, 'does not end in .prom'],
    [['watch', 'ack', 'x', '--reason', 'r'], 2, 'this is no id of an alert'],
    [['watch', 'ack', 'aaaaaaaa'], 2, 'needs --reason'],
    [['watch', 'ack', 'aaaaaaaa', '--reason', 'r'], 1, 'there is no open alert of this id'],
    [['watch', 'install', '--every', 'often'], 2, '--every takes a time'],
    [['watch', 'install', '--every', '5m', '--listen', ':9'], 2, '--every has no meaning'],
  ];
  test('on the command line are refused, and said', async () => {
    const project = await encryptedProject('A=1\n');
    for (const [args, status, message] of WRONG) {
      const outcome = await project.run(args);
      expect({ args, ...outcome }).toMatchObject({ status, stdout: '', stderr: expect.stringContaining(message) as string });
    }
    expect(existsSync(project.path('metrics.txt'))).toBe(false);
  });

  const SETTINGS: [toml: string, message: string][] = [
    ['[alerts.rules.failed-decrypt]\nthreshold = 2', 'alerts.rules.failed-decrypt is not a setting'],
    ['[alerts.rules.failed-decrypts]\nthreshold = 0', 'alerts.rules.failed-decrypts.threshold is not a number from 1 to 1000'],
    ['[alerts.rules.failed-decrypts]\nseverity = "bad"', 'severity is not one of information, warning, critical'],
    ['[alerts.rules.break-glass]\nwindow = "1h"', 'alerts.rules.break-glass has no window'],
    ['[[alerts.channels]]\nname = "x"', 'has exactly one of webhook, slack, smtp, syslog, command'],
    ['[[alerts.channels]]\nsyslog = "auth"\ncommand = ["x"]', 'has exactly one of'],
    ['[[alerts.channels]]\nsyslog = "auth"\n[[alerts.channels]]\nsyslog = "daemon"', 'two [[alerts.channels]] are called syslog'],
    ['[[alerts.channels]]\nwebhook = "https://h/"', 'has no secret'],
    [`[[alerts.channels]]\nwebhook = "https://h/"\nsecret = "${CANARY}"`, 'alerts.channels.secret is not env:NAME or file:PATH'],
    ['[[alerts.channels]]\nwebhook = "https://h/"\nsecret = "env:SHORT"', 'is shorter than 16 bytes'],
    [`[[alerts.channels]]\nslack = "https://hooks/${CANARY}"`, 'alerts.channels.slack is not env:NAME or file:PATH'],
    [`[[alerts.channels]]\nsmtp = "smtp://u:${CANARY}@h"\nto = ["a@b"]`, 'without a password'],
    ['[[alerts.channels]]\nsmtp = "smtp://h"', 'has no to'],
    ['[[alerts.channels]]\nsmtp = "smtp://h"\nto = ["a@b\\nBcc: c@d"]', 'is not a list of mail addresses'],
    ['[alerts]\nevery = "soon"', 'alerts.every is not a time'],
  ];
  test('in lockfast.toml are refused, and no secret is shown', { timeout: 60_000 }, async () => {
    const project = await encryptedProject('A=1\n');
    const toml = project.text('lockfast.toml');
    for (const [settings, message] of SETTINGS) {
      writeFileSync(project.path('lockfast.toml'), `${toml}\n${settings}\n`);
      const outcome = await project.run(['watch', '--once'], { env: { SHORT: 'x' } });
      expect({ settings, ...outcome }).toMatchObject({ stdout: '', stderr: expect.stringContaining(message) as string });
      expect(outcome.status).toBeGreaterThan(1);
      expect(outcome.stderr).not.toContain(CANARY);
    }
  });

  test('a state that is none is refused, a ledger that is gone is an alert', async () => {
    const receiver = new Receiver();
    const project = await watchedProject(await receiver.listen());
    await project.run(['watch', '--once']);
    renameSync(project.path('.lockfast/ledger.db'), project.path('.lockfast/ledger.away'));
    const gone = await project.run(['watch', '--once']);
    expect([gone.status, gone.stdout]).toEqual([1, expect.stringContaining('the ledger can not be read (ledger-missing)')]);
    const state = join(project.state, 'watch', readdirSync(join(project.state, 'watch'))[0]!);
    writeFileSync(state, '{}');
    expect(await project.run(['watch', '--once'])).toMatchObject({ status: 4, stderr: expect.stringContaining('is no state of the watch') as string });
  });
});

test('the secret of a channel does not reach a program that run starts', async () => {
  const project = await encryptedProject('A=1\n');
  writeFileSync(project.path('lockfast.toml'), `${project.text('lockfast.toml')}\n[[alerts.channels]]\nslack = "env:SLACK_URL"\n`);
  const { stdout } = await project.run(['run', '--', 'env'], { env: { SLACK_URL: CANARY, OTHER: 'kept' } });
  expect(stdout).toContain('OTHER=kept');
  expect(stdout).not.toContain(CANARY);
});
