/** Publishes what came of opening a key ring, or of looking for a newer one. */
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

export function publishReplaced(ring: KeyRing): void {
  publish({ event: 'replaced', ...factsOf(ring) });
}

/** @param ring the one that stays in use */
export function publishKept(error: unknown, ring: KeyRing): void {
  publish({ event: 'kept', code: codeOf(error), ...factsOf(ring) });
}

function factsOf(ring: KeyRing): { readonly environment: string; readonly activeKey: KeyId | undefined; readonly generation: number } {
  return { environment: ring.environment, activeKey: activeKeyOf(ring), generation: ring.version.generation };
}

function publish(message: KeyRingMessage): void {
  channel(KEY_RING_CHANNEL).publish(message);
}

function activeKeyOf(ring: KeyRing): KeyId | undefined {
  return ring.keys.find(({ state }) => state === 'active')?.id;
}
