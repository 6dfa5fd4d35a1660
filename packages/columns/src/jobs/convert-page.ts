import { type ErrorCode, LockfastError } from '@lockfast/core/errors';

import type { ValueTypeName } from '../value-type.ts';
import type { StoredRow } from './database.ts';
import { isShredded, type Standing } from './standing.ts';
import { type ColumnStorage, type ColumnValue, columnValueOf, columnValueOfPlaintext, encryptedIn, plaintextIn } from './stored-form.ts';
import type { OpenedRow, StoredValues } from './stored-values.ts';

export type Direction = 'encrypt' | 'rotate' | 'decrypt';

/** What becomes of one row. Without `value` and `refused` it stays as it is, and should. */
export interface RowFate {
  readonly row: StoredRow;
  /** What is to replace its value. */
  readonly value?: ColumnValue | null;
  /** Why it stays as it is, and should not. */
  readonly refused?: ErrorCode;
}

export interface Fate extends RowFate {
  readonly standing: Standing;
  readonly value?: ColumnValue;
}

export interface PageConversion {
  readonly direction: Direction;
  readonly as: ValueTypeName;
  readonly storage: ColumnStorage;
  readonly values: StoredValues;
  /** The same keys, derived a second time. */
  readonly prover: StoredValues;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

interface Sealing {
  readonly index: number;
  readonly row: StoredRow;
  readonly value: Buffer;
  readonly created: number | undefined;
}

/** @throws LockfastError `internal` where a value that was just encrypted does not open */
export function convertPage(rows: readonly StoredRow[], conversion: PageConversion): Fate[] {
  const opened = conversion.values.open(rows, conversion.storage);
  const fates = rows.map((row, index): Fate => untouched(row, opened[index]!.standing));
  if (conversion.direction === 'decrypt') {
    opened.forEach((one, index) => {
      if (one.opened !== undefined) fates[index] = decrypted(rows[index]!, one, conversion);
    });
  } else {
    const sealing: Sealing[] = [];
    rows.forEach((row, index) => {
      const fit = conversion.direction === 'encrypt' ? toEncrypt(row, opened[index]!, conversion) : toRotate(opened[index]!);
      if (fit === 'refused') fates[index] = { row, standing: opened[index]!.standing, refused: 'invalid-text' };
      else if (fit !== undefined) sealing.push({ index, row, ...fit });
    });
    seal(sealing, conversion, fates);
    for (const { value } of sealing) value.fill(0);
  }
  for (const one of opened) one.opened?.value.fill(0);
  return fates;
}

function untouched(row: StoredRow, standing: Standing): Fate {
  return standing.kind === 'unreadable' && !isShredded(standing) ? { row, standing, refused: standing.code } : { row, standing };
}

/** Whatever opens counts as encrypted: to bring it under the current key is what a rotation is for. */
function toEncrypt(row: StoredRow, { standing }: OpenedRow, { storage, as, now }: PageConversion): Pick<Sealing, 'value' | 'created'> | 'refused' | undefined {
  if (standing.kind !== 'plaintext') return undefined;
  const value = plaintextIn(row.value!, storage, as);
  return value === undefined ? 'refused' : { value, created: now };
}

function toRotate({ standing, opened }: OpenedRow): Pick<Sealing, 'value' | 'created'> | undefined {
  return standing.kind !== 'encrypted' || standing.current ? undefined : { value: opened!.value, created: standing.created };
}

function decrypted(row: StoredRow, { standing, opened }: OpenedRow, { storage, as, values }: PageConversion): Fate {
  const value = columnValueOfPlaintext(opened!.value, storage, as);
  if (value === undefined) return { row, standing, refused: 'invalid-text' };
  const inside = encryptedIn(value, storage);
  // It was encrypted twice. As it is it reads as ever; as plaintext the next reader would take it for an encrypted value.
  if (inside !== undefined && values.looksEncrypted(inside, storage)) return { row, standing, refused: 'already-encrypted' };
  return { row, standing, value };
}

function seal(sealing: readonly Sealing[], { values, prover, storage }: PageConversion, fates: Fate[]): void {
  if (sealing.length === 0) return;
  const put = (done: readonly Sealing[]): void => {
    values.seal(done, storage).forEach((stored, i) => {
      const { index, row } = done[i]!;
      fates[index] = { row, standing: fates[index]!.standing, value: columnValueOf(stored, storage) };
    });
  };
  try {
    put(sealing);
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    // A batch is all or nothing: find out which of them can't be, and why.
    for (const one of sealing) {
      try {
        put([one]);
      } catch (refusal) {
        if (!(refusal instanceof LockfastError)) throw refusal;
        fates[one.index] = { row: one.row, standing: fates[one.index]!.standing, refused: refusal.code };
      }
    }
  }
  // The old value is gone once the new one is committed. To open each again would cost a third of the speed and could only find
  // what the last and first also show: wrong keys, a wrong context or a wrong form would spoil all of a page alike, and
  // the same code over the same buffers does not fail for the ones between. A sample of the table is proven at the end, too.
  const sealed = sealing.filter(({ index }) => fates[index]!.value !== undefined);
  for (const one of new Set([sealed[0], sealed.at(-1)])) if (one !== undefined) prove(one, fates[one.index]!.value!, prover, storage);
}

function prove({ row, value }: Sealing, written: ColumnValue, prover: StoredValues, storage: ColumnStorage): void {
  const [again] = prover.open([{ ...row, value: written }], storage) as [OpenedRow];
  const same = again.standing.kind === 'encrypted' && again.standing.current && again.opened!.value.equals(value);
  again.opened?.value.fill(0);
  if (!same) throw new LockfastError('internal', 'a value that was just encrypted does not open as what it was; it was not written', 'report it; what was written before was proven');
}
