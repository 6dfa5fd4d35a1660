import type { Arguments } from '../../arguments.ts';
import { despiteInstances, refuseUnlessHeld } from '../../key/instances-first.ts';
import type { Session } from '../../session.ts';
import { indexKeysOf, stepIndexKey } from './index-keys.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  return stepIndexKey(args, session, {
    operation: 'index-key-activate',
    of: 'staged',
    facts: despiteInstances(args, session),
    // An instance without it would not find what the others write.
    before: async ({ id }, ring, workspace) => refuseUnlessHeld(workspace, ring, indexKeysOf(ring, id).find(({ state }) => state === 'staged')!.id, args, session),
    change: (ring, id) => ring.withIndexKeyActive(id),
    next: (id) => `bring the key ring to every program that writes the index, then lockfast column index build ${id}`,
  });
}
