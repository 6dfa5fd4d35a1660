/** What `@lockfast/keys` says of key rings. It is not imported: this package knows the channel's name and what it carries. */
import type { ErrorCode } from '@lockfast/core/errors';

export const KEY_RING_CHANNEL = 'lockfast:keyring';

/** `refused`: the application could not start on it, or should not; the code says why. */
export interface KeyRingEvent {
  readonly event: 'opened' | 'refused';
  readonly code?: ErrorCode;
  readonly environment?: string;
  readonly activeKey?: string;
}
