import type { Arguments } from '../arguments.ts';
import { confirmByName } from '../confirm.ts';
import { reasonOf } from '../reason.ts';
import type { Session } from '../session.ts';
import { moveKey } from './move.ts';
import { keyOperand } from './operand.ts';
import { refuseUsedKey } from './sweep.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const id = keyOperand(args);
  const leave = args.flag('leave-undeclared');
  return moveKey(args, session, {
    event: { operation: 'key-destroy', object: id, keyId: id, reason: reasonOf(args), ...(leave ? { details: { leaveUndeclared: true } } : {}) },
    sure: () => confirmByName(args, session, `destroy the key ${id}`, id),
    change: (ring) => ring.withDestroyed(id),
    prove: (ring, workspace) => refuseUsedKey(workspace, ring, id, leave, session),
    guarded: true,
    next: () => 'remove old copies of the key ring and its recovery backups, which still hold it',
  });
}
