/** Who wrote a value last, by the ledger. It is read backwards, since the answer is near its end as a rule. */
import type { LedgerStore } from '@lockfast/ledger';
import { parseEntry } from '@lockfast/ledger';

import { nameIn } from './rows.ts';

export interface Writing {
  /** The number of the entry. */
  readonly seq: number;
  /** ISO 8601, UTC, milliseconds. */
  readonly time: string;
  /** The person: who called sudo, else the OS user. */
  readonly by: string;
  /** The command: `lockfast env set`. */
  readonly program: string;
  /** Whether it wrote this variable by name; else the whole file, with this variable in it. */
  readonly variable: boolean;
}

const PAGE = 512;

/**
 * The last successful encryption of a file that may have written this variable.
 *
 * @param file absolute
 * @param encryptedMs when the value was encrypted, milliseconds since the Unix epoch: what began later kept its ciphertext
 * @throws LockfastError as the store's `read`; SyntaxError for an entry that is none
 */
export async function lastWriting(store: LedgerStore, file: string, variable: string, encryptedMs: number | undefined): Promise<Writing | undefined> {
  for (let to = (await store.head()).size; to >= 1; to -= PAGE) {
    for (const { seq, entry } of (await pageUpTo(store, to)).toReversed()) {
      const { operation, object, outcome, details, actor, time, intent } = parseEntry(entry);
      if (operation !== 'encrypt' || object !== file || outcome !== 'success') continue;
      const only = details?.['variable'] ?? details?.['variables'];
      if (only !== undefined && !String(only).split(' ').includes(variable)) continue;
      const begun = intent === undefined ? undefined : (await store.read(intent, intent))[0];
      const announced = begun === undefined ? undefined : parseEntry(begun.entry);
      // A rotation of credentials has encrypted all its files before it announces the first write.
      const since = details?.['rotation'] === undefined ? (announced?.time ?? time) : undefined;
      if (encryptedMs !== undefined && since !== undefined && Date.parse(since) > encryptedMs) continue;
      return { seq, time, by: nameIn((announced ?? { actor }).actor), program: (announced ?? { actor }).actor.program, variable: only !== undefined };
    }
  }
  return undefined;
}

/** A store may give less at a time. */
async function pageUpTo(store: LedgerStore, to: number): Promise<{ readonly seq: number; readonly entry: Buffer }[]> {
  const entries: { readonly seq: number; readonly entry: Buffer }[] = [];
  for (let from = Math.max(1, to - PAGE + 1); from <= to; ) {
    const some = await store.read(from, to);
    if (some.length === 0) break;
    entries.push(...some);
    from = some.at(-1)!.seq + 1;
  }
  return entries;
}
