import type { Column, Stored } from '../index.ts';
import { beginsEncrypted } from './begins-encrypted.ts';

/** What was stored, of what a driver has made of a JSON column: it has parsed what stands there. */
export function storedOfParsed(column: Column<unknown>, received: unknown): Stored {
  if (typeof received === 'string' && (column.isEncrypted(received) || beginsEncrypted(received))) return received;
  // Plaintext, which the driver has parsed; whether it may be read is the column's to say.
  return column.definition.as === 'json' ? JSON.stringify(received) : (received as Stored);
}
