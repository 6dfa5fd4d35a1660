/**
 * An application that runs for longer than its keys: it opens its key ring once, takes newer versions of it, reports itself, and
 * reads and writes rows of a real table all the while. A line on standard output says `ready`, one each what it logs of its
 * key ring, and the last one what it did. `stop` on standard input ends it. What it could not read or write, it counts by code.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import { column, logColumnEvents } from '@lockfast/columns';
import { reportInstance } from '@lockfast/columns/instances';
import { codeOf, LockfastError } from '@lockfast/core/errors';
import { openLiveKeyRing } from '@lockfast/keys';
import { Pool } from 'pg';

import type { LiveOrder, LiveResult } from './live-order.ts';

const { url, ring: path, source, home, server, rows, host, everyMs } = JSON.parse(process.argv[2]!) as LiveOrder;

const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const failures: Record<string, number> = {};
const failed = (error: unknown): void => {
  if (!(error instanceof LockfastError)) throw error;
  failures[codeOf(error)] = (failures[codeOf(error)] ?? 0) + 1;
};

const ring = await openLiveKeyRing(
  { path, sources: [source] },
  { environment: {}, home, directory: '/', askPassphrase: () => Promise.reject(new LockfastError('terminal-needed', 'a service asks nobody', 'name another key source')) },
  { production: true },
  everyMs,
);
process.on('SIGHUP', () => void ring.refresh());
const stopLog = logColumnEvents({ debug: () => {}, info: say, warn: say, error: say });
const pool = new Pool({ connectionString: url, max: 2 });
const report = await reportInstance(ring, { database: 'postgres', host, query: (sql, values) => pool.query(sql, [...values]) }, failed, 1000);
const secret = column(ring, { id: 'accounts.secret', context: ['org'] });

const stop = new AbortController();
process.stdin.on('data', () => stop.abort());
say({ ready: true });

/** What the database said it has. */
const acknowledged: Record<number, string> = {};
let [reads, writes] = [0, 0];
for (let n = 0; !stop.signal.aborted; n++) {
  const id = 1 + ((n * 7919 + server * 31) % rows);
  const org = `org ${id % 5}`;
  try {
    if (id % 3 === server) {
      const value = `row ${id}, server ${server}, ${n}`;
      await pool.query('INSERT INTO accounts VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET secret = excluded.secret', [id, org, secret.encrypt(value, { org })]);
      acknowledged[id] = value;
      writes++;
    }
    const { rows: found } = await pool.query<{ id: number; org: string; secret: string }>('SELECT id, org, secret FROM accounts WHERE id BETWEEN $1 AND $1 + 3', [id]);
    const values = secret.decryptBatch(
      found.map((row) => row.secret),
      found.map((row) => ({ org: row.org })),
    );
    values.forEach((value, i) => {
      if (!String(value).startsWith(`row ${found[i]!.id},`)) throw new Error('a row holds what was never written there');
    });
    reads += values.length;
  } catch (error) {
    failed(error);
  }
  await sleep(2);
}
await report.close();
ring.close();
stopLog();
await pool.end();
say({ failures, acknowledged, reads, writes } satisfies LiveResult);
process.exit(0);
