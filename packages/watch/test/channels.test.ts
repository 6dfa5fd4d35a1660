/** The ways out, each against something real: an HTTP server, a mail server, a program, a socket of the system's log. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { Secret } from '@lockfast/core/keyring';
import { SMTPServer } from 'smtp-server';
import { describe, expect, onTestFinished, test } from 'vitest';

import { newAlert } from '../src/alert.ts';
import type { Delivery } from '../src/channels/channel.ts';
import { CommandChannel } from '../src/channels/command.ts';
import { EmailChannel } from '../src/channels/email.ts';
import { isOurWebhook } from '../src/channels/signature.ts';
import { SlackChannel } from '../src/channels/slack.ts';
import { SyslogChannel } from '../src/channels/syslog.ts';
import { WebhookChannel } from '../src/channels/webhook.ts';
import { scratchDirectory } from './scratch.ts';

const SECRET = 'a secret of the channel alone';
const NOW = Date.UTC(2026, 2, 2, 10);
const alert = newAlert('failed-decrypts', 'critical', 'happened', { cause: 'a', tenant: 'a', summary: '3 failed decrypts of <!channel> a\nSubject: forged', hint: 'see the ledger' }, NOW);
const delivery: Delivery = {
  id: 'd1',
  time: new Date(NOW).toISOString(),
  source: { host: 'h', environment: 'production' },
  messages: [{ id: 'm1', change: 'opened', alert, time: new Date(NOW).toISOString(), waiting: ['x'] }],
};

interface Got {
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
}

async function httpServer(status: number): Promise<{ readonly url: string; readonly got: Got[] }> {
  const got: Got[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk)).on('end', () => {
      got.push({ body, headers: request.headers });
      response.writeHead(status, status === 302 ? { location: 'http://127.0.0.1:9/' } : {}).end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook/TOKEN`, got };
}

describe('a webhook', () => {
  const clock = { now: () => NOW };

  test('is signed with its time and id, and nothing of it can be altered or played again', async () => {
    const { url, got } = await httpServer(204);
    await new WebhookChannel('hook', 'information', url, new Secret(Buffer.from(SECRET)), clock).send(delivery);
    const [{ body, headers }] = got as [Got];
    const secret = Buffer.from(SECRET);
    expect(isOurWebhook(secret, headers, body, NOW + 60_000)).toBe(true);
    expect(JSON.parse(body)).toMatchObject({ format: 'lockfast-alerts/1', delivery: 'd1', alerts: [{ message: 'm1', alert: alert.id, rule: 'failed-decrypts', severity: 'critical', change: 'opened', tenant: 'a' }] });
    for (const [what, others, text, at] of [
      ['another body', headers, body.replace('critical', 'warning'), NOW],
      ['another id', { ...headers, 'lockfast-delivery': 'd2' }, body, NOW],
      ['another time', { ...headers, 'lockfast-timestamp': String(NOW / 1000 + 1) }, body, NOW],
      ['an old one', headers, body, NOW + 301_000],
      ['one of the future', headers, body, NOW - 301_000],
      ['no signature', { ...headers, 'lockfast-signature': undefined }, body, NOW],
      ['a short signature', { ...headers, 'lockfast-signature': 'v1=00' }, body, NOW],
      ['two times', { ...headers, 'lockfast-timestamp': ['1', '2'] }, body, NOW],
    ] as const) {
      expect(isOurWebhook(secret, others, text, at), what).toBe(false);
    }
    expect(isOurWebhook(Buffer.from('another'), headers, body, NOW)).toBe(false);
  });

  test('that is refused, redirected or not there fails, and its URL is in no message', async () => {
    for (const status of [302, 400, 500]) {
      const { url } = await httpServer(status);
      const failure = await new WebhookChannel('hook', 'information', url, new Secret(Buffer.from(SECRET)), clock).send(delivery).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'tool-failed' });
      expect(String(failure)).not.toContain('TOKEN');
    }
    await expect(new WebhookChannel('hook', 'information', 'http://127.0.0.1:9/TOKEN', new Secret(Buffer.from(SECRET)), clock).send(delivery)).rejects.toThrow(/^the channel hook can not be reached$/);
  });
});

test('Slack gets a text in which no name mentions anybody', async () => {
  const { url, got } = await httpServer(200);
  await new SlackChannel('slack', 'information', url).send(delivery);
  const { text } = JSON.parse(got[0]!.body) as { text: string };
  expect(text).toContain('critical: 3 failed decrypts of &lt;!channel&gt; a\\u{a}Subject: forged (failed-decrypts)');
  expect(text).toContain(`lockfast watch ack ${alert.id}`);
});

describe('mail', () => {
  async function mailServer(options: ConstructorParameters<typeof SMTPServer>[0] = {}): Promise<{ readonly port: number; readonly mails: string[]; readonly users: string[] }> {
    const mails: string[] = [];
    const users: string[] = [];
    const server = new SMTPServer({
      disabledCommands: ['STARTTLS'],
      authOptional: true,
      allowInsecureAuth: true,
      onAuth: ({ username, password }, _session, answer) => {
        users.push(`${username}:${password}`);
        answer(password === 'pass word' ? null : new Error('no'), { user: username });
      },
      onData: (stream, _session, answer) => {
        let mail = '';
        stream.setEncoding('utf8').on('data', (chunk: string) => (mail += chunk)).on('end', () => {
          mails.push(mail);
          answer();
        });
      },
      ...options,
    });
    server.on('error', () => {});
    const listening = server.listen(0, '127.0.0.1');
    await once(listening, 'listening');
    onTestFinished(() => server.close());
    return { port: (listening.address() as AddressInfo).port, mails, users };
  }
  const channel = (url: string, password?: string): EmailChannel =>
    new EmailChannel('mail', 'information', { url: new URL(url), password: password === undefined ? undefined : new Secret(Buffer.from(password)), from: 'lockfast@example.com', to: ['ops@example.com', 'ben@example.com'] });

  test('a mail server takes it, with one subject that no name can forge', async () => {
    const { port, mails } = await mailServer();
    await channel(`smtp://127.0.0.1:${port}`).send(delivery);
    const [head, body] = mails[0]!.split('\r\n\r\n', 2) as [string, string];
    expect(head.replaceAll(/\r\n[ \t]+/g, ' ').split('\r\n').filter((line) => line.startsWith('Subject:'))).toHaveLength(1);
    expect(head).toMatch(/^To: ops@example.com, ben@example.com$/m);
    expect(head).toMatch(/^Message-ID: <d1@lockfast>$/m);
    expect(body).toContain('what to do: see the ledger');
  });

  test('with a password it logs in, and a wrong one is a failure that does not show it', async () => {
    const { port, users } = await mailServer({ authOptional: false });
    await channel(`smtp://ops%40example.com@127.0.0.1:${port}`, 'pass word').send(delivery);
    expect(users).toEqual(['ops@example.com:pass word']);
    const failure = await channel(`smtp://ops@127.0.0.1:${port}`, 'wrong one').send(delivery).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'tool-failed' });
    expect(String(failure)).not.toContain('wrong one');
  });

  test('without TLS nothing leaves this machine', async () => {
    const { port, mails } = await mailServer({ disabledCommands: ['STARTTLS'] });
    // The same server by another name of it than the loopback's usual ones.
    await expect(channel(`smtp://127.0.0.1.nip.invalid:${port}`).send(delivery)).rejects.toMatchObject({ code: 'tool-failed' });
    expect(mails).toEqual([]);
  });
});

describe('a program', () => {
  test('gets JSON on its standard input, its arguments as configured, and an environment without keys', async () => {
    const directory = scratchDirectory();
    const out = join(directory, 'out');
    const program = ['/bin/sh', '-c', `{ cat; echo "$0 $LOCKFAST_ROOT"; env; } > ${out}`, 'an argument'];
    await new CommandChannel('page', 'information', program, { LOCKFAST_ROOT: SECRET, HOME: '/root' }).send(delivery);
    const [json, ...rest] = readFileSync(out, 'utf8').split('\n');
    expect(JSON.parse(json!)).toMatchObject({ delivery: 'd1' });
    expect(rest[0]).toBe('an argument ');
    expect(rest.join('\n')).not.toContain(SECRET);
  });

  test('that fails, or is not there, is a failure', async () => {
    await expect(new CommandChannel('page', 'information', ['/bin/false'], {}).send(delivery)).rejects.toMatchObject({ code: 'tool-failed' });
    await expect(new CommandChannel('page', 'information', ['/nowhere/page'], {}).send(delivery)).rejects.toMatchObject({ code: 'tool-missing' });
  });

  test('that does not end is ended, with what it started', { timeout: 30_000 }, async () => {
    const directory = scratchDirectory();
    const pid = join(directory, 'pid');
    await expect(new CommandChannel('page', 'information', ['/bin/sh', '-c', `sleep 600 & echo $! > ${pid}; wait`], {}, 1000).send(delivery)).rejects.toThrow('did not end in time');
    const child = Number(readFileSync(pid, 'utf8'));
    await expect.poll(() => existsSync(`/proc/${child}`) && !readFileSync(`/proc/${child}/stat`, 'utf8').includes(') Z ')).toBe(false);
  });
});

test('the system log gets one line an alert, or it is a failure', async (context) => {
  if (existsSync('/dev/log')) context.skip();
  await expect(new SyslogChannel('log', 'information', 'auth', {}).send(delivery)).rejects.toMatchObject({ code: 'tool-failed' });
  // A socket such as journald's, while this test lasts.
  const directory = scratchDirectory();
  const out = join(directory, 'out');
  const script = join(directory, 'log.py');
  writeFileSync(script, `import os,socket,sys\ns=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\ns.bind('/dev/log')\nprint('ready',flush=True)\ns.settimeout(20)\nopen(sys.argv[1]+'.new','wb').write(s.recv(65536))\nos.rename(sys.argv[1]+'.new',sys.argv[1])\n`);
  const daemon = spawn('/usr/bin/python3', [script, out], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(async () => {
    daemon.kill();
    await import('node:fs').then(({ rmSync }) => rmSync('/dev/log', { force: true }));
  });
  await once(daemon.stdout, 'data');
  await new SyslogChannel('log', 'information', 'auth', {}).send(delivery);
  await expect.poll(() => existsSync(out)).toBe(true);
  // auth is 4, crit is 2: 4 * 8 + 2.
  expect(readFileSync(out, 'utf8')).toMatch(/^<34>.* lockfast: critical: 3 failed decrypts of <!channel> a\\u\{a\}Subject: forged \(failed-decrypts\) \[[a-z2-7]{8}\]/);
});
