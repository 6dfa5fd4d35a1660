/** What a process says about its key ring, for metrics and alerts: node:diagnostics_channel, which costs nothing unheard. */
import type { ErrorCode } from '../errors.ts';
import type { KeyId } from '../formats/key-id.ts';

export const KEY_RING_CHANNEL = 'lockfast:keyring';

/** Never a secret, a path or a source: names of the closed lists and of the ring. */
export type KeyRingMessage =
  | { readonly event: 'opened'; readonly environment: string; readonly activeKey: KeyId | undefined }
  | {
      /** The application could not start on it, or should not. */
      readonly event: 'refused';
      readonly code: ErrorCode;
      /** Known where the ring itself opened, and was refused for what it is. */
      readonly environment?: string;
      readonly activeKey?: KeyId;
    };
