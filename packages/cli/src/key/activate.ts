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
    // Where there are columns, it was activated for their sake: a rotation takes the staged key itself.
    next: (_, { configuration }) => (configuration.columns.length > 0 ? 'lockfast column rotate' : 'lockfast key rotate'),
  });
}
