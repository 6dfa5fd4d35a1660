/** The witness as a real process, over real HTTP. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, onTestFinished, test } from 'vitest';

import { originLine, type Submission } from '@lockfast/ledger/witnesses';
import { missingForTracing } from '@lockfast/testkit';
import { HttpWitness } from '../../src/witnesses/http.ts';
import { newLog, scratch, TestLog } from './log.ts';

const SERVE = fileURLToPath(new URL('fixtures/serve.ts', import.meta.url));
const NODE = [process.execPath, '--conditions=lockfast-source', '--no-warnings', SERVE];

class Witness {
  readonly #directory: string;
  #child: ChildProcess | undefined;
  url = '';
  key = '';

  constructor(directory: string, origins: readonly string[]) {
    this.#directory = directory;
    mkdirSync(join(directory, 'state'), { recursive: true });
    writeFileSync(join(directory, 'origins'), `# the ledgers\n\n${origins.join('\n')}\n`);
  }

  get state(): string {
    return join(this.#directory, 'state');
  }

  /** What it holds on the disk. */
  get notes(): string[] {
    return readdirSync(this.state).filter((name) => name.endsWith('.checkpoint')).map((name) => readFileSync(join(this.state, name), 'utf8'));
  }

  async start(wrapper: readonly string[] = []): Promise<void> {
    const argv = [...wrapper, ...NODE, join(this.#directory, 'witness.key'), join(this.#directory, 'origins'), this.state];
    const child = spawn(argv[0]!, argv.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    this.#child = child;
    onTestFinished(() => this.kill());
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString()));
    child.on('close', () => reject(new Error(`it ended: ${said}`)));
    ({ url: this.url, key: this.key } = JSON.parse(await promise) as { url: string; key: string });
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const closed = new Promise((resolve) => child.on('close', resolve));
    process.kill(-child.pid!, 'SIGKILL');
    await closed;
  }

  client(): HttpWitness {
    return new HttpWitness(this.url, this.key);
  }

  async post(body: string | Uint8Array, path = '/add-checkpoint'): Promise<{ status: number; type: string | null; body: string }> {
    const response = await fetch(this.url + path, { method: 'POST', body: Buffer.from(body) });
    return { status: response.status, type: response.headers.get('content-type'), body: await response.text() };
  }
}

async function witnessOf(...logs: readonly TestLog[]): Promise<Witness> {
  const witness = new Witness(scratch(), logs.map((log) => originLine(log.origin, log.publicKey)));
  await witness.start();
  return witness;
}

async function request(submission: Submission, old: number): Promise<string> {
  const proof = old === 0 || old >= submission.size ? [] : await submission.prove(old);
  return `old ${old}\n${proof.map((hash) => `${Buffer.from(hash).toString('base64')}\n`).join('')}\n${submission.note}`;
}

