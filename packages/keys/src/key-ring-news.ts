/** Publishes what came of opening a key ring. */
import { channel } from 'node:diagnostics_channel';

import { codeOf } from '@lockfast/core/errors';
import type { KeyId } from '@lockfast/core/formats';
import { KEY_RING_CHANNEL, type KeyRing, type KeyRingMessage } from '@lockfast/core/keyring';

export function publishOpened(ring: KeyRing): void {
  publish({ event: 'opened', environment: ring.environment, activeKey: activeKeyOf(ring) });
}

/** @param ring where it opened at all */
export function publishRefused(error: unknown, ring: KeyRing | undefined): void {
  const activeKey = ring === undefined ? undefined : activeKeyOf(ring);
  publish({ event: 'refused', code: codeOf(error), ...(ring === undefined ? {} : { environment: ring.environment }), ...(activeKey === undefined ? {} : { activeKey }) });
}

function publish(message: KeyRingMessage): void {
  channel(KEY_RING_CHANNEL).publish(message);
}

function activeKeyOf(ring: KeyRing): KeyId | undefined {
  return ring.keys.find(({ state }) => state === 'active')?.id;
}
