import { LockfastError } from '@lockfast/core/errors';
import { systemClock } from '@lockfast/core/ports';
import { acknowledge, openAlert, stateFile, withState } from '@lockfast/watch';

import type { Arguments } from '../arguments.ts';
import { personBehind, requireRole } from '../permission.ts';
import { requiredReason } from '../reason.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const id = args.operands[0]!;
  if (!/^[a-z2-7]{8}$/.test(id)) throw new LockfastError('usage', 'watch ack: this is no id of an alert', 'it has 8 characters: see lockfast watch list');
  const reason = requiredReason(args, 'watch ack');
  const workspace = new Workspace(args, session);
  const { configuration, stateDirectory } = workspace;
  const event = { operation: 'watch-ack', object: id, environment: configuration.environment, reason };
  await requireRole(workspace, session, 'auditor', event);
  const now = systemClock.now();
  const summary = await withState(stateDirectory, stateFile(stateDirectory, configuration.file), now, async (state) => {
    const alert = openAlert(state, id);
    // First on record: what is not, is not acknowledged.
    await (await workspace.audit())?.record({ ...event, tenant: alert.tenant, outcome: 'success', details: { rule: alert.rule, since: alert.since } });
    acknowledge(state, id, { time: new Date(now).toISOString(), by: personBehind(session).name });
    return alert.summary;
  });
  session.terminal.note(`acknowledged: ${summary}`);
  return 0;
}
