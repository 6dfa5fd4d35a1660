import { LockfastError } from '@lockfast/core/errors';
import { holdsRootKey } from '@lockfast/core/keyring';
import { keySource } from '@lockfast/keys';

import { requireApproval } from '../approvals.ts';
import type { Arguments } from '../arguments.ts';
import { requireRole } from '../permission.ts';
import { changeRing } from '../ring-file.ts';
import type { Session } from '../session.ts';
import { counted } from '../terminal.ts';
import { Workspace } from '../workspace.ts';
import { chosenKdf } from './chosen-kdf.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const [uri] = args.operands as [string];
  const workspace = new Workspace(args, session);
  // Looked at before it goes on record: what was pasted in the wrong place may be a key.
  if (holdsRootKey(uri)) throw new LockfastError('invalid-source', 'key source add: what was given holds a root key itself', 'name where it is: file:PATH or env:NAME; and replace that root key, others could read it on the command line');
  keySource(uri, workspace.surroundings);
  const event = { operation: 'key-source-add', object: workspace.configuration.keyring, details: { source: uri } };
  await requireRole(workspace, session, 'admin', event);
  const kdf = chosenKdf(args, session);
  const { askNewSecret } = await import('../prompt.ts');
  const around = { ...workspace.surroundings, askPassphrase: askNewSecret, ...(kdf === undefined ? {} : { kdf }) };
  const source = keySource(uri, around);
  const ring = await changeRing(workspace, event, async (old) => {
    const changed = await old.withSource(source);
    await requireApproval(workspace, session, old, event);
    return changed;
  });
  session.terminal.line(`added ${uri}; ${counted(ring.sources.length, 'key source')} now; bring ${workspace.configuration.keyring} to whoever uses it`);
  return 0;
}
