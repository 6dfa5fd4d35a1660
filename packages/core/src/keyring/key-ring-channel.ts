/** What a process says about its key ring, for metrics and alerts: node:diagnostics_channel, which costs nothing unheard. */
import type { ErrorCode } from '../errors.ts';
import type { KeyId } from '../formats/key-id.ts';

export const KEY_RING_CHANNEL = 'lockfast:keyring';

/** Never a secret, a path or a source: names of the closed lists and of the ring. */
export type KeyRingMessage =
  | { readonly event: 'opened'; readonly environment: string; readonly activeKey: KeyId | undefined }
  /** A running application goes on with a newer version of its ring. */
  | { readonly event: 'replaced'; readonly environment: string; readonly activeKey: KeyId | undefined; readonly generation: number }
  /** What lies in the place of its ring can't be taken: it goes on with the one that it has, which is described here. */
  | { readonly event: 'kept'; readonly code: ErrorCode; readonly environment: string; readonly activeKey: KeyId | undefined; readonly generation: number }
  | {
      /** The application could not start on it, or should not. */
      readonly event: 'refused';
      readonly code: ErrorCode;
      /** Known where the ring itself opened, and was refused for what it is. */
      readonly environment?: string;
      readonly activeKey?: KeyId;
    };
