/** The ledger as events: one for each thing that was done, when it ended. An intent waits for its outcome. */
import type { LedgerEntry } from '@lockfast/ledger';

/** One thing that was done, tried or refused. */
export interface LedgerEvent {
  /** Number of the entry that ends it. */
  readonly seq: number;
  /** When it ended. Milliseconds since the Unix epoch. */
  readonly time: number;
  readonly operation: string;
  readonly object: string;
  readonly tenant: string | undefined;
  readonly environment: string | undefined;
  readonly keyId: string | undefined;
  readonly outcome: NonNullable<LedgerEntry['outcome']>;
  readonly code: string | undefined;
  readonly details: NonNullable<LedgerEntry['details']>;
  /** Who called sudo, else the OS user. */
  readonly person: string;
  readonly program: string;
  /** Undefined for what was recorded at once. */
  readonly durationMs: number | undefined;
}

/** What is kept of an intent until its outcome comes. */
export interface WaitingIntent {
  readonly time: number;
  readonly operation: string;
  readonly object: string;
  readonly tenant?: string;
  readonly person: string;
  readonly program: string;
}

/** @param waiting by the number of their entries; it is changed */
export function eventOf(seq: number, entry: LedgerEntry, waiting: Map<number, WaitingIntent>): LedgerEvent | undefined {
  const time = Date.parse(entry.time);
  const { operation, object, tenant, environment, keyId, code, details = {}, actor } = entry;
  const person = actor.sudo ?? actor.user;
  if (entry.kind === 'intent') {
    waiting.set(seq, { time, operation, object, ...(tenant === undefined ? {} : { tenant }), person, program: actor.program });
    return undefined;
  }
  const begun = entry.intent === undefined ? undefined : waiting.get(entry.intent);
  if (entry.intent !== undefined) waiting.delete(entry.intent);
  return {
    seq,
    time,
    operation,
    object,
    tenant: tenant === '' ? undefined : tenant,
    environment,
    keyId,
    outcome: entry.outcome ?? 'success',
    code,
    details,
    // Whoever closes the intent of a process that died is not the one who did it.
    person: begun?.person ?? person,
    program: begun?.program ?? actor.program,
    durationMs: begun === undefined ? undefined : Math.max(0, time - begun.time),
  };
}

/** How services get their variables: nobody sits before these. */
const STARTS: ReadonlySet<string> = new Set(['lockfast run', 'lockfast tenant open', 'lockfast tenant close', 'lockfast tenant restart']);

/** Whether it was the start or the stop of a program. */
export function isStart({ program }: Pick<LedgerEvent, 'program'>): boolean {
  return STARTS.has(program);
}

/** Whether a secret was read or written, or tried to be. */
export function isAccess({ operation }: Pick<LedgerEvent, 'operation'>): boolean {
  return operation === 'decrypt' || operation === 'encrypt' || operation === 'key-export' || operation === 'column-export';
}

/** Whose secret it is: a tenant, else the file or column itself. */
export function holderOf({ tenant, object }: Pick<LedgerEvent, 'tenant' | 'object'>): string {
  return tenant ?? object;
}
