/**
 * Masking 8 MiB of JSON logs that flow from one pipe to another through this process, beside the same without masking, and
 * beside what others do: one RegExp of all the spellings that we look for, and redaction by name.
 *
 * The logs are made: lines as pino writes them for a web service, with random ids, and a secret in one line of a hundred.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Transform, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { Masker, MaskTransform } from '@lockfast/core/mask';
import redact from '@pinojs/redact';

import { needlesOf } from '../packages/core/src/mask/needle.ts';
import { interleave, type Step } from './interleave.ts';
import { type Job, LOCKFAST, type Row, rowOf } from './table.ts';

const BYTES = 8 * 1024 * 1024;
const SIZES = [20, 200, 1000] as const;
const UNRECORDED = 1;

type Size = (typeof SIZES)[number];

/** At most so many times the plain copy's time. */
const AGAINST_COPY: Readonly<Record<Size, number | undefined>> = { 20: undefined, 200: 4, 1000: 5 };

const BY_NAME = 'masking objects by name, 20 names';

export async function masking(rounds: number): Promise<Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'lockfast-bench-'));
  try {
    const secrets = Array.from({ length: Math.max(...SIZES) }, (_, i): [string, string] => [`SECRET_${i}`, secretOf(i)]);
    const log = join(directory, 'log');
    const lines = logLines(secrets);
    writeFileSync(log, lines.join(''));
    const samples = await interleave([...SIZES.flatMap((size) => steps(size, secrets.slice(0, size), log)), ...byName(lines)], rounds, UNRECORDED);
    return [...SIZES.flatMap((size) => jobsOf(size).map((job) => rowOf(job, samples))), rowOf({ name: BY_NAME, unit: 'ms', contenders: ['@pinojs/redact'] }, samples)];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function nameOf(size: Size): string {
  return `masking 8 MiB of logs, ${size} secrets`;
}

function inMemory(size: Size): string {
  return `${nameOf(size)}, in memory`;
}

function jobsOf(size: Size): Job[] {
  const most = AGAINST_COPY[size];
  return [
    { name: nameOf(size), unit: 'ms', contenders: ['plain copy', 'one RegExp'], aims: most === undefined ? [] : [{ against: 'plain copy', atLeast: 1 / most }] },
    // Without the pipes, which cost both the same.
    { name: inMemory(size), unit: 'ms', contenders: ['one RegExp'], aims: [{ against: 'one RegExp', atLeast: 20 }] },
  ];
}

function steps(size: Size, secrets: readonly (readonly [string, string])[], log: string): Step[] {
  const masker = new Masker(secrets);
  const spellings = [...new Set(secrets.flatMap(([, secret]) => needlesOf(secret).map(({ text }) => text)))];
  const pattern = new RegExp(spellings.map((text) => text.replaceAll(/[\\^$.|?+()[\]{}*]/g, String.raw`\$&`)).join('|'), 'gi');
  const job = nameOf(size);
  const bytes = readFileSync(log);
  const text = bytes.toString('latin1');
  return [
    flow(job, LOCKFAST, log, () => new MaskTransform(masker)),
    flow(job, 'plain copy', log, () => new PassThrough()),
    flow(job, 'one RegExp', log, () => new Replacing(pattern)),
    (record) => {
      const start = process.hrtime.bigint();
      masker.bytes(bytes);
      record(inMemory(size), LOCKFAST, Number(process.hrtime.bigint() - start) / 1e6);
    },
    (record) => {
      const start = process.hrtime.bigint();
      text.replaceAll(pattern, '***');
      record(inMemory(size), 'one RegExp', Number(process.hrtime.bigint() - start) / 1e6);
    },
  ];
}

/** `cat`, this process, `cat`: what a pipeline takes. The needles are made in the rounds before those that count. */
function flow(job: string, who: string, log: string, through: () => Transform): Step {
  return async (record) => {
    const start = process.hrtime.bigint();
    const from = spawn('cat', [log], { stdio: ['ignore', 'pipe', 'inherit'] });
    const to = spawn('cat', { stdio: ['pipe', 'ignore', 'inherit'] });
    await pipeline(from.stdout, through(), to.stdin);
    record(job, who, Number(process.hrtime.bigint() - start) / 1e6);
  };
}

/** Line by line, since a RegExp knows nothing of pieces. */
class Replacing extends Transform {
  readonly #pattern: RegExp;
  #rest = '';

  constructor(pattern: RegExp) {
    super();
    this.#pattern = pattern;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const text = this.#rest + chunk.toString('latin1');
    const end = text.lastIndexOf('\n') + 1;
    this.#rest = text.slice(end);
    done(null, Buffer.from(text.slice(0, end).replaceAll(this.#pattern, '***'), 'latin1'));
  }
}

/** The one thing that both do: an object's members by their names, to JSON. By value it does nothing. */
function byName(lines: readonly string[]): Step[] {
  const objects = lines.slice(0, 5000).map((line) => JSON.parse(line) as Record<string, unknown>);
  const masker = new Masker(Array.from({ length: 20 }, (_, i): [string, string] => [`S${i}`, secretOf(i)]));
  const paths = ['password', 'token', 'apiKey', 'secret', 'authorization'].flatMap((name) => [name, `req.${name}`, `req.headers["${name}"]`, `res.${name}`]);
  const redacting = redact({ paths, censor: '***' });
  const step = (who: string, print: (one: Record<string, unknown>) => unknown): Step => (record) => {
    const start = process.hrtime.bigint();
    for (const one of objects) print(one);
    record(BY_NAME, who, Number(process.hrtime.bigint() - start) / 1e6);
  };
  return [step(LOCKFAST, (one) => masker.text(JSON.stringify(one))), step('@pinojs/redact', (one) => redacting(one))];
}

function secretOf(i: number): string {
  const kinds = [
    () => `postgres://app:${randomBytes(12).toString('hex')}@db${i}.internal:5432/app`,
    () => `sk_live_${randomBytes(24).toString('base64url')}`,
    () => randomBytes(32).toString('base64'),
    () => randomBytes(20).toString('hex'),
  ];
  return kinds[i % kinds.length]!();
}

function logLines(secrets: readonly (readonly [string, string])[]): string[] {
  const lines: string[] = [];
  for (let bytes = 0, i = 0; bytes < BYTES; i++) {
    const headers = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36', 'x-request-id': randomBytes(16).toString('hex'), accept: 'application/json' };
    const msg = i % 100 === 0 ? `connected with ${secrets[(i / 100) % 20]![1]}` : 'request completed';
    const req = { method: i % 3 === 0 ? 'POST' : 'GET', url: `/api/v1/tenants/${i % 97}/orders/${i}?page=${i % 7}`, headers };
    lines.push(`${JSON.stringify({ level: 30, time: 1_700_000_000_000 + i * 137, pid: 4121, hostname: 'web-3.internal', reqId: `req-${i.toString(36)}`, req, res: { statusCode: 200 }, responseTime: i % 311, msg })}\n`);
    bytes += lines.at(-1)!.length;
  }
  return lines;
}
