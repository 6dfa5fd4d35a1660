import type { Secret } from '../keyring/secret.ts';
import type { KeyId } from './key-id.ts';

/** One data key as a cipher needs it. */
export interface DataKey {
  readonly id: KeyId;
  readonly secret: Secret;
}

/** What a cipher asks of a key ring. */
export interface DataKeys {
  readonly environment: string;
  /** The key that encrypts now. @throws LockfastError `missing-key` */
  active(): DataKey;
  /** A key that may decrypt. @throws LockfastError `missing-key` or `key-not-usable` */
  decrypting(id: KeyId): DataKey;
  /** A key in whatever state, to tell what was made with it, never to decrypt; undefined where nothing of it is left. */
  held(id: KeyId): DataKey | undefined;
}
