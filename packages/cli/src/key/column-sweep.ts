/** The sweep over the declared columns: how many rows are under each key of the ring, by decrypting them all. */
import type { ErrorCode } from '@lockfast/core/errors';
import { LockfastError } from '@lockfast/core/errors';
import type { KeyRing } from '@lockfast/core/keyring';
import type { Survey } from '@lockfast/columns/jobs';

import { ColumnAccess } from '../column/column-access.ts';
import { declaredColumns } from '../column/declared.ts';
import { keyIdIn } from '../column/key-names.ts';
import { survey } from '../column/surveying.ts';
import { listed } from '../listed.ts';
import type { Session } from '../session.ts';
import { counted } from '../terminal.ts';
import type { Workspace } from '../workspace.ts';

/** Rows of one column under one key, as lfv1 or as the Fernet tokens of the Fernet key that belongs to it. */
export interface ColumnRows {
  readonly column: string;
  readonly key: string;
  readonly rows: number;
}

/** A column of which some rows, or all, were not read. */
export interface UnreadColumn {
  readonly column: string;
  readonly code: ErrorCode;
  readonly message: string;
  /** The key that they name; without it, they may be under any. */
  readonly key?: string;
}

/** Rows of one column whose tenant's key was destroyed: they name keys, and need none. */
interface ShreddedRows {
  readonly column: string;
  readonly tenant: string;
  readonly rows: number;
}

export interface ColumnUsage {
  readonly shredded: readonly ShreddedRows[];
  readonly used: readonly ColumnRows[];
  readonly unread: readonly UnreadColumn[];
}

/** @throws LockfastError `config-invalid`: what is declared badly can't be counted; what `signal` was aborted with */
export async function sweepColumns(workspace: Workspace, ring: KeyRing, session: Session, signal?: AbortSignal): Promise<ColumnUsage> {
  const used: ColumnRows[] = [];
  const unread: UnreadColumn[] = [];
  const shredded: ShreddedRows[] = [];
  await using access = new ColumnAccess(workspace, ring, session);
  for (const column of declaredColumns(workspace.configuration)) {
    try {
      const found = await survey(column, undefined, access, session, signal);
      used.push(...rowsByKey(column.id, found, ring));
      shredded.push(...Object.entries(found.shredded).map(([tenant, rows]) => ({ column: column.id, tenant, rows })));
      unread.push(...undecided(column.id, found, ring));
    } catch (error) {
      if (!(error instanceof LockfastError)) throw error;
      unread.push({ column: column.id, code: error.code, message: `${column.id}: ${error.message}` });
    }
  }
  return { used, unread, shredded };
}

function rowsByKey(column: string, { keys, fernetKeys }: Survey, ring: KeyRing): ColumnRows[] {
  const rows = new Map(ring.keys.map(({ id }) => [id, 0]));
  for (const [name, count] of [...Object.entries(keys), ...Object.entries(fernetKeys)]) {
    const id = keyIdIn(name);
    if (rows.has(id)) rows.set(id, rows.get(id)! + count);
  }
  return Array.from(rows, ([key, count]) => ({ column, key, rows: count })).filter((one) => one.rows > 0);
}

/** Only the key that it names opens an lfv1 value: one of a key that the ring never had is none of this ring's. */
function undecided(column: string, { unreadableKeys }: Survey, ring: KeyRing): UnreadColumn[] {
  const known = new Set(['', ...ring.keys.map(({ id }) => id)]);
  return Object.entries(unreadableKeys)
    .filter(([key]) => known.has(key))
    .map(([key, rows]) => ({
      column,
      code: 'column-findings',
      message: `${counted(rows, 'row')} of ${column} ${key === '' ? '' : `that ${rows === 1 ? 'names' : 'name'} ${key} `}can not be read`,
      ...(key === '' ? {} : { key }),
    }));
}

/** @throws LockfastError `key-in-use` also where that can not be told: a row that can't be read may be under this key */
export function refuseUnlessUnusedInColumns({ used, unread }: ColumnUsage, id: string): void {
  const under = used.filter(({ key }) => key === id);
  if (under.length > 0) {
    const ids = under.map(({ column }) => column);
    throw new LockfastError(
      'key-in-use',
      `the key ${id} is in use: ${listed(under.map(({ column, rows }) => `${counted(rows, 'row')} of ${column}`))}`,
      `encrypt them anew with \`lockfast column rotate ${ids.join(' ')}\`, then run this again`,
    );
  }
  const doubtful = unread.filter(({ key }) => key === undefined || key === id);
  if (doubtful.length > 0) {
    throw new LockfastError(
      'key-in-use',
      `nobody can tell whether the key ${id} is in use: ${listed(doubtful.map(({ message }) => message))}`,
      'make the database reachable, or see what would open the rows with `lockfast column triage`, then run this again',
    );
  }
}
