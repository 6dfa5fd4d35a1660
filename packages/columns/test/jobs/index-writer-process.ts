/**
 * An application's server: it writes emails of its own rows with their index, in one statement, empties and deletes some, and logs each
 * write that the database has acknowledged. On its standard input it is told the files of the key rings that it has from now on, one of
 * them at random for each write; `stop` ends it.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

import { KeyRing } from '@lockfast/core/keyring';
import { Client } from 'pg';

import { heldSource } from '../held-ring.ts';
import { write } from './index-application.ts';

export interface IndexWriterOrder {
  readonly url: string;
  readonly root: string;
  /** 0 to 3: rows whose id leaves this remainder are its own. */
  readonly writer: number;
  readonly rows: number;
  readonly log: string;
}

/** A row after an acknowledged write; undefined where it was deleted. */
export interface AcknowledgedEmail {
  readonly id: number;
  readonly email?: string | null;
}

const PAUSE_MS = 5;

const order = JSON.parse(process.argv[2]!) as IndexWriterOrder;
const client = new Client({ connectionString: order.url });
await client.connect();
const own = Array.from({ length: order.rows }, (_, index) => index + 1).filter((id) => id % 4 === order.writer);
let rings: readonly KeyRing[] = [];
const told = { toStop: false };

createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'stop') told.toStop = true;
  else void Promise.all(line.split(' ').map((path) => KeyRing.open(readFileSync(path, 'utf8'), path, [heldSource(Buffer.from(order.root, 'base64'))]))).then((opened) => (rings = opened));
});

for (let n = 0; !told.toStop; n++) {
  await sleep(PAUSE_MS);
  const ring = rings[n % Math.max(1, rings.length)];
  if (ring === undefined) continue;
  const id = own[(n * 7919) % own.length]!;
  if (n % 20 === 19 && own.length > 1) {
    await client.query('DELETE FROM customers WHERE id = $1', [id]);
    own.splice(own.indexOf(id), 1);
    acknowledged({ id });
    continue;
  }
  const email = n % 10 === 9 ? null : `Writer${order.writer}-${n}@Example.com`;
  await write({ client }, ring, id, email, `org ${n % 3}`);
  acknowledged({ id, email });
}
await client.end();
process.exit(0);

function acknowledged(one: AcknowledgedEmail): void {
  appendFileSync(order.log, `${JSON.stringify(one)}\n`);
}
