/** What failures of MySQL and MariaDB mean for a job. */
import { LockfastError } from '@lockfast/core/errors';

import type { Remedy } from '../database.ts';
import { AGAIN, type Meaning } from '../failure-meaning.ts';
import { FENCED, fenceIn } from '../fence.ts';

const NOT_LET_IN: Meaning = { what: 'the server did not let this user in', hint: 'check user and password in the URL, and from which hosts the account may connect' };
const NOT_ALLOWED: Meaning = { what: 'this user may not do that', hint: 'grant it SELECT and UPDATE on the table: on the value, the key, the context columns and those with ON UPDATE CURRENT_TIMESTAMP' };
const CHANGED: Meaning = { code: 'config-invalid', what: 'a table or column that was there is gone', hint: 'check the declaration of the column, then run it again' };
const CONSTRAINT: Meaning = { what: 'a constraint does not allow the value', hint: 'change the constraint: it must allow encrypted values' };
const READ_ONLY: Meaning = { what: 'it takes no writes now: it is read-only', hint: 'name the primary in the URL, or wait until writes are allowed again' };
const TOO_LONG: Meaning = { what: 'a value is too long for the column, or its character set does not hold it', hint: 'make the column of type longtext, in utf8mb4' };
const FULL: Meaning = { what: 'the server has no room left', hint: `make room, then ${AGAIN}` };
const TIMED_OUT: Meaning = { what: 'the server did not finish in the time allowed', hint: `see in SHOW PROCESSLIST what holds it up, then ${AGAIN}` };
const RAISED: Meaning = { what: 'a trigger refused the change', hint: 'let the trigger look at a variable, and name it under `set` in the declaration of the column' };

/** By number: https://mariadb.com/kb/en/mariadb-error-codes/, https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html. */
const NUMBERS: ReadonlyMap<number, Meaning> = new Map<number, Meaning>([
  [1044, NOT_ALLOWED],
  [1045, NOT_LET_IN],
  [1049, { what: 'there is no such database', hint: 'check the name in the URL' }],
  [1130, NOT_LET_IN],
  [1142, NOT_ALLOWED],
  [1143, NOT_ALLOWED],
  [1227, NOT_ALLOWED],
  [1698, NOT_LET_IN],
  [1054, CHANGED],
  [1146, CHANGED],
  [1176, CHANGED],
  [1048, { what: 'the column takes no NULL', hint: 'allow NULL in it: ALTER TABLE ... MODIFY ... NULL' }],
  [1062, CONSTRAINT],
  [1451, CONSTRAINT],
  [1452, CONSTRAINT],
  [3819, CONSTRAINT],
  [4025, CONSTRAINT],
  [1406, TOO_LONG],
  [1366, TOO_LONG],
  [1977, TOO_LONG],
  [3854, TOO_LONG],
  [3988, TOO_LONG],
  [1153, { what: 'a value is longer than max_allowed_packet allows', hint: 'raise max_allowed_packet of the server' }],
  [1021, FULL],
  [1030, FULL],
  [1041, FULL],
  [1114, FULL],
  [1290, READ_ONLY],
  [1792, READ_ONLY],
  [1836, READ_ONLY],
  [3100, { what: 'replication did not take the transaction', hint: AGAIN }],
  [1205, { what: 'rows were locked by others for too long, or their table was', hint: AGAIN }],
  [1213, { what: 'a deadlock with others was ended', hint: AGAIN }],
  [1969, TIMED_OUT],
  [3024, TIMED_OUT],
  [1442, RAISED],
  [1644, RAISED],
  [1665, { what: 'its binary log is of statements, which READ COMMITTED does not go with', hint: 'set binlog_format to ROW or MIXED' }],
]);

const SMALLER_BATCH: ReadonlySet<number> = new Set([1205, 1213, 1969, 3024]);
/** Shut down, killed, idle for too long, too many connections, a node that has left its cluster. */
const OVER: ReadonlySet<number> = new Set([1040, 1047, 1053, 1077, 1078, 1079, 1080, 1152, 1158, 1159, 1160, 1161, 1184, 1203, 1226, 1317, 1927, 2006, 2013, 3169, 3168, 4031]);

/** What the server reported. Only its number: the rest quotes values, and the driver adds the statement. */
class Reported extends Error {
  readonly number: number;

  constructor(number: number) {
    super(`server error ${number}`);
    this.number = number;
  }
}

/** It was not the server that spoke. */
class Lost extends Error {}

/** @param error whatever `mysql2` threw @param place of {@link ServerAccess} */
export function databaseFailure(error: unknown, place: string): LockfastError {
  if (error instanceof LockfastError) return error;
  const number = numberOf(error);
  if (number === undefined) {
    const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : '';
    const tls = /SSL|TLS|CERT/i.test(code) || (error instanceof Error && /certificate|\bSSL\b/i.test(error.message)) ? ': TLS could not be set up' : '';
    return new LockfastError('database-unavailable', `the database ${place} can not be reached, or the connection was lost${tls}${code}`, `check that it runs and that the URL is right; ${AGAIN}`, new Lost(`connection lost${code}`));
  }
  const fence = fenceIn((error as Error).message);
  if (fence !== undefined) return new LockfastError('database-refused', `the database ${place}: ${FENCED.what} (${fence})`, FENCED.hint, new Reported(number));
  const over = OVER.has(number);
  const meaning = NUMBERS.get(number) ?? { what: over ? 'the server ended the connection' : `the server reported ${number}`, hint: over ? AGAIN : "see the server's manual and its error log" };
  return new LockfastError(meaning.code ?? (over ? 'database-unavailable' : 'database-refused'), `the database ${place}: ${meaning.what}`, meaning.hint, new Reported(number));
}

/** What a job may do about it. */
export function remedyOf(error: unknown): Remedy {
  const cause = error instanceof LockfastError ? error.cause : undefined;
  if (cause instanceof Lost) return 'reconnect';
  if (!(cause instanceof Reported)) return 'none';
  if (OVER.has(cause.number)) return 'reconnect';
  return SMALLER_BATCH.has(cause.number) ? 'smaller-batch' : 'none';
}

/** Whether nothing more can be asked on the connection. @param error whatever `mysql2` threw */
export function isConnectionOver(error: unknown): boolean {
  const number = numberOf(error);
  return number === undefined || OVER.has(number);
}

/** Whether the server reported one of these numbers. @param error of {@link databaseFailure} */
export function reports(error: unknown, ...numbers: readonly number[]): boolean {
  return error instanceof LockfastError && error.cause instanceof Reported && numbers.includes(error.cause.number);
}

/** Whether the server said that this user may not. @param error of {@link databaseFailure} */
export function isNotAllowed(error: unknown): boolean {
  return reports(error, 1044, 1142, 1143, 1227);
}

/** The server's number; undefined when it was not the server that spoke: those of the operating system are negative. */
function numberOf(error: unknown): number | undefined {
  return error instanceof Error && 'errno' in error && typeof error.errno === 'number' && error.errno >= 1000 ? error.errno : undefined;
}
