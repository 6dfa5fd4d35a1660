import type { KeyRecord } from '@lockfast/core/keyring';

import type { Arguments } from '../arguments.ts';
import { requireRole } from '../permission.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';
import { rotationDueIn } from './schedule.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  await requireRole(workspace, session, 'auditor', { operation: 'key-list', object: workspace.configuration.keyring });
  const ring = await workspace.ring();
  const { next } = rotationDueIn(ring, workspace.configuration, Date.now());
  /** A key is due to be replaced while it encrypts. */
  const dueOf = ({ state }: KeyRecord): string | null => (state === 'active' ? next : null);
  if (args.flag('json')) {
    const keys = ring.keys.map((key) => {
      const { id, state, created, activated, drained, retired, destroyed, compromised, fingerprint } = key;
      return { id, state, created, activated, drained, retired, destroyed, compromised, due: dueOf(key), fingerprint };
    });
    const indexKeys = ring.indexKeys.map(({ id, index, state, created, activated, replaced, destroyed, fingerprint }) => ({ id, index, state, created, activated, replaced, destroyed, fingerprint }));
    session.terminal.json({ environment: ring.environment, generation: ring.version.generation, departure: ring.departure, keys, indexKeys });
    return 0;
  }
  session.terminal.table(
    ['KEY', 'STATE', 'CREATED', 'DUE', 'COMPROMISED', 'FINGERPRINT'],
    ring.keys.map((key) => [key.id, key.state, key.created.slice(0, 10), day(dueOf(key)), day(key.compromised), `${key.fingerprint.slice(0, 23)}...`]),
  );
  // Most rings have none.
  if (ring.indexKeys.length > 0) {
    session.terminal.line();
    session.terminal.table(
      ['INDEX KEY', 'STATE', 'CREATED', 'BLIND INDEX', 'FINGERPRINT'],
      ring.indexKeys.map(({ id, state, created, index, fingerprint }) => [id, state, created.slice(0, 10), index, `${fingerprint.slice(0, 23)}...`]),
    );
  }
  return 0;
}

function day(time: string | null): string {
  return time === null ? '-' : time.slice(0, 10);
}
