import type { Arguments } from '../arguments.ts';
import { confirm } from '../confirm.ts';
import type { Session } from '../session.ts';
import { despiteInstances, refuseUnlessHeld } from './instances-first.ts';
import { moveKey } from './move.ts';
import { keyOperand } from './operand.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const id = keyOperand(args);
  return moveKey(args, session, {
    event: { operation: 'key-activate', object: id, keyId: id, ...despiteInstances(args, session) },
    sure: () => confirm(args, session, `Encrypt with the key ${id} from now on?`),
    change: (ring) => ring.withActive(id),
    prove: (ring, workspace) => refuseUnlessHeld(workspace, ring, id, args, session),
    guarded: true,
    next: () => 'lockfast key rotate',
  });
}
