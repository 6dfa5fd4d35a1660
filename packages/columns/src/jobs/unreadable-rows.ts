import type { ErrorCode } from '@lockfast/core/errors';

import type { RowKey, StoredRow } from './database.ts';

/** A row that was left as it is, and should not have to be. */
export interface UnreadableRow {
  readonly key: RowKey;
  readonly label: string | null;
  readonly code: ErrorCode;
}

/** More names than these help nobody; the count says how many there are, and `column triage` names each. */
const MOST_NAMES = 10;

/** The first of them. Later passes meet the same rows again. */
export class UnreadableRows {
  readonly #first = new Map<string, UnreadableRow>();

  add({ key, label }: StoredRow, code: ErrorCode): void {
    if (this.#first.size < MOST_NAMES) this.#first.set(JSON.stringify(key), { key, label, code });
  }

  get first(): readonly UnreadableRow[] {
    return [...this.#first.values()];
  }
}
