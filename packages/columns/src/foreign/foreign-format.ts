/** What other libraries wrote, and is read once: `column rotate --from` turns it into the column's own format. Nothing here encrypts. */
import type { Stored } from '../stored-format.ts';

export const FOREIGN_FORMATS = ['cloak', 'typeorm-encrypted', 'lockbox', 'rails'] as const;
export type ForeignFormatName = (typeof FOREIGN_FORMATS)[number];

export interface OpenedForeign {
  readonly value: Buffer;
  /** The name of the key that opened it. */
  readonly key: string;
}

export interface ForeignFormat {
  readonly name: ForeignFormatName;
  /** Whether a value proves that its key is the right one. Where it does not, one in 256 opens under any key, as nonsense. */
  readonly authenticated: boolean;
  /** Whether it may be a value of this format. What may be and does not open is unreadable, and never plaintext. */
  looksLike(stored: Stored): boolean;
  /** @throws LockfastError `wrong-key`: no key opens it, or it was altered; `malformed`, `unsupported-format` */
  open(stored: Stored): OpenedForeign;
}
