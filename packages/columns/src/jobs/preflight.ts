import { LockfastError } from '@lockfast/core/errors';

import type { ColumnTable, StoredRow } from './database.ts';
import type { DeclaredColumn } from './declared-column.ts';
import { isOfAnotherRing } from './standing.ts';
import { columnValueOf } from './stored-form.ts';
import type { OpenedRow, StoredValues } from './stored-values.ts';

/** Rows that are looked at before the first is changed, of the table's first ones and of a sample each. */
const ROWS = 200;

/**
 * Whether the key that encrypts really does: a probe value under it, opened by keys that are derived anew.
 *
 * @throws LockfastError `wrong-key`
 */
export function proveCurrentKey(values: StoredValues, declared: DeclaredColumn, storage: ColumnTable['storage']): void {
  const row: StoredRow = { key: ['probe'], value: null, context: declared.context.map((name) => `probe of ${name}`), label: null };
  const probe = Buffer.from('lockfast probe');
  const [stored] = values.seal([{ row, value: probe, created: 0 }], storage);
  const [again] = values.anew().open([{ ...row, value: columnValueOf(stored!, storage) }], storage) as [OpenedRow];
  if (again.standing.kind === 'encrypted' && again.standing.current && again.opened!.value.equals(probe)) return;
  throw new LockfastError('wrong-key', `${declared.id}: what is encrypted under ${values.currentKey} does not decrypt`, 'nothing was changed; check the key ring with `lockfast doctor`');
}

/**
 * Whether the column is this ring's at all. With another one, every encrypted value would be unknown, and plaintext would be
 * encrypted under a key that the application does not have.
 *
 * @throws LockfastError `wrong-key`
 */
export async function refuseAnotherRing(values: StoredValues, declared: DeclaredColumn, table: ColumnTable): Promise<void> {
  const rows = [...(await table.sample(ROWS)), ...(await table.read(null, ROWS))];
  if (!isOfAnotherRing(values.classify(rows, table.storage))) return;
  throw new LockfastError(
    'wrong-key',
    `${declared.id}: values look encrypted, and none of those looked at opens under any key that is here; nothing was changed`,
    'check that this is the right environment, key ring and list of fernet-keys, and the right database; `lockfast column triage` names each row',
  );
}
