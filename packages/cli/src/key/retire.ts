import type { Arguments } from '../arguments.ts';
import { confirm } from '../confirm.ts';
import type { Session } from '../session.ts';
import { despiteInstances, refuseWhileEncrypting } from './instances-first.ts';
import { moveKey } from './move.ts';
import { keyOperand } from './operand.ts';
import { refuseUsedKey } from './sweep.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const id = keyOperand(args);
  return moveKey(args, session, {
    event: { operation: 'key-retire', object: id, keyId: id, ...despiteInstances(args, session) },
    sure: () => confirm(args, session, `Refuse the key ${id} from now on?`),
    change: (ring) => ring.withRetired(id),
    prove: async (ring, workspace) => {
      // First: it is quick, and what they would still write no sweep finds.
      await refuseWhileEncrypting(workspace, ring, id, args, session);
      await refuseUsedKey(workspace, ring, id, session);
    },
    guarded: true,
    next: () => `lockfast key destroy ${id}`,
  });
}
