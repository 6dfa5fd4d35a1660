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
  readonly operation: string;
  readonly object: string;
  readonly tenant?: string;
  readonly environment?: string;
  readonly keyId?: string;
  readonly outcome: 'success' | 'failure';
  readonly code?: string;
}

/** Takes events. If `append` throws, the operation that reports does not happen. */
export interface AuditSink {
  append(event: AuditEvent): void;
}
