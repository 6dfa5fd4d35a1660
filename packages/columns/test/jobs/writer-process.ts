/**
 * An application's server: it updates, inserts, deletes and empties rows of its own, one at a time, and logs each write that the database
 * has acknowledged. On its standard input it is told what to write from now on: `plain`, a key ring's file, or several
 * of them, separated by spaces, at random; `stop` ends it.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

import { KeyRing } from '@lockfast/core/keyring';

import { column, type Column } from '../../src/column.ts';
import type { DeclaredColumn } from '../../src/jobs/index.ts';
import { isRolledBack, openSession, type SqlValue } from '../databases/session.ts';
import { heldSource } from '../held-ring.ts';

export interface WriterOrder {
  readonly url: string;
  readonly root: string;
  readonly declared: DeclaredColumn;
  /** 0 to 3: rows whose id leaves this remainder are its own. */
  readonly writer: number;
  readonly rows: number;
  readonly log: string;
  readonly seed: number;
}

/** A row's value after an acknowledged write; undefined where it was deleted. */
export interface Acknowledged {
  readonly id: number;
  readonly value?: string | null;
}

/** Between two writes: the job, and others on this machine, need the processor, too. */
const PAUSE_MS = 5;

const order = JSON.parse(process.argv[2]!) as WriterOrder;
const session = await openSession(order.url);
const random = generator(order.seed);
const own = Array.from({ length: order.rows }, (_, index) => index + 1).filter((id) => id % 4 === order.writer);
let next = own.at(-1)! + 4;
let ways: readonly (Column<string> | undefined)[] = [undefined];
const told = { toStop: false };

createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'stop') told.toStop = true;
  else void Promise.all(line.split(' ').map(wayOf)).then((all) => (ways = all));
});

for (let n = 0; !told.toStop; n++) {
  await sleep(PAUSE_MS);
  const way = ways[Math.floor(random() * ways.length)];
  const org = `org ${Math.floor(random() * 5)}`;
  const value = `writer ${order.writer} wrote ${n} ${'x'.repeat(Math.floor(random() * 60))}`;
  const stored = way === undefined ? value : String(way.encrypt(value, { org }));
  const at = Math.floor(random() * own.length);
  const id = own[at]!;
  const what = random();
  if (what < 0.1) {
    await query('INSERT INTO t VALUES (?, ?, ?, ?)', [next, 'new', org, stored]);
    own.push(next);
    acknowledged({ id: next, value });
    next += 4;
  } else if (what < 0.15 && own.length > 1) {
    await query('DELETE FROM t WHERE id = ?', [id]);
    own.splice(at, 1);
    acknowledged({ id });
  } else if (what < 0.2) {
    await query('UPDATE t SET secret = NULL WHERE id = ?', [id]);
    acknowledged({ id, value: null });
  } else {
    await query('UPDATE t SET org = ?, secret = ? WHERE id = ?', [org, stored, id]);
    acknowledged({ id, value });
  }
}
await session.close();
process.exit(0);

/** What the database takes back for the sake of the job is written again, as applications do. */
async function query(text: string, values: readonly SqlValue[]): Promise<void> {
  for (;;) {
    try {
      await session.query(text, values);
      return;
    } catch (error) {
      if (!isRolledBack(error)) throw error;
    }
  }
}

function acknowledged(write: Acknowledged): void {
  appendFileSync(order.log, `${JSON.stringify(write)}\n`);
}

async function wayOf(name: string): Promise<Column<string> | undefined> {
  if (name === 'plain') return undefined;
  const ring = await KeyRing.open(readFileSync(name, 'utf8'), name, [heldSource(Buffer.from(order.root, 'base64'))]);
  const { id, context } = order.declared;
  return column(ring, { id, context });
}

/** Mulberry32: the same numbers for the same seed. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
