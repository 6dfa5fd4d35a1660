/** One job in a process of its own, to be killed. Its order is the JSON in argv; it prints a line when rows begin to change, and its report. */
import { readFileSync } from 'node:fs';

import { KeyRing } from '@lockfast/core/keyring';

import { convertColumn, type DeclaredColumn, type Direction, StoredValues } from '../../src/jobs/index.ts';
import { openColumns } from '../databases/open-columns.ts';
import { heldSource } from '../held-ring.ts';

export interface JobOrder {
  readonly url: string;
  /** The file of the ring. */
  readonly ring: string;
  /** The root key, base64. */
  readonly root: string;
  readonly declared: DeclaredColumn;
  readonly direction: Direction;
  readonly batch: number;
  readonly maxRate: number;
}

const order = JSON.parse(process.argv[2]!) as JobOrder;
const ring = await KeyRing.open(readFileSync(order.ring, 'utf8'), order.ring, [heldSource(Buffer.from(order.root, 'base64'))]);
const database = await openColumns(order.url);
let begun = false;
const { direction, batch, maxRate, declared } = order;
const report = await convertColumn(database, declared, new StoredValues(ring, declared, []), {
  direction,
  dryRun: false,
  batch,
  maxRate,
  onProgress: () => {
    if (begun) return;
    begun = true;
    process.stdout.write('begun\n');
  },
});
await database.close();
process.stdout.write(`${JSON.stringify(report)}\n`);
