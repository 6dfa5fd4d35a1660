import { KeyRing } from '@lockfast/core/keyring';
import { keySource } from '@lockfast/keys';

import { requireApproval } from '../approvals.ts';
import type { Arguments } from '../arguments.ts';
import { confirm } from '../confirm.ts';
import { failuresOnRecord } from '../on-record.ts';
import { requireRole } from '../permission.ts';
import { changeRing } from '../ring-file.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';
import { newRoot } from './new-root-key.ts';
import { orTakeBack } from './or-take-back.ts';
import { reportSources } from './shown-sources.ts';

/** Another root key for the same ring and the same data keys: no encrypted file changes. */
export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const { keyring: path } = workspace.configuration;
  const to = args.text('to');
  const replace = args.flag('replace');
  // Looked at before it goes on record: what was pasted in the wrong place may be a key.
  if (to !== undefined) keySource(to, workspace.surroundings);
  const event = { operation: 'key-rewrap', object: path, details: { replace, ...(to === undefined ? {} : { source: to }) } };
  await requireRole(workspace, session, 'admin', event);
  const before = await failuresOnRecord(workspace, event, () => workspace.ring());
  if (replace) confirm(args, session, `After this ${before.sources.map(({ source }) => source).join(', ')} will not open the key ring. Go on?`);
  const root = await newRoot(args, session, workspace.surroundings, to);
  const after = await orTakeBack(root, path, () =>
    changeRing(workspace, event, async (old) => {
      await requireApproval(workspace, session, old, event);
      const next = replace ? await old.rewrappedFor([root.source]) : await old.withNewRoot(root.source);
      // A passphrase that was just typed twice is not asked for a third time.
      if (!root.uri.startsWith('passphrase:')) await KeyRing.open(next.print(), path, [root.source]);
      return next;
    }),
  );
  reportSources(args, session, workspace, root, before, after);
  return 0;
}
