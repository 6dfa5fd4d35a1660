import type { Arguments } from '../arguments.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const ring = await new Workspace(args, session).ring();
  if (args.flag('json')) {
    const keys = ring.keys.map(({ id, state, created, activated, fingerprint }) => ({ id, state, created, activated, fingerprint }));
    session.terminal.json({ environment: ring.environment, generation: ring.version.generation, keys });
    return 0;
  }
  session.terminal.table(
    ['KEY', 'STATE', 'CREATED', 'FINGERPRINT'],
    ring.keys.map(({ id, state, created, fingerprint }) => [id, state, created.slice(0, 10), `${fingerprint.slice(0, 23)}...`]),
  );
  return 0;
}
