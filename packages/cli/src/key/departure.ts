import type { Arguments } from '../arguments.ts';
import { confirm } from '../confirm.ts';
import { requiredReason } from '../reason.ts';
import type { Session } from '../session.ts';
import { moveKey } from './move.ts';
import { dueStep } from './schedule.ts';

/** No second person, as for a compromise. */
export async function run(args: Arguments, session: Session): Promise<number> {
  return moveKey(args, session, {
    event: { operation: 'key-departure', object: 'key ring', reason: requiredReason(args, session.command) },
    sure: () => confirm(args, session, 'Note that somebody with access to the keys has left?'),
    change: (ring) => ring.withDeparture(),
    guarded: false,
    done: 'departure noted',
    next: (ring, { configuration }) => dueStep(ring, configuration, Date.now()),
  });
}
