/** The running applications that report themselves in the databases of the configuration. */
import type { ReportedInstance } from '@lockfast/columns/instances';
import type { KeyRing } from '@lockfast/core/keyring';

import type { Configuration } from '../configuration.ts';
import type { Session } from '../session.ts';
import type { Workspace } from '../workspace.ts';
import { ColumnAccess } from './column-access.ts';

/** An instance, and the NAME of the `[databases.NAME]` that it was found in. */
export interface FoundInstance extends ReportedInstance {
  readonly database: string;
}

/** The databases whose `instances` is set. */
export function reportingDatabases({ databases }: Pick<Configuration, 'databases'>): string[] {
  return Object.keys(databases).filter((name) => databases[name]!.instances !== undefined);
}

/**
 * Those of these databases, the ones that are gone among them.
 *
 * @param names of {@link reportingDatabases}
 * @throws LockfastError `database-unavailable`, `database-refused`, `config-invalid`, and as `databaseUrl`
 */
export async function reportedInstances(names: readonly string[], workspace: Workspace, ring: KeyRing, session: Session): Promise<FoundInstance[]> {
  await using access = new ColumnAccess(workspace, ring, session);
  const found: FoundInstance[] = [];
  for (const name of names) {
    const database = await access.databaseNamed(name);
    const rows = await database.instances(workspace.configuration.databases[name]!.instances!);
    found.push(...rows.map((row) => ({ ...row, database: name })));
  }
  return found;
}

/** The live instances of this ring that do not hold the key. */
export function lacking<T extends FoundInstance>(found: readonly T[], ring: KeyRing, key: string): T[] {
  return ofRing(found, ring).filter(({ held }) => !held.includes(key));
}

/** The live instances of this ring. One of another ring reads and writes nothing that is under a key of this one. */
export function ofRing<T extends FoundInstance>(found: readonly T[], ring: KeyRing): T[] {
  return found.filter(({ live, ring: id }) => live && id === ring.version.ring);
}

/** How messages name it: `web-1`, and its id where it has no name. */
export function shownInstance({ host, instance }: ReportedInstance): string {
  return host ?? instance;
}
