import { FERNET_LOOK } from '../fernet-format.ts';
import { LFV1_LOOK } from '../lfv1-format.ts';

/** Whether a JSON string of a JSON column is an encrypted value, whole or damaged. What does not begin so is plaintext JSON. */
export function beginsEncrypted(text: string): boolean {
  return LFV1_LOOK.beginsLike(text) || FERNET_LOOK.beginsLike(text);
}
