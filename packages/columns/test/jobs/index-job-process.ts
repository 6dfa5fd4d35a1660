/** One build of a blind index in a process of its own, to be killed. Its order is the JSON in argv; it prints a line when rows begin to change, and its report. */
import { readFileSync } from 'node:fs';

import { KeyRing } from '@lockfast/core/keyring';

import { openPostgresColumns } from '../../src/jobs/postgres/index.ts';
import { heldSource } from '../held-ring.ts';
import { build } from './index-application.ts';

export interface IndexJobOrder {
  readonly url: string;
  /** The file of the ring. */
  readonly ring: string;
  /** The root key, base64. */
  readonly root: string;
  readonly batch: number;
  readonly maxRate: number;
}

const { url, ring, root, batch, maxRate } = JSON.parse(process.argv[2]!) as IndexJobOrder;
const database = await openPostgresColumns(url);
let begun = false;
const report = await build({ database }, await KeyRing.open(readFileSync(ring, 'utf8'), ring, [heldSource(Buffer.from(root, 'base64'))]), {
  batch,
  maxRate,
  onProgress: () => {
    if (!begun) process.stdout.write('begun\n');
    begun = true;
  },
});
await database.close();
process.stdout.write(`${JSON.stringify(report)}\n`);
