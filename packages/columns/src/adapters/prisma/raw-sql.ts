import { isArgs } from './prisma-values.ts';
import { refuseRaw } from './refusals.ts';

/**
 * `allow`; `reads`: only `$queryRaw` and its like whose SQL begins with SELECT, which a function called there can evade; `refuse`.
 */
export type RawPolicy = 'allow' | 'reads' | 'refuse';

/** @throws LockfastError `not-permitted` */
export function guardRaw(policy: RawPolicy, operation: string, args: unknown): void {
  if (policy === 'allow' || (policy === 'reads' && operation.startsWith('$queryRaw') && /^\s*SELECT\b/i.test(textOf(args)))) return;
  throw refuseRaw(operation);
}

/** `$queryRawUnsafe` has its text first in an array, a template its parts, a typed query its SQL. */
function textOf(args: unknown): string {
  const first: unknown = Array.isArray(args) ? args[0] : isArgs(args) ? (Array.isArray(args['strings']) ? args['strings'][0] : args['sql']) : undefined;
  return typeof first === 'string' ? first : '';
}
