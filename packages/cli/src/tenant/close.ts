import { existsSync } from 'node:fs';

import { LockfastError } from '@lockfast/core/errors';
import { existingTenant, wasOpened } from '@lockfast/fleet';

import type { Arguments } from '../arguments.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';
import { asOpened, editInMemory, editOnDisk, keepInMemory, removeOurLink, removePlain, settle, type Settled } from './edits.ts';
import { fleetOf } from './fleet-of.ts';
import { asKeeper } from './keeper.ts';
import { emptyDirectory } from './memory.ts';
import { settlingOf } from './open.ts';

/** After a service stopped, however it did: what was changed is encrypted, and the plaintext is gone. Where nothing was changed, no key is needed. */
export async function run(args: Arguments, session: Session): Promise<number> {
  const [name] = args.operands as [string];
  const into = args.text('into');
  if (into === undefined) throw new LockfastError('usage', 'tenant close: --into is missing', 'let systemd call this, as an installed unit has it');
  const tenant = await asKeeper(args.text('as'), session, async (own) => existingTenant(fleetOf(new Workspace(args, own)), name)).catch((error: unknown) => {
    // Without a configuration nobody can say where it belongs; systemd is about to remove the directory.
    const edit = existsSync(into) ? editInMemory(into) : undefined;
    if (edit !== undefined) session.terminal.warn(`what was changed while the service ran is kept in ${keepInMemory(edit, into, name, new Date())}, in memory`);
    throw error;
  });
  const settling = settlingOf(tenant, args, session);
  const ends: Settled[] = [];
  const inMemory = existsSync(into) ? editInMemory(into) : undefined;
  if (inMemory !== undefined) ends.push(await settle(inMemory, into, settling));
  // Of two, the one on the disk is what an editor saved last. Where nothing was opened, it may be somebody else's file.
  const onDisk = editOnDisk(tenant);
  const base = existsSync(into) ? asOpened(into) : undefined;
  if (onDisk !== undefined && (base !== undefined || wasOpened(onDisk.bytes))) {
    ends.push(await settle({ text: onDisk.bytes, base }, into, settling));
    removePlain(tenant, onDisk);
  }
  removeOurLink(tenant);
  emptyDirectory(into);
  return ends.some((end) => end === 'aside' || end === 'in-memory') ? 1 : 0;
}
