import type { LockfastError } from '@lockfast/core/errors';

/** What `--json` says of a failure, beside what it says else; nothing where there was none. */
export function failureJson(failure: LockfastError | undefined): { readonly error?: Pick<LockfastError, 'code' | 'message' | 'hint'> } {
  return failure === undefined ? {} : { error: { code: failure.code, message: failure.message, hint: failure.hint } };
}
