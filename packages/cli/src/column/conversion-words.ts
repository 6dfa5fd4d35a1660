/** The words of the three conversions, in reports, questions and records. */
import type { Conversion } from '@lockfast/columns/jobs';

export type Direction = Conversion['direction'];

export interface ConversionWords {
  /** `Encrypting 2FA TOTP Secrets`. */
  readonly doing: string;
  /** `✓ Encrypted for admin`. */
  readonly done: string;
  /** `Would be encrypted for admin`. */
  readonly would: string;
  /** Before the count of rows that were converted; in a dry run the other one. */
  readonly changed: string;
  readonly toChange: string;
  /** Before the count of rows that were so before. */
  readonly already: string;
  /** `✓ All values are encrypted`. */
  readonly all: string;
}

export const WORDS: Readonly<Record<Direction, ConversionWords>> = {
  encrypt: { doing: 'Encrypting', done: 'Encrypted', would: 'Would be encrypted', changed: 'Newly encrypted', toChange: 'To be encrypted', already: 'Already encrypted', all: 'encrypted' },
  rotate: { doing: 'Rotating', done: 'Rotated', would: 'Would be rotated', changed: 'Successfully rotated', toChange: 'To be rotated', already: 'Already under the new key', all: 'under the new key' },
  decrypt: { doing: 'Decrypting', done: 'Decrypted', would: 'Would be decrypted', changed: 'Newly decrypted', toChange: 'To be decrypted', already: 'Already plaintext', all: 'plaintext' },
};
