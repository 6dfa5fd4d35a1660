/** Before anything is written: whether the new value can stand in every file, and what else holds the old one. */
import { type Entry, type PreparedUpdate, prepareUpdate } from '@lockfast/core/env';
import type { Dialect } from '@lockfast/core/env/dialects';
import { LockfastError } from '@lockfast/core/errors';

import { othersHolding, valuesOf, withValue } from './assignments.ts';
import { type CredentialPlace, underRing } from './place.ts';
import type { RotatedFile, RotationFailure } from './record.ts';

/** How many bytes of what is to be written, all of it encrypted, are held until it is; the rest is made again. */
const MOST_PREPARED_BYTES = 32 * 2 ** 20;

export interface Examination {
  /** Files that the rotation changes. */
  readonly files: readonly RotatedFile[];
  /** Files that have the value already. */
  readonly unchanged: readonly string[];
  readonly failures: readonly RotationFailure[];
  /** What is to be written, by path, as far as memory allows. */
  readonly prepared: ReadonlyMap<string, PreparedUpdate>;
  /** Other variables that hold the old value as a part of theirs. */
  readonly alsoIn: readonly { readonly path: string; readonly names: readonly string[] }[];
}

/** Decrypts each file, and makes what will take its place. Call it on record. @param value of a name */
export async function examine(files: readonly RotatedFile[], value: (name: string) => string, dialect: Dialect, place: CredentialPlace): Promise<Examination> {
  const change: RotatedFile[] = [];
  const unchanged: string[] = [];
  const failures: RotationFailure[] = [];
  const alsoIn: { path: string; names: readonly string[] }[] = [];
  const prepared = new Map<string, PreparedUpdate>();
  let room = MOST_PREPARED_BYTES;
  for (const { path, tenant, names } of files) {
    try {
      let others: string[] = [];
      let same = false;
      const update = await underRing(place, (ring) =>
        prepareUpdate({ path, tenant }, ring, (entries) => {
          const old = new Map(names.map((name) => [name, valuesOf(entries, name, dialect)]));
          others = [...old].flatMap(([name, values]) => [...new Set(values)].flatMap((one) => othersHolding(entries, name, one, dialect)));
          same = [...old].every(([name, values]) => values.every((one) => one === value(name)));
          return names.reduce<readonly Entry[]>((changed, name) => withValue(changed, name, value(name), dialect), entries);
        }),
      );
      if (others.length > 0) alsoIn.push({ path, names: [...new Set(others)] });
      if (same) unchanged.push(path);
      else change.push({ path, tenant, names });
      if (same || update.bytes.length > room) continue;
      room -= update.bytes.length;
      prepared.set(path, update);
    } catch (error) {
      if (!(error instanceof LockfastError)) throw error;
      failures.push({ what: path, tenant, code: error.code, why: error.message });
    }
  }
  return { files: change, unchanged, failures, prepared, alsoIn };
}