describe('a witness over HTTP', () => {
  test('cosigns each step of a ledger that grows, through the client', async () => {
    const log = await newLog();
    const witness = await witnessOf(log);
    const client = witness.client();
    for (const count of [1, 6, 1, 9]) {
      await log.grow(count);
      const submission = await log.submission();
      const { size, cosignatures } = await client.submit(submission);
      expect(size).toBe(submission.size);
      expect(cosignatures).toMatch(/^\u2014 witness\.test [A-Za-z0-9+/=]+\n$/);
      expect(witness.notes).toEqual([submission.note]);
      // The same again, as a timer does when nothing happened.
      expect((await client.submit(submission)).size).toBe(submission.size);
    }
  });

  test('says its size where the old size is another one: 409, text/x.tlog.size', async () => {
    const log = await newLog();
    const witness = await witnessOf(log);
    await log.grow(5);
    expect(await witness.post(await request(await log.submission(), 3))).toEqual({ status: 409, type: 'text/x.tlog.size', body: '0\n' });
    expect((await witness.post(await request(await log.submission(), 0))).status).toBe(200);
    await log.grow(2);
    for (const old of [0, 4, 7]) expect(await witness.post(await request(await log.submission(), old)), String(old)).toEqual({ status: 409, type: 'text/x.tlog.size', body: '5\n' });
    expect((await witness.post(await request(await log.submission(), 8))).status).toBe(400);
  });

  test('never goes back: a replayed request is refused, and the client says that the witness has more', async () => {
    const log = await newLog();
    const witness = await witnessOf(log);
    await log.grow(4);
    const early = await request(await log.submission(), 0);
    expect((await witness.post(early)).status).toBe(200);
    await log.grow(4);
    await witness.client().submit(await log.submission());
    expect(await witness.post(early)).toMatchObject({ status: 409, body: '8\n' });
    expect(await witness.client().submit(await log.submission(4))).toEqual({ size: 8, cosignatures: '' });
    expect(witness.notes).toEqual([(await log.submission(8)).note]);
  });

  test('[B5] a ledger that was rewritten by who has its key is refused: 422, and 409 at the same size', async () => {
    const log = await newLog();
    const witness = await witnessOf(log);
    await log.grow(6);
    await witness.client().submit(await log.submission());
    const forged = await newLog(log);
    await forged.grow(6, 'forged');
    await expect(witness.client().submit(await forged.submission())).rejects.toMatchObject({ code: 'ledger-tampered' });
    expect(await witness.post(await request(await forged.submission(), 6))).toMatchObject({ status: 409, body: '6\n' });
    await forged.grow(3, 'forged');
    expect((await witness.post(await request(await forged.submission(), 6))).status).toBe(422);
    await expect(witness.client().submit(await forged.submission())).rejects.toMatchObject({ code: 'ledger-tampered' });
    expect(witness.notes).toEqual([(await log.submission()).note]);
  });

  test('bug class 14: a proof that is cut, extended, exchanged or of other sizes does not pass', async () => {
    const log = await newLog();
    const witness = await witnessOf(log);
    await log.grow(5);
    const first = await log.submission();
    expect((await witness.post(`old 0\n${Buffer.alloc(32).toString('base64')}\n\n${first.note}`)).status).toBe(422);
    await witness.client().submit(first);
    await log.grow(8);
    const next = await log.submission();
    const proof = (await next.prove(5)).map((hash) => Buffer.from(hash).toString('base64'));
    const other = (await next.prove(4)).map((hash) => Buffer.from(hash).toString('base64'));
    const bad = [[], proof.slice(1), proof.slice(0, -1), [...proof, proof[0]!], proof.toReversed(), other, proof.map(() => Buffer.alloc(32).toString('base64'))];
    for (const lines of bad) expect((await witness.post(`old 5\n${lines.map((line) => `${line}\n`).join('')}\n${next.note}`)).status).toBe(422);
    for (const lines of [Array.from({ length: 64 }, () => proof[0]!), ['x'], [`${proof[0]} `], [proof[0]!.replace('=', '')]]) {
      expect((await witness.post(`old 5\n${lines.map((line) => `${line}\n`).join('')}\n${next.note}`)).status).toBe(400);
    }
    expect((await witness.post(`old 5\n${proof.map((line) => `${line}\n`).join('')}\n${next.note}`)).status).toBe(200);
  });

  test('another ledger is 404, another key is 403, and the client tells which', async () => {
    const [known, unknown] = [await newLog(), await newLog()];
    const witness = await witnessOf(known);
    await known.grow(2);
    await unknown.grow(2);
    expect((await witness.post(await request(await unknown.submission(), 0))).status).toBe(404);
    await expect(witness.client().submit(await unknown.submission())).rejects.toMatchObject({ code: 'witness-failed', message: expect.stringContaining('does not know') });
    const thief = new TestLog(known.store, unknown.key, known.origin);
    expect((await witness.post(await request(await thief.submission(), 0))).status).toBe(403);
    await expect(witness.client().submit(await thief.submission())).rejects.toMatchObject({ code: 'witness-failed', message: expect.stringContaining('key') });
    expect(witness.notes).toEqual([]);
  });

  test('requests for one ledger wait for each other: of many at once it ends at the largest, never lower', async () => {
    const log = await newLog();
    const witness = await witnessOf(log);
    await log.grow(12);
    const submissions = await Promise.all(Array.from({ length: 12 }, (_, i) => log.submission(i + 1)));
    const answers = await Promise.allSettled(submissions.map((submission) => witness.client().submit(submission)));
    expect(answers.some(({ status }) => status === 'fulfilled')).toBe(true);
    await witness.client().submit(submissions.at(-1)!);
    expect(witness.notes).toEqual([submissions.at(-1)!.note]);
  });

  test('garbage is 400 and changes nothing; other paths and methods are refused', async () => {
    const log = await newLog();
    const witness = await witnessOf(log);
    await log.grow(2);
    const good = await request(await log.submission(), 0);
    const bad = ['', '\n', 'old 0', 'old 0\n\n', 'old 00\n\nx', 'old -1\n\nx', `old 9007199254740993\n\n${good.slice(7)}`, good.replace('old', 'OLD'), good.replace('\n\n', '\r\n\r\n'), good.slice(0, 40), Buffer.from([0xff, 0xfe, 0x00])];
    for (const body of bad) expect((await witness.post(body)).status, JSON.stringify(String(body).slice(0, 30))).toBe(400);
    expect((await witness.post(good, '/')).status).toBe(404);
    expect((await witness.post(good, '/add-checkpoint/../x')).status).toBe(404);
    expect((await fetch(`${witness.url}/add-checkpoint`)).status).toBe(405);
    expect(witness.notes).toEqual([]);
    expect((await witness.post(good)).status).toBe(200);
  });

  test('bug class 12: a huge body is refused before it is read, with and without a length', async () => {
    const log = await newLog();
    const witness = await witnessOf(log);
    const { port } = new URL(witness.url);
    const announced = await raw(Number(port), 'POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n');
    expect(announced).toMatch(/^HTTP\/1\.1 413 /);
    const chunk = `${(0x4000).toString(16)}\r\n${'a'.repeat(0x4000)}\r\n`;
    expect(await raw(Number(port), `POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(8)}`)).toMatch(/^HTTP\/1\.1 413 /);
    expect(await raw(Number(port), `POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 /);
  });

  test('bug class 12: who sends it byte by byte is cut off, and others are served meanwhile', { timeout: 30_000 }, async () => {
    const log = await newLog();
    const witness = await witnessOf(log);
    await log.grow(1);
    const { port } = new URL(witness.url);
    const started = performance.now();
    const slow = ['POST /add-checkpoint HTTP/1.1\r\nHost: x\r\n', 'POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n'].map((start) => raw(Number(port), start, 'x'));
    expect((await witness.client().submit(await log.submission())).size).toBe(1);
    for (const answer of await Promise.all(slow)) expect(answer).toMatch(/^(?:HTTP\/1\.1 408 |$)/);
    expect(performance.now() - started).toBeLessThan(15_000);
  });

  test.skipIf(missingForTracing() !== undefined)('killed between the disk and the answer, it knows more than it told, and the client goes on', { timeout: 60_000 }, async () => {
    const log = await newLog();
    const witness = new Witness(scratch(), [originLine(log.origin, log.publicKey)]);
    // The name is taken, and then the process sleeps before it goes on to sign.
    await witness.start(['strace', '-f', '-o', '/dev/null', '-e', 'trace=rename,renameat,renameat2', '-e', 'inject=rename,renameat,renameat2:delay_exit=3000000']);
    await log.grow(3);
    const answer = witness.client().submit(await log.submission()).then(() => 'answered', () => 'cut off');
    while (witness.notes.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    await witness.kill();
    expect(await answer).toBe('cut off');
    await witness.start();
    expect(await witness.post(await request(await log.submission(), 0))).toMatchObject({ status: 409, body: '3\n' });
    await log.grow(2);
    expect(await witness.client().submit(await log.submission())).toMatchObject({ size: 5, cosignatures: expect.stringContaining('witness.test') });
    expect(readdirSync(witness.state).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  test('remembers over a restart, and is the same witness', async () => {
    const log = await newLog();
    const witness = await witnessOf(log);
    await log.grow(3);
    await witness.client().submit(await log.submission());
    const { key } = witness;
    await witness.kill();
    await witness.start();
    expect(witness.key).toBe(key);
    const forged = await newLog(log);
    await forged.grow(4, 'forged');
    await expect(witness.client().submit(await forged.submission())).rejects.toMatchObject({ code: 'ledger-tampered' });
  });

  test('a damaged state is not served from: it could go back', async () => {
    const log = await newLog();
    const witness = await witnessOf(log);
    await log.grow(3);
    await witness.client().submit(await log.submission());
    await witness.kill();
    const [name] = readdirSync(witness.state).filter((file) => file.endsWith('.checkpoint'));
    writeFileSync(join(witness.state, name!), 'x');
    await expect(witness.start()).rejects.toThrow(/no checkpoint/);
  });

  test('its key is made with mode 0400, and refused when others may read it', async () => {
    const log = await newLog();
    const witness = await witnessOf(log);
    const file = join(witness.state, '../witness.key');
    expect(statSync(file).mode & 0o777).toBe(0o400);
    await witness.kill();
    chmodSync(file, 0o444);
    await expect(witness.start()).rejects.toThrow(/read by others/);
  });
});

describe('the client of a witness that misbehaves', () => {
  async function serverOf(listener: RequestListener): Promise<string> {
    const server = createServer(listener);
    onTestFinished(() => server.close().closeAllConnections());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  }

  async function submitTo(listener: RequestListener): Promise<unknown> {
    const log = await newLog();
    await log.grow(3);
    const other = await witnessOf(log);
    return new HttpWitness(await serverOf(listener), other.key, 1000).submit(await log.submission()).catch((error: unknown) => error);
  }

  test.each<[string, RequestListener]>([
    ['no cosignature', (_, response) => response.end('\n')],
    ['a forged cosignature', (_, response) => response.end(`\u2014 witness.test ${Buffer.alloc(76, 1).toString('base64')}\n`)],
    ['a redirect', (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()],
    ['silence', () => {}],
    ['an answer without end', (_, response) => void setInterval(() => response.write('a'.repeat(4096)), 1).unref()],
    ['a conflict without a size', (_, response) => response.writeHead(409).end('x')],
    ['another size each time', everOther()],
    ['status 500', (_, response) => response.writeHead(500).end()],
  ])('%s is a failure', async (_, listener) => {
    expect(await submitTo(listener)).toMatchObject({ code: 'witness-failed' });
  });

  test('a URL with a password, without http, or a key that is none is refused', () => {
    for (const url of ['ftp://x', 'http://user:pw@x', 'x', 'http://x?y']) expect(() => new HttpWitness(url, 'x')).toThrow(expect.objectContaining({ code: 'config-invalid' }));
    for (const key of ['', 'x', 'a+00000000+AAAA']) expect(() => new HttpWitness('http://x', key)).toThrow(expect.objectContaining({ code: 'config-invalid' }));
  });
});

/** Answers a conflict, each time with another size. */
function everOther(): RequestListener {
  let size = 0;
  return (_, response) => {
    size += 1;
    response.writeHead(409).end(`${size % 3}\n`);
  };
}

/** Sends bytes as they are, then `more` every 200 ms; gives what came back when the connection ended. */
async function raw(port: number, bytes: string, more?: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => {});
  socket.write(bytes);
  const timer = more === undefined ? undefined : setInterval(() => socket.write(more), 200);
  await new Promise((resolve) => socket.on('close', resolve));
  clearInterval(timer);
  return Buffer.concat(chunks).toString('latin1');
}
