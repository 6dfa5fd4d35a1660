import { dirname, join } from 'node:path';

import type { Workspace } from './workspace.ts';

/** Where the records of rotations lie: beside the key ring. */
export function rotationsDirectory({ configuration }: Workspace): string {
  return join(dirname(configuration.keyring), 'rotations');
}
