/** The ledger as rows: one for each thing that was done, or was about to be. */
import { LockfastError } from '@lockfast/core/errors';
import { type LedgerEntry, type LedgerStore, pagesOf, parseEntry } from '@lockfast/ledger';

export interface NumberedEntry {
  readonly seq: number;
  readonly entry: LedgerEntry;
}

/** `1 entry`, `2 entries`. */
export function countedEntries(count: number): string {
  return count === 1 ? '1 entry' : `${count} entries`;
}

/** As `ledger list --json` prints it. */
export interface LedgerRow {
  readonly seq: number;
  readonly time: string;
  readonly operation: string;
  readonly object: string;
  readonly tenant?: string | undefined;
  readonly environment?: string | undefined;
  readonly key?: string | undefined;
  /** The person: who called sudo, else the OS user. */
  readonly actor: string;
  readonly outcome: string;
  readonly code?: string | undefined;
  readonly reason?: string | undefined;
  readonly details?: LedgerEntry['details'];
  readonly user: string;
  /** The uid that logged in, where that is known. */
  readonly login?: number | undefined;
  readonly host: string;
  readonly pid: number;
  readonly program: string;
  /** The entry that announced it. */
  readonly intent?: number | undefined;
}

/** All entries from number `from` on, page by page. @throws LockfastError `ledger-tampered` for one that can't be read, `ledger-unavailable` */
export async function* entriesOf(store: LedgerStore, from = 1): AsyncGenerator<NumberedEntry> {
  for await (const page of pagesOf(store, from)) {
    for (const { seq, entry } of page) yield { seq, entry: parsed(seq, entry) };
  }
}

/** Turns entries into rows as they come: an intent waits for its outcome. */
export class RowMaker {
  readonly #open = new Map<number, LedgerEntry>();

  /** @returns undefined for an intent */
  add({ seq, entry }: NumberedEntry): LedgerRow | undefined {
    if (entry.kind === 'intent') {
      this.#open.set(seq, entry);
      return undefined;
    }
    const intent = entry.intent === undefined ? undefined : this.#open.get(entry.intent);
    if (entry.intent !== undefined) this.#open.delete(entry.intent);
    return rowOf(seq, entry, intent);
  }

  /** Those that were announced, and have not ended. */
  open(): LedgerRow[] {
    return [...this.#open].map(([seq, entry]) => rowOf(seq, entry, undefined));
  }
}

function rowOf(seq: number, entry: LedgerEntry, intent: LedgerEntry | undefined): LedgerRow {
  const { time, operation, object, tenant, environment, keyId, reason, details, code, actor, outcome } = entry;
  return {
    seq,
    time,
    operation,
    object,
    tenant,
    environment,
    key: keyId ?? intent?.keyId,
    // Whoever closes the intent of a process that died is not the one who did it.
    actor: nameIn((intent ?? entry).actor),
    outcome: outcome ?? 'open',
    code,
    reason: reason ?? intent?.reason,
    details,
    user: actor.user,
    login: actor.login,
    host: actor.host,
    pid: actor.pid,
    program: actor.program,
    intent: entry.intent,
  };
}

/** As the machine of the entry had it: another one may have another name for the uid that logged in. */
export function nameIn({ user, sudo }: LedgerEntry['actor']): string {
  return sudo ?? user;
}

function parsed(seq: number, bytes: Buffer): LedgerEntry {
  try {
    return parseEntry(bytes);
  } catch (error) {
    throw new LockfastError('ledger-tampered', `entry ${seq} of the ledger is not readable`, 'run `lockfast ledger verify`, and see docs/guides/ledger.md', error);
  }
}
