/**
 * The record of one rotation of a credential: `<directory>/<id>.json`. While it is open it is the journal, too.
 * `docs/formats/credential-rotation.md` specifies it.
 */
import type { Dialect } from '@lockfast/core/env/dialects';

export const RECORD_FORMAT = 'lockfast-credential-rotation/1';

/**
 * `open`: planned, or on its way. `rolling-back`: on its way back. `completed`. `partial`: with `--keep-going`, and not
 * everything could be done. `rolled-back`. `failed`: on its way back not everything could be put back; it is named.
 */
export const STATUSES = ['open', 'rolling-back', 'completed', 'partial', 'rolled-back', 'failed'] as const;
export type CredentialRotationStatus = (typeof STATUSES)[number];

/** One encrypted env file, and which of the rotation's variables change in it. */
export interface RotatedFile {
  /** Absolute. */
  readonly path: string;
  /** Empty for what tenants share. */
  readonly tenant: string;
  readonly names: readonly string[];
}

/**
 * `waiting`: it has what it had. `restarting`: it may have the new value. `well`, `unwell`: under the new value.
 * `restored`, `unrestored`: back under the old one, and well or not.
 */
export const SERVICE_STATES = ['waiting', 'restarting', 'well', 'unwell', 'restored', 'unrestored'] as const;
type ServiceProgress = (typeof SERVICE_STATES)[number];

/** A service that the files feed. */
export interface RotatedService {
  readonly tenant: string;
  readonly unit: string;
  /** The files of the rotation that it gets the value from. */
  readonly files: readonly string[];
  /** When the rotation was planned. What did not run then is not started. */
  readonly was: 'up' | 'down' | 'missing';
  /** Its main process then: another one later may have read the new value by itself. */
  readonly mainPid: number;
  readonly state: ServiceProgress;
  /** What its health said last, without a value. */
  readonly why: string | null;
  /** From its restart until that answer. */
  readonly durationMs: number | null;
}

/** What could not be done, or not be put back. */
export interface RotationFailure {
  /** A file's path or a unit. */
  readonly what: string;
  readonly tenant: string;
  /** An error code. */
  readonly code: string;
  readonly why: string;
}

export interface CredentialRotation {
  readonly format: typeof RECORD_FORMAT;
  readonly id: string;
  readonly status: CredentialRotationStatus;
  readonly environment: string;
  /** One variable; with `--all` all that were generated. */
  readonly names: readonly string[];
  /** `all`, `shared` or a tenant. */
  readonly scope: string;
  readonly actor: string;
  readonly reason: string | null;
  /** ISO 8601, UTC, milliseconds; and `ended`. */
  readonly started: string;
  readonly ended: string | null;
  readonly durationMs: number | null;
  /** How the files are read; a run that goes on must read them alike. */
  readonly dialect: Dialect;
  readonly canary: string | null;
  readonly parallel: number;
  readonly keepGoing: boolean;
  /** Whether Lockfast made the values. */
  readonly generated: boolean;
  /** How long the old value must be left valid where it was issued, in milliseconds from the end. */
  readonly graceMs: number | null;
  /** When the old value may be revoked. */
  readonly revokeAfter: string | null;
  readonly files: readonly RotatedFile[];
  readonly services: readonly RotatedService[];
  /** Files that had the value already. */
  readonly unchanged: readonly string[];
  readonly failures: readonly RotationFailure[];
  /** Who ordered the roll-back, why, when, and whether also over later changes; null where a failure did, or none happened. */
  readonly orderedBack: { readonly actor: string; readonly reason: string | null; readonly time: string; readonly overwrite: boolean } | null;
  /** The values while it is open, their digests always; bound to all members before. One `lfv1` value. */
  readonly sealed: string;
}
