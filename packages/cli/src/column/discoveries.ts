/** What searches through databases have found, as the ledger has it: whether a key may be let go of. */
import type { Discovery, LeftOut } from '@lockfast/columns/jobs';
import { LockfastError } from '@lockfast/core/errors';
import type { KeyRing } from '@lockfast/core/keyring';

import { listed } from '../listed.ts';
import type { Session } from '../session.ts';
import { counted, shownMinute } from '../terminal.ts';
import type { Workspace } from '../workspace.ts';
import { keyIdIn } from './key-names.ts';

export const DISCOVERY = 'column-discover';

/** What is left out so may hold what nobody finds then. */
export const LACKS: ReadonlySet<LeftOut['why']> = new Set(['not-permitted', 'row-security']);

/** An entry of the ledger is no place for more. What is over counts as not searched. */
const MOST_COUNTS = 200;

type Facts = Readonly<Record<string, number | boolean>>;

/** One database as it was searched, or why it was not. */
export interface SearchedDatabase {
  readonly database: string;
  readonly discovery?: Discovery;
  readonly error?: LockfastError;
}

/** `searched app: true`, `undeclared app kq2d5x: 12`. Searched is what was looked through without a lack, not a sample of it. */
export function factsOf(all: readonly SearchedDatabase[], ring: KeyRing): { readonly details: Facts } {
  const ids = new Set(ring.keys.map(({ id }) => id));
  const counts: [name: string, rows: number][] = all.flatMap(({ database, discovery }) => {
    const rows = new Map<string, number>();
    for (const { keys } of discovery?.found ?? []) {
      for (const [name, count] of Object.entries(keys)) {
        const id = keyIdIn(name);
        if (ids.has(id)) rows.set(id, (rows.get(id) ?? 0) + count);
      }
    }
    return Array.from(rows, ([id, count]): [string, number] => [`undeclared ${database} ${id}`, count]);
  });
  const searched = all.map(({ database, discovery }): [string, boolean] => [
    `searched ${database}`,
    counts.length <= MOST_COUNTS && discovery?.sampled === false && !discovery.leftOut.some(({ why }) => LACKS.has(why)),
  ]);
  const places = all.reduce((sum, { discovery }) => sum + (discovery?.found.length ?? 0), 0);
  return { details: { places, ...Object.fromEntries(searched), ...Object.fromEntries(counts.slice(0, MOST_COUNTS)) } };
}

/** What is known of one database. */
interface Known {
  /** When it was last searched without a lack. */
  searched: string | undefined;
  /** Rows outside of the declared columns, and when they were found. A search without a lack that does not meet them takes them back. */
  undeclared: { readonly rows: number; readonly at: string } | undefined;
}

/**
 * Whether the newest searches found values under the key outside of the declared columns. Without any it only says so, and
 * only where there are databases: a search is nobody's duty, and what it found is not to be passed over.
 *
 * @param leave whether that is known and meant: --leave-undeclared
 * @throws LockfastError `key-in-use`, and as `entriesOf`
 */
export async function refuseDiscoveredKey(workspace: Workspace, ring: KeyRing, id: string, leave: boolean, { terminal }: Session): Promise<void> {
  const names = Object.keys(workspace.configuration.databases);
  if (names.length === 0 || leave) return;
  const known = await discoveriesOf(workspace, names, id);
  const under = names.filter((name) => known.get(name)?.undeclared !== undefined);
  if (under.length > 0) {
    const found = under.map((name) => known.get(name)!.undeclared!);
    const rows = found.reduce((sum, one) => sum + one.rows, 0);
    throw new LockfastError(
      'key-in-use',
      `${counted(rows, 'row')} under the key ${id} ${rows === 1 ? 'was' : 'were'} found outside of the declared columns, in ${listed(under)} (${shownMinute(found[0]!.at)})`,
      'declare and rotate them, then `lockfast column discover` again; or give --leave-undeclared, and nothing opens them any more',
    );
  }
  const drained = ring.keys.find((key) => key.id === id)?.drained ?? '';
  const missing = names.filter((name) => (known.get(name)?.searched ?? '') <= drained);
  if (missing.length > 0) terminal.note(`${listed(missing)} ${missing.length === 1 ? 'was' : 'were'} not searched since ${id} went out of use: lockfast column discover tells whether values under it are anywhere else`);
}

async function discoveriesOf(workspace: Workspace, names: readonly string[], id: string): Promise<ReadonlyMap<string, Known>> {
  const known = new Map<string, Known>(names.map((name) => [name, { searched: undefined, undeclared: undefined }]));
  const ledger = await workspace.ledger();
  if (ledger === undefined) return known;
  const { entriesOf } = await import('../ledger/rows.ts');
  for await (const { entry } of entriesOf(ledger.store)) {
    const { operation, outcome, time, details = {} } = entry;
    if (operation !== DISCOVERY || outcome !== 'success') continue;
    for (const name of names) {
      const [searched, rows] = [details[`searched ${name}`], details[`undeclared ${name} ${id}`]];
      const one = known.get(name)!;
      if (searched === true) known.set(name, { searched: time, undeclared: undefined });
      if (typeof rows === 'number') known.set(name, { searched: searched === true ? time : one.searched, undeclared: { rows, at: time } });
    }
  }
  return known;
}
