/** Before anything is written: whether the new value can stand in every file, and what else holds the old one. */
import { type Entry } from '@lockfast/core/env';
import type { Dialect } from '@lockfast/core/env/dialects';
import { LockfastError } from '@lockfast/core/errors';

import { othersHolding, valuesOf, withValue } from './assignments.ts';
import type { CredentialPlace } from './place.ts';
import type { RotatedFile, RotationFailure } from './record.ts';
import { openRotated } from './rotated-files.ts';

export interface Examination {
  /** Files that the rotation changes. */
  readonly files: readonly RotatedFile[];
  /** Files that have the value already. */
  readonly unchanged: readonly string[];
  readonly failures: readonly RotationFailure[];
  /** Other variables that hold the old value as a part of theirs. */
  readonly alsoIn: readonly { readonly path: string; readonly names: readonly string[] }[];
}

/** Decrypts each file. Call it on record. @param value of a name */
export async function examine(files: readonly RotatedFile[], value: (name: string) => string, dialect: Dialect, place: CredentialPlace): Promise<Examination> {
  const change: RotatedFile[] = [];
  const unchanged: string[] = [];
  const failures: RotationFailure[] = [];
  const alsoIn: { path: string; names: readonly string[] }[] = [];
  for (const { path, tenant, names } of files) {
    try {
      const { entries } = await openRotated({ path, tenant, names }, place);
      const old = new Map(names.map((name) => [name, valuesOf(entries, name, dialect)]));
      names.reduce<readonly Entry[]>((changed, name) => withValue(changed, name, value(name), dialect), entries);
      const others = [...old].flatMap(([name, values]) => [...new Set(values)].flatMap((one) => othersHolding(entries, name, one, dialect)));
      if (others.length > 0) alsoIn.push({ path, names: [...new Set(others)] });
      if ([...old].every(([name, values]) => values.every((one) => one === value(name)))) unchanged.push(path);
      else change.push({ path, tenant, names });
    } catch (error) {
      if (!(error instanceof LockfastError)) throw error;
      failures.push({ what: path, tenant, code: error.code, why: error.message });
    }
  }
  return { files: change, unchanged, failures, alsoIn };
}
