/** One job in a process of its own, as its only argument orders. It prints its report, and the most memory that it had. */
import { readFileSync } from 'node:fs';

import { KeyRing } from '@lockfast/core/keyring';

import { convertColumn, type DeclaredColumn, type Direction, StoredValues } from '../../src/jobs/index.ts';
import { openColumns } from '../databases/open-columns.ts';
import { heldSource } from '../held-ring.ts';

interface Order {
  readonly url: string;
  /** The file of the ring. */
  readonly ring: string;
  /** The root key, base64. */
  readonly root: string;
  readonly declared: DeclaredColumn;
  readonly direction: Direction;
  readonly batch: number;
}

const { url, ring: file, root, declared, direction, batch } = JSON.parse(process.argv[2]!) as Order;
const ring = await KeyRing.open(readFileSync(file, 'utf8'), file, [heldSource(Buffer.from(root, 'base64'))]);
const database = await openColumns(url);
const report = await convertColumn(database, declared, new StoredValues(ring, declared, []), { direction, dryRun: false, batch });
await database.close();
process.stdout.write(JSON.stringify({ ...report, peakKiB: process.resourceUsage().maxRSS }));
