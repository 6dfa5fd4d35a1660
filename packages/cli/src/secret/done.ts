import { audited } from '@lockfast/core/audited';
import { LockfastError } from '@lockfast/core/errors';
import { finishWork, openWork, readCredentialRotations } from '@lockfast/fleet/credential-rotation';

import type { Arguments } from '../arguments.ts';
import { reasonOf } from '../reason.ts';
import { requireRole } from '../permission.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';
import { credentialRecords } from './credential-place.ts';

/** Takes something off the list that only people can do. */
export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const records = credentialRecords(workspace);
  const [id] = args.operands as [string];
  const reason = reasonOf(args);
  const event = { operation: 'secret-done', object: 'worklist', environment: workspace.configuration.environment, ...(reason === undefined ? {} : { reason }) };
  await requireRole(workspace, session, 'operator', event);
  const item = openWork(records, readCredentialRotations(records)).find((one) => one.id === id);
  if (item === undefined) throw new LockfastError('not-found', 'nothing of that id is open', 'see `lockfast secret history --open`');
  const { name, what, scope } = item;
  await audited(await workspace.audit(), { ...event, object: name, details: { what, scope } }, () => finishWork(records, workspace.stateDirectory, item));
  session.terminal.line(`${name} (${scope}): ${what} done`);
  return 0;
}
