import { createHash } from 'node:crypto';

/** What kind of thing was found. */
export type FindingKind = 'plaintext-env' | 'secret-value' | 'provider-secret' | 'gitignore';

/** What was found, and where. It never holds the value. */
export interface Finding {
  readonly kind: FindingKind;
  /** In the repository; for a commit's message `(message)`, for a tag's `(tag NAME)`. */
  readonly path: string;
  /** From 1; undefined where it is not text, or it is about the whole file or its name. */
  readonly line: number | undefined;
  /** The commit that brought it in; undefined in index and work tree, and for what hangs on a tag alone. */
  readonly commit: string | undefined;
  /** Whose value it is. */
  readonly tenant: string | undefined;
  readonly variable: string | undefined;
  /** `live` values are in use. */
  readonly state: 'live' | 'retired' | undefined;
  /** What it looked like, or which rule: `raw`, `base64`, `github`. */
  readonly form: string;
  /** One clause for people. */
  readonly detail: string;
  readonly fingerprint: string;
}

/**
 * What `guard ignore` names a finding by. It holds for the same thing in the same file, in every commit and on every line;
 * another value in that file has another one. What it is a digest of lies in the repository already, where whoever sees
 * the finding can read it, and has the entropy that the guard asks for.
 */
export function fingerprintOf(kind: FindingKind, path: string, subject: Uint8Array | string): string {
  return createHash('sha256').update(`${kind}\0${path}\0`).update(subject).digest('hex').slice(0, 16);
}

export function isFingerprint(text: string): boolean {
  return /^[0-9a-f]{16}$/.test(text);
}
