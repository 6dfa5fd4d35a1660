/** How many rows of the declared blind indexes are under each of their keys, by how the index begins. */
import { censusIndex } from '@lockfast/columns/jobs';
import { LockfastError } from '@lockfast/core/errors';
import type { IndexKeyRecord, KeyRing } from '@lockfast/core/keyring';

import { declaredIndexes } from '../column/blind-index/declared-indexes.ts';
import { ColumnAccess } from '../column/column-access.ts';
import type { Session } from '../session.ts';
import type { Workspace } from '../workspace.ts';
import type { UnreadColumn } from './column-sweep.ts';

export interface IndexKeyUsage extends Pick<IndexKeyRecord, 'id' | 'index' | 'state'> {
  /** Null where nobody can tell: the index is not declared, or its database out of reach. */
  readonly rows: number | null;
}

interface IndexUsage {
  readonly used: readonly IndexKeyUsage[];
  readonly unread: readonly UnreadColumn[];
}

/** @throws LockfastError `config-invalid` */
export async function sweepIndexes(keys: readonly IndexKeyRecord[], workspace: Workspace, ring: KeyRing, session: Session): Promise<IndexUsage> {
  const rows = new Map<string, number>();
  const counted = new Set<string>();
  const unread: UnreadColumn[] = [];
  const wanted = new Set(keys.map(({ index }) => index));
  await using access = new ColumnAccess(workspace, ring, session);
  for (const index of declaredIndexes(workspace.configuration)) {
    if (!wanted.has(index.id)) continue;
    try {
      const census = await censusIndex(await access.database(index.source), index, ring);
      counted.add(index.id);
      for (const [key, count] of Object.entries(census.keys)) rows.set(key, count);
    } catch (error) {
      if (!(error instanceof LockfastError)) throw error;
      unread.push({ column: index.id, code: error.code, message: `${index.id}: ${error.message}` });
    }
  }
  return { used: keys.map(({ id, index, state }) => ({ id, index, state, rows: counted.has(index) ? (rows.get(id) ?? 0) : null })), unread };
}
