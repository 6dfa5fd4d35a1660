/**
 * What the storeys above hand down to this one. Each has one or two methods; what it may throw is part of it.
 */

import type { Secret } from './keyring/secret.ts';

/** Gives the time. Milliseconds since the Unix epoch, as `Date.now`. */
export interface Clock {
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/**
 * A place that a root key comes from. It wraps the key ring's own key and nothing else.
 *
 * `wrap` and `unwrap` must throw `LockfastError`: `source-unavailable` when the root key can't be had,
 * `invalid-key` when what is there is no root key, `wrong-key` when it is another key than the one that wrapped,
 * `moved-or-altered` when the wrapped bytes were changed, `parameters-out-of-range` for a hostile work factor.
 */
export interface KeySource {
  /** How the configuration names it, for example `file:~/.config/lockfast/x.key`. It holds no secret. */
  readonly uri: string;
  /** `binding` is authenticated and must be given to `unwrap` again. Returns printable ASCII. */
  wrap(key: Secret, binding: Uint8Array): Promise<string>;
  unwrap(wrapped: string, binding: Uint8Array): Promise<Secret>;
}

/** One use, change or refusal, for the ledger. It never carries a secret or a plaintext. */
export interface AuditEvent {
  /** What is done: `encrypt`, `decrypt`, `verify`, `key-rotate` and their like. Lower case and dashes. */
  readonly operation: string;
  /** What it is done to: a file's path, a key's id, a column. */
  readonly object: string;
  readonly tenant?: string | undefined;
  readonly environment?: string | undefined;
  readonly keyId?: string | undefined;
  /** Why, in the words of whoever did it. */
  readonly reason?: string | undefined;
  /** Further facts, such as counts and fingerprints. */
  readonly details?: Readonly<Record<string, string | number | boolean>> | undefined;
}

/** How an event ended; `interrupted`: its process died, and whoever came after closes it. `code` is an error code of `errors.ts`. */
export interface AuditOutcome {
  readonly outcome: 'success' | 'failure' | 'refused' | 'interrupted';
  readonly code?: string | undefined;
  /** What was known only at the end; it goes beside the details of the intent. */
  readonly details?: AuditEvent['details'];
  readonly keyId?: string | undefined;
}

/** An intent that was recorded and not concluded yet: the number of its entry. */
export type IntentId = number;

/**
 * Takes the record of what is done with keys. What is recorded is durable when the promise resolves; when it can't be
 * recorded, it rejects with `ledger-unavailable` (or `ledger-rewound`), and what was to be done must not happen.
 */
export interface AuditSink {
  /** Before the first plaintext leaves or the first file changes: all of these are about to happen. One commit for all. */
  intend(events: readonly AuditEvent[]): Promise<readonly IntentId[]>;
  /** How each ended. One commit for all. */
  conclude(outcomes: readonly (AuditOutcome & { readonly intent: IntentId })[]): Promise<void>;
  /** What needs no intent: a refusal, an observation. */
  record(event: AuditEvent & AuditOutcome): Promise<void>;
}
