import type { Arguments } from '../../arguments.ts';
import type { Session } from '../../session.ts';
import { refuseWithoutKey, stepIndexKey } from './index-keys.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  return stepIndexKey(args, session, {
    operation: 'index-key-create',
    of: undefined,
    change: (ring, id) => {
      refuseWithoutKey(ring, id);
      return ring.withNewIndexKey(id);
    },
    next: (id) => `bring the key ring to every program that searches by the index, then lockfast column index activate ${id}`,
  });
}
