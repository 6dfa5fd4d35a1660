/** What failures of PostgreSQL mean for a job. */
import { LockfastError } from '@lockfast/core/errors';

import type { Remedy } from '../database.ts';
import { AGAIN, type Meaning } from '../failure-meaning.ts';
import { FENCED, FENCE_PREFIX } from '../fence.ts';

const NOT_LET_IN: Meaning = { what: 'the server did not let this user in', hint: 'check user and password in the URL, and pg_hba.conf' };
const CHANGED: Meaning = { code: 'config-invalid', what: 'a table or column that was there is gone', hint: 'check the declaration of the column, then run it again' };

/** By SQLSTATE: https://www.postgresql.org/docs/15/errcodes-appendix.html. */
const STATES: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  ['22001', { what: 'a value is too long for the column', hint: 'make the column of type text' }],
  ['22P05', { what: 'a document holds the character \\u0000, which PostgreSQL can not take out of it', hint: 'remove the character from the document' }],
  ['23503', { what: 'other rows refer to the value', hint: 'a column that others refer to can not be encrypted: remove the foreign key' }],
  ['23505', { what: 'a value is there already, and must be unique', hint: 'remove the unique index of the column: encrypted values all differ' }],
  ['23514', { what: 'a constraint does not let the value in', hint: 'drop or change the constraint' }],
  ['25006', { what: 'the server takes no writes now: it is a replica, or default_transaction_read_only is on', hint: 'name the primary in the URL, or ask who set it' }],
  ['28000', NOT_LET_IN],
  ['28P01', NOT_LET_IN],
  ['3D000', { what: 'there is no such database', hint: 'check the URL' }],
  ['40001', { what: 'another transaction changed the same rows', hint: AGAIN }],
  ['40P01', { what: 'another transaction and this one waited for each other', hint: AGAIN }],
  ['42501', { what: 'this role may not do that', hint: 'grant it SELECT and UPDATE on the table, or use a role that has them' }],
  ['42703', CHANGED],
  ['42704', { what: 'a setting of the column is not known to the server', hint: 'check `set` in the declaration of the column' }],
  ['42P01', CHANGED],
  ['53100', { what: "the server's disk is full", hint: `free space there, then ${AGAIN}` }],
  ['53300', { code: 'database-unavailable', what: 'the server has too many connections', hint: AGAIN }],
  ['54000', { what: 'a value is too large for an index', hint: 'remove the index of the column: encrypted values can not be searched' }],
  ['55000', { what: 'the table does not take changes now: perhaps it is published without a replica identity', hint: "see the server's log" }],
  ['55P03', { what: 'rows were locked by others for too long, or their table was', hint: AGAIN }],
  ['57014', { what: 'the server did not finish in the time allowed', hint: `see in pg_stat_activity what holds it up, then ${AGAIN}` }],
  ['P0001', { what: 'a trigger refused the change', hint: 'let the trigger look at a setting, and name the setting under `set` in the declaration of the column' }],
]);

const SMALLER_BATCH: ReadonlySet<string> = new Set(['40001', '40P01', '55P03', '57014']);

/** What the server reported. Only its code: the rest quotes values. */
class Reported extends Error {
  readonly state: string;

  constructor(state: string) {
    super(`SQLSTATE ${state}`);
    this.state = state;
  }
}

/** It was not the server that spoke. */
class Lost extends Error {}

/** @param error whatever `pg` threw @param place of {@link ServerAccess} */
export function databaseFailure(error: unknown, place: string): LockfastError {
  if (error instanceof LockfastError) return error;
  const state = stateOf(error);
  if (state === undefined) {
    const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : '';
    const tls = error instanceof Error && /SSL|certificate/i.test(error.message) ? ': TLS could not be set up' : '';
    return new LockfastError('database-unavailable', `the database ${place} can not be reached, or the connection was lost${tls}${code}`, `check that it runs and that the URL is right; ${AGAIN}`, new Lost(`connection lost${code}`));
  }
  const over = isOver(state);
  const meaning = meaningOfFence(state, error) ?? STATES.get(state) ?? { what: over ? 'the server ended the connection' : `the server reported ${state}`, hint: over ? AGAIN : "see the server's log" };
  return new LockfastError(meaning.code ?? (over ? 'database-unavailable' : 'database-refused'), `the database ${place}: ${meaning.what}${named(error)}`, meaning.hint, new Reported(state));
}

function meaningOfFence(state: string, error: unknown): Meaning | undefined {
  return state === '23514' && error instanceof Error && String(Reflect.get(error, 'constraint')).startsWith(FENCE_PREFIX) ? FENCED : undefined;
}

/** What a job may do about it. */
export function remedyOf(error: unknown): Remedy {
  const cause = error instanceof LockfastError ? error.cause : undefined;
  if (cause instanceof Lost) return 'reconnect';
  if (!(cause instanceof Reported)) return 'none';
  if (isOver(cause.state) || cause.state === '53300') return 'reconnect';
  return SMALLER_BATCH.has(cause.state) ? 'smaller-batch' : 'none';
}

/** Whether nothing more can be asked on the connection. @param error whatever `pg` threw */
export function isConnectionOver(error: unknown): boolean {
  const state = stateOf(error);
  return state === undefined || isOver(state);
}

/** Whether the server reported one of these SQLSTATEs. @param error of {@link databaseFailure} */
export function reports(error: unknown, ...states: readonly string[]): boolean {
  return error instanceof LockfastError && error.cause instanceof Reported && states.includes(error.cause.state);
}

/** The SQLSTATE; undefined when it was not the server that spoke. */
function stateOf(error: unknown): string | undefined {
  return error instanceof Error && 'severity' in error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Class 08, and 57P01 to 57P05: shut down, crashed, starting, idle for too long; 25P03 and 25P04 end it, too. */
function isOver(state: string): boolean {
  return /^(?:08|57P|25P0[34])/.test(state);
}

/** Names that the server gives with an error; its message and detail may quote what is in the row, and so may all that a trigger raises. */
function named(error: unknown): string {
  if (!(error instanceof Error) || Reflect.get(error, 'routine') === 'exec_stmt_raise') return '';
  const parts = (['table', 'column', 'constraint'] as const).flatMap((part) => {
    const name: unknown = Reflect.get(error, part);
    return typeof name === 'string' ? [`${part} ${name}`] : [];
  });
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}
