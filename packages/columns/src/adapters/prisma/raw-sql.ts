import { isArgs } from './prisma-values.ts';
import { refuseRaw } from './refusals.ts';

/** `allow`; `reads`: only `$queryRaw` and its like with one SELECT, where a function that is called can still write; `refuse`. */
export type RawPolicy = 'allow' | 'reads' | 'refuse';

/** A semicolon may begin a second statement, wherever it stands. */
const ONE_SELECT = /^\s*SELECT\b[^;]*;?\s*$/i;

/** @throws LockfastError `not-permitted` */
export function guardRaw(policy: RawPolicy, operation: string, args: unknown): void {
  if (policy === 'allow' || (policy === 'reads' && operation.startsWith('$queryRaw') && ONE_SELECT.test(textOf(args)))) return;
  throw refuseRaw(operation);
}

/** `$queryRawUnsafe` has its text first in an array, a template its parts, a typed query its SQL. */
function textOf(args: unknown): string {
  if (isArgs(args)) return Array.isArray(args['strings']) ? args['strings'].join('?') : String(args['sql']);
  return Array.isArray(args) ? String(args[0]) : '';
}
