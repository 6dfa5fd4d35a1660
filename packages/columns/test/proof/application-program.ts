/**
 * An application's server with a key ring of its own: it reads and writes random rows with `column()`, and counts by code what it could not
 * read. A value that it reads must be one that some server wrote for this row: else it ends with status 9. It says `begun`
 * when it has its connection; `stop` on standard input ends it.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { LockfastError } from '@lockfast/core/errors';
import { KeyRing } from '@lockfast/core/keyring';

import { column } from '../../src/column.ts';
import type { DeclaredColumn } from '../../src/jobs/index.ts';
import { isRolledBack, openSession } from '../databases/session.ts';
import { heldSource } from '../held-ring.ts';

interface Order {
  readonly url: string;
  readonly ring: string;
  readonly root: string;
  readonly declared: DeclaredColumn;
  /** It writes rows whose ids leave this remainder by 3 alone; it reads all. */
  readonly server: number;
  readonly rows: number;
}

/** Between two questions: the job, and others on this machine, need the processor, too. */
const PAUSE_MS = 2;

const { url, ring: file, root, declared, server, rows } = JSON.parse(process.argv[2]!) as Order;
const ring = await KeyRing.open(readFileSync(file, 'utf8'), file, [heldSource(Buffer.from(root, 'base64'))]);
const values = column(ring, { id: declared.id, context: declared.context });
const session = await openSession(url);
process.stdout.write('begun\n');
const stop = new AbortController();
process.stdin.on('data', () => stop.abort());
const failures: Record<string, number> = {};
const last: Record<number, string> = {};
let reads = 0;

for (let n = 0; !stop.signal.aborted; n++) {
  await sleep(PAUSE_MS);
  const id = 1 + ((n * 7919 + server * 31) % rows);
  if (n % 2 === 0 && id % 3 === server) {
    const value = `row ${id}, server ${server}, ${n}`;
    try {
      await session.query('UPDATE t SET secret = ? WHERE id = ?', [String(values.encrypt(value, { org: `org ${id % 3}` })), id]);
      last[id] = value;
    } catch (error) {
      if (!isRolledBack(error)) throw error;
    }
    continue;
  }
  const [found] = await session.query('SELECT secret FROM t WHERE id = ?', [id]);
  reads++;
  try {
    const value = values.decrypt(String(found![0]), { org: `org ${id % 3}` });
    if (!value.endsWith(` ${id}`) && !value.startsWith(`row ${id}, server ${id % 3},`)) process.exit(9);
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    failures[error.code] = (failures[error.code] ?? 0) + 1;
  }
}
await session.close();
process.stdout.write(JSON.stringify({ failures, last, reads }));
process.exit(0);
