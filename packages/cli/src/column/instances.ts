import { LockfastError } from '@lockfast/core/errors';
import type { KeyRing } from '@lockfast/core/keyring';

import type { Arguments } from '../arguments.ts';
import { listed } from '../listed.ts';
import { requireRole } from '../permission.ts';
import type { Session } from '../session.ts';
import { counted } from '../terminal.ts';
import { Workspace } from '../workspace.ts';
import { type FoundInstance, lacking, ofRing, reportedInstances, reportingDatabases, shownInstance } from './reported-instances.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const names = chosenDatabases(args, workspace);
  await requireRole(workspace, session, 'auditor', { operation: 'column-instances', object: names.join(' ') });
  const ring = await workspace.ring();
  const found = await reportedInstances(names, workspace, ring, session);
  if (args.flag('json')) {
    session.terminal.json({
      ring: ring.version.ring,
      generation: ring.version.generation,
      instances: found.map(({ instance, host, database, environment, ring: id, generation, active, held, live, seenAgoMs, startedAgoMs }) => ({ instance, host, database, environment, ring: id, generation, active, held, live, seenAgoMs, startedAgoMs })),
      staged: stagedKeys(ring).map((key) => ({ key, lacking: lacking(found, ring, key).map(({ instance }) => instance) })),
    });
    return 0;
  }
  if (found.length === 0) session.terminal.note('no application reports itself: none runs, or none calls reportInstance; see docs/guides/zero-downtime-rotation.md');
  session.terminal.table(
    ['HOST', 'INSTANCE', 'DATABASE', 'GENERATION', 'ENCRYPTS WITH', 'STATE', 'SEEN'],
    found.map((one) => [one.host ?? '-', one.instance, one.database, String(one.generation), one.active, stateOf(one, ring), ago(one.seenAgoMs)]),
  );
  for (const key of stagedKeys(ring)) session.terminal.line(stagedLine(key, found, ring));
  return 0;
}

/** @throws LockfastError `config-invalid` where none reports, `usage` for a name that is not declared */
function chosenDatabases(args: Arguments, { configuration }: Workspace): string[] {
  const all = reportingDatabases(configuration);
  if (all.length === 0) throw new LockfastError('config-invalid', `${configuration.file}: no [databases.NAME] has instances`, 'let applications report themselves: see docs/guides/zero-downtime-rotation.md, then write instances = "lockfast_instances"');
  const name = args.text('database');
  if (name === undefined) return all;
  if (!all.includes(name)) throw new LockfastError('usage', 'column instances: --database names no database with instances', `those are: ${listed(all)}`);
  return [name];
}

function stagedKeys({ keys }: KeyRing): string[] {
  return keys.filter(({ state }) => state === 'staged').map(({ id }) => id);
}

function stateOf({ live, ring: id }: FoundInstance, ring: KeyRing): string {
  return live ? (id === ring.version.ring ? 'live' : 'another ring') : 'gone';
}

function stagedLine(key: string, found: readonly FoundInstance[], ring: KeyRing): string {
  const [live, without] = [ofRing(found, ring).length, lacking(found, ring, key)];
  if (without.length === 0) return `${key} is staged, and ${live === 0 ? 'no instance is live' : `held by ${live === 1 ? 'the one live instance' : `all ${live} live instances`}`}; next: lockfast key activate ${key}`;
  return `${key} is staged, and not held by ${without.length} of ${counted(live, 'live instance')}: ${listed(without.map(shownInstance))}`;
}

function ago(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 120 ? `${seconds} s ago` : seconds < 7200 ? `${Math.round(seconds / 60)} min ago` : `${Math.round(seconds / 3600)} h ago`;
}
