/**
 * The closed set of error codes. A code is stable: scripts compare it, `docs/errors.md` explains it.
 * A message says what happened and where, a hint says what to do next. Neither quotes a secret or input:
 * a name, a path, a line number and a key id are the most that they carry.
 */
export const ERROR_CODES = [
  // a value
  'missing-key',
  'malformed',
  'not-encrypted',
  'already-encrypted',
  'wrong-key',
  'moved-or-altered',
  'invalid-context',
  'invalid-text',
  'too-large',
  'too-old',
  'key-not-usable',
  // a Fernet key or token
  'invalid-key',
  'invalid-token',
  // an encrypted env file
  'damaged',
  'tampered',
  'empty-file',
  'wrong-environment',
  'wrong-tenant',
  'unsupported-format',
  'older-revision',
  'merge-conflict',
  // an env document
  'unreadable-env',
  'unresolved-value',
  'unsafe-variable',
  'no-such-variable',
  'invalid-name',
  'unprintable-value',
  'root-key-in-env',
  // the key ring and its sources
  'ring-missing',
  'ring-exists',
  'ring-malformed',
  'ring-tampered',
  'ring-older',
  'source-unavailable',
  'invalid-source',
  'source-exists',
  'no-such-source',
  'last-source',
  'parameters-out-of-range',
  'terminal-needed',
  // the life of a key
  'no-such-key',
  'invalid-transition',
  'key-in-use',
  'invalid-share',
  'rotation-incomplete',
  // who may, and when
  'not-permitted',
  'approval-needed',
  'confirmation-needed',
  'outside-window',
  // the ledger
  'ledger-unavailable',
  'ledger-missing',
  'ledger-tampered',
  'ledger-rewound',
  'ledger-findings',
  'witness-failed',
  // tenants and their services
  'no-such-tenant',
  'missing-variable',
  'service-missing',
  'service-failed',
  'tenant-findings',
  'rolled-back',
  // databases and their columns
  'database-unavailable',
  'database-refused',
  'column-findings',
  // git
  'guard-findings',
  // files
  'not-found',
  'not-a-file',
  'permission-denied',
  'exists',
  'busy',
  'conflict',
  'read-failed',
  'write-failed',
  // the command
  'usage',
  'config-missing',
  'config-invalid',
  'command-not-found',
  'command-not-executable',
  'tool-missing',
  'tool-failed',
  'internal',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** What records and metrics call a failure: its code, `internal` for a defect. */
export function codeOf(error: unknown): ErrorCode {
  return error instanceof LockfastError ? error.code : 'internal';
}

/** Every failure that Lockfast foresees. Anything else that is thrown is a defect. */
export class LockfastError extends Error {
  override readonly name = 'LockfastError';
  readonly code: ErrorCode;
  /** What to do next, as an imperative clause; empty only where nothing can be done. */
  readonly hint: string;

  constructor(code: ErrorCode, message: string, hint: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.hint = hint;
  }
}
