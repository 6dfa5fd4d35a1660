/** What a process says about its key ring, for metrics and alerts: node:diagnostics_channel, which costs nothing unheard. */
import { channel } from 'node:diagnostics_channel';

import { type ErrorCode, LockfastError } from '@lockfast/core/errors';
import type { KeyId } from '@lockfast/core/formats';
import type { KeyRing } from '@lockfast/core/keyring';

export const KEY_RING_CHANNEL = 'lockfast:keyring';

/** Never a secret, a path or a source: names of the closed lists and of the ring. */
export type KeyRingMessage =
  | { readonly event: 'opened'; readonly environment: string; readonly activeKey: KeyId | undefined }
  | {
      readonly event: 'refused';
      readonly code: ErrorCode;
      /** Known where the ring itself opened, and was refused for what it is. */
      readonly environment?: string;
      readonly activeKey?: KeyId;
    };

export function publishOpened(ring: KeyRing): void {
  publish({ event: 'opened', environment: ring.environment, activeKey: activeKeyOf(ring) });
}

/** @param ring where it opened at all */
export function publishRefused(error: unknown, ring: KeyRing | undefined): void {
  const code = error instanceof LockfastError ? error.code : 'internal';
  const activeKey = ring === undefined ? undefined : activeKeyOf(ring);
  publish({ event: 'refused', code, ...(ring === undefined ? {} : { environment: ring.environment }), ...(activeKey === undefined ? {} : { activeKey }) });
}

function publish(message: KeyRingMessage): void {
  channel(KEY_RING_CHANNEL).publish(message);
}

function activeKeyOf(ring: KeyRing): KeyId | undefined {
  return ring.keys.find(({ state }) => state === 'active')?.id;
}
