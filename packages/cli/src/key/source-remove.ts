import { LockfastError } from '@lockfast/core/errors';
import type { KeyRing } from '@lockfast/core/keyring';
import type { KeySource } from '@lockfast/core/ports';
import { keySource } from '@lockfast/keys';

import type { Arguments } from '../arguments.ts';
import { changeRing } from '../ring-file.ts';
import type { Session } from '../session.ts';
import { counted } from '../terminal.ts';
import { Workspace } from '../workspace.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const [uri] = args.operands as [string];
  const workspace = new Workspace(args, session);
  const dropped: string[] = [];
  const ring = await changeRing(workspace, async (old) => {
    const { reached, missed } = await reach(old, uri, workspace);
    if (missed.length > 0 && !args.flag('drop-unreachable')) {
      throw new LockfastError(
        'source-unavailable',
        `${missed.join(', ')} can not be reached from here, and the ring's new key must be wrapped for it`,
        'run this where all key sources can be reached, or remove those too with --drop-unreachable and add them again',
      );
    }
    dropped.push(...missed);
    return old.withoutSource(uri, reached);
  });
  for (const gone of dropped) session.terminal.warn(`${gone} was removed, too: add it again with its key at hand`);
  session.terminal.line(`removed ${uri}; the ring has a new key of its own, and ${counted(ring.sources.length, 'key source')}`);
  return 0;
}

/** Which of the sources that would stay can wrap from here: each is tried on a key that is thrown away. */
async function reach(ring: KeyRing, uri: string, { surroundings }: Workspace): Promise<{ reached: KeySource[]; missed: string[] }> {
  const reached: KeySource[] = [];
  const missed: string[] = [];
  for (const { source } of ring.sources.filter((record) => record.source !== uri)) {
    try {
      const candidate = keySource(source, surroundings);
      await candidate.wrap(ring.active().secret, Buffer.alloc(0));
      reached.push(candidate);
    } catch (error) {
      if (!(error instanceof LockfastError)) throw error;
      missed.push(source);
    }
  }
  return { reached, missed };
}
