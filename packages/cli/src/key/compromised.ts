import type { Arguments } from '../arguments.ts';
import { confirm } from '../confirm.ts';
import { requiredReason } from '../reason.ts';
import type { Session } from '../session.ts';
import { moveKey } from './move.ts';
import { keyOperand } from './operand.ts';
import { dueStep } from './schedule.ts';

/** No second person: what only makes a rotation due earlier must not wait for anybody. */
export async function run(args: Arguments, session: Session): Promise<number> {
  const id = keyOperand(args);
  return moveKey(args, session, {
    event: { operation: 'key-compromised', object: id, keyId: id, reason: requiredReason(args, session.command) },
    sure: () => confirm(args, session, `Mark the key ${id} as known to others? It can not be taken back.`),
    change: (ring) => ring.withCompromised(id),
    guarded: false,
    next: (ring, { configuration }) => dueStep(ring, configuration, Date.now()),
  });
}
