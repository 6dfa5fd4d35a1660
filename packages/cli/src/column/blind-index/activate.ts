import type { Arguments } from '../../arguments.ts';
import type { Session } from '../../session.ts';
import { stepIndexKey } from './index-keys.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  return stepIndexKey(args, session, {
    operation: 'index-key-activate',
    of: 'staged',
    change: (ring, id) => ring.withIndexKeyActive(id),
    next: (id) => `bring the key ring to every program that writes the index, then lockfast column index build ${id}`,
  });
}
