import { audited } from '@lockfast/core/audited';
import { LockfastError } from '@lockfast/core/errors';
import type { Usage } from '@lockfast/core/rotation';

import type { Arguments } from '../arguments.ts';
import { requireRole } from '../permission.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';
import { keyOperand } from './operand.ts';
import { sweep } from './sweep.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const id = args.operands.length === 0 ? undefined : keyOperand(args);
  const workspace = new Workspace(args, session);
  const { environment, keyring } = workspace.configuration;
  const event = { operation: 'key-usage', object: id ?? keyring, keyId: id, environment };
  await requireRole(workspace, session, 'auditor', event);
  const { keys, unread } = await audited(await workspace.audit(), event, async () => only(sweep(workspace, await workspace.ring()), id), countsOf);
  const states = new Map((await workspace.ring()).keys.map((key) => [key.id, key.state]));
  const files = unread.map(({ path, kind, error: { code, message } }) => ({ path, kind, code, message }));
  if (args.flag('json')) {
    session.terminal.json({ keys: keys.map(({ first, ...counts }) => ({ ...counts, rows: 0, first })), unread: files });
  } else {
    session.terminal.table(
      ['KEY', 'STATE', 'FILES', 'VALUES', 'ROWS', 'BACKUPS'],
      keys.map((key) => [key.id, states.get(key.id)!, String(key.files), String(key.values), '0', String(key.backups)]),
    );
    if (id !== undefined) for (const name of keys[0]!.first) session.terminal.line(`  ${name}`);
    for (const { message } of files) session.terminal.warn(`not counted: ${message}`);
  }
  return unread.length === 0 ? 0 : 1;
}

/** @throws LockfastError `no-such-key` */
function only({ keys, unread }: Usage, id: string | undefined): Usage {
  const asked = keys.filter((key) => id === undefined || key.id === id);
  if (asked.length === 0) throw new LockfastError('no-such-key', 'the key ring has no key of this id', 'see `lockfast key list`');
  return { keys: asked, unread };
}

function countsOf({ keys, unread }: Usage): { details: Record<string, number> } {
  const sum = (count: (key: Usage['keys'][number]) => number): number => keys.reduce((all, key) => all + count(key), 0);
  return { details: { files: sum((key) => key.files), backups: sum((key) => key.backups), unread: unread.length } };
}
