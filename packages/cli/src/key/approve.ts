import type { Arguments } from '../arguments.ts';
import { type ApprovalRequest, approveRequest, waitingRequests } from '../approvals.ts';
import { confirm } from '../confirm.ts';
import { failuresOnRecord } from '../on-record.ts';
import { requireRole } from '../permission.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const [id] = args.operands;
  const workspace = new Workspace(args, session);
  const event = { operation: 'key-approve', object: 'request' };
  await requireRole(workspace, session, 'admin', event);
  if (id === undefined) return list(args, session, (await waitingRequests(workspace)).requests);
  await failuresOnRecord(workspace, event, () => waitingRequests(workspace));
  const request = await approveRequest(workspace, session, id, (one) => confirm(args, session, `Approve ${described(one)}?`));
  if (args.flag('json')) session.terminal.json({ approved: request });
  else session.terminal.line(`${request.id}: approved, ${described(request)}; next: run that command again, it goes ahead once`);
  return 0;
}

function list(args: Arguments, { terminal }: Session, requests: readonly ApprovalRequest[]): number {
  if (args.flag('json')) terminal.json({ requests });
  else if (requests.length === 0) terminal.line('Nothing waits for a second person.');
  else {
    terminal.table(
      ['REQUEST', 'CHANGE', 'OF', 'ASKED BY', 'APPROVED BY', 'REASON'],
      requests.map(({ id, operation, object, details, asked, approved, reason }) => [id, operation + shownDetails(details), object, asked.by, approved?.by ?? '-', reason === null ? '-' : JSON.stringify(reason)]),
    );
  }
  return 0;
}

/** All of what is approved: nothing that was asked for may hide. */
function described({ operation, object, details, asked, reason }: ApprovalRequest): string {
  return `${operation} of ${object}${shownDetails(details)}, asked for by ${asked.by}${reason === null ? '' : ` because ${JSON.stringify(reason)}`}`;
}

function shownDetails(details: ApprovalRequest['details']): string {
  const members = Object.entries(details).map(([name, value]) => `${name}=${String(value)}`);
  return members.length === 0 ? '' : ` (${members.join(' ')})`;
}
