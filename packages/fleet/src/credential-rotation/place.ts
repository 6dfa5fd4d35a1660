import { LockfastError } from '@lockfast/core/errors';
import type { KeyRing } from '@lockfast/core/keyring';
import type { AuditSink, Clock } from '@lockfast/core/ports';

import type { Tenant } from '../fleet.ts';
import type { ServiceManager } from '../systemd/service-manager.ts';
import type { RotatedService } from './record.ts';

/** What a rotation works with, handed down by who knows of configuration, terminal and process. */
export interface CredentialPlace {
  /** The key ring in hand. */
  ring(): KeyRing;
  /** As it is on the disk now; from then on the one in hand. */
  freshRing(): Promise<KeyRing>;
  /** Where the records are. */
  readonly records: string;
  /** Where the files as they were are kept. */
  readonly backups: string;
  readonly stateDirectory: string;
  readonly audit: AuditSink | undefined;
  readonly clock: Clock;
  readonly manager: ServiceManager | undefined;
  tenant(name: string): Tenant;
  /** A tenant's variables, for the names in its health check. It is asked for those that need them alone. */
  variables(tenant: Tenant): Promise<ReadonlyMap<string, string>>;
  /** How far it is, for people. */
  told(step: RotationStep): void;
}

export type RotationStep =
  | { readonly kind: 'files'; readonly done: number; readonly total: number }
  | { readonly kind: 'service'; readonly service: RotatedService }
  | { readonly kind: 'rolling-back'; readonly why: string };

/** How a file answers that a newer key ring wrote. */
const NEWER_RING_NEEDED: ReadonlySet<string> = new Set(['missing-key', 'ring-older']);

export function isOfNewerRing(error: unknown): error is LockfastError {
  return error instanceof LockfastError && NEWER_RING_NEEDED.has(error.code);
}

/** Again under the ring on the disk, where a rotation of keys came between our reading of ring and file. */
export async function underRing<T>(place: CredentialPlace, action: (ring: KeyRing) => T | Promise<T>): Promise<T> {
  const ring = place.ring();
  try {
    return await action(ring);
  } catch (error) {
    if (!isOfNewerRing(error)) throw error;
    const fresh = await place.freshRing();
    if (fresh.version.generation <= ring.version.generation) throw error;
    return action(fresh);
  }
}
