import type { Arguments } from '../arguments.ts';
import { confirm } from '../confirm.ts';
import { reasonOf } from '../reason.ts';
import type { Session } from '../session.ts';
import { moveKey } from './move.ts';
import { keyOperand } from './operand.ts';
import { refuseUsedKey } from './sweep.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const id = keyOperand(args);
  const leave = args.flag('leave-undeclared');
  return moveKey(args, session, {
    event: { operation: 'key-retire', object: id, keyId: id, reason: reasonOf(args), ...(leave ? { details: { leaveUndeclared: true } } : {}) },
    sure: () => confirm(args, session, `Refuse the key ${id} from now on?`),
    change: (ring) => ring.withRetired(id),
    prove: (ring, workspace) => refuseUsedKey(workspace, ring, id, leave, session),
    guarded: true,
    next: () => `lockfast key destroy ${id}`,
  });
}
