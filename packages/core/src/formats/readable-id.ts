const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';

/** One character of `a-z2-7` for each byte, which is five bits of it: an id that a file's name and a command line can hold. */
export function readableId(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => ALPHABET[byte & 31]).join('');
}
