import { censusIndex } from '@lockfast/columns/jobs';
import { LockfastError } from '@lockfast/core/errors';
import type { KeyRing } from '@lockfast/core/keyring';

import type { Arguments } from '../../arguments.ts';
import { confirmByName } from '../../confirm.ts';
import { despiteInstances, refuseWhileIndexing } from '../../key/instances-first.ts';
import type { Session } from '../../session.ts';
import { counted } from '../../terminal.ts';
import type { Workspace } from '../../workspace.ts';
import { ColumnAccess } from '../column-access.ts';
import type { ConfiguredIndex } from './declared-indexes.ts';
import { indexKeysOf, stepIndexKey } from './index-keys.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  return stepIndexKey(args, session, {
    operation: 'index-key-destroy',
    of: 'older',
    facts: despiteInstances(args, session),
    before: async (index, ring, workspace) => {
      const { id } = indexKeysOf(ring, index.id).find(({ state }) => state === 'older')!;
      // First: what an instance writes meanwhile, the count would miss.
      await refuseWhileIndexing(workspace, ring, id, args, session);
      await refuseUsedIndexKey(index, id, ring, workspace, session);
      confirmByName(args, session, `destroy the older key of ${index.id}`, index.id);
    },
    change: (ring, id) => ring.withIndexKeyDestroyed(id),
    next: () => 'remove old copies of the key ring and its recovery backups, which still hold it',
  });
}

/** @throws LockfastError `key-in-use` */
async function refuseUsedIndexKey(index: ConfiguredIndex, older: string, ring: KeyRing, workspace: Workspace, session: Session): Promise<void> {
  await using access = new ColumnAccess(workspace, ring, session);
  const { keys } = await censusIndex(await access.database(index.source), index, ring);
  const rows = keys[older] ?? 0;
  if (rows === 0) return;
  throw new LockfastError('key-in-use', `the index key ${older} is in use: ${counted(rows, 'row')} of ${index.id}`, `write them anew with \`lockfast column index build ${index.id}\`, then run this again`);
}
