import { randomInt } from 'node:crypto';

/** Six characters, `[a-z][a-z2-7]{5}`: a letter first, then the base32 alphabet of RFC 4648 in lower case. */
export type KeyId = string;

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
const BASE32 = `${LETTERS}234567`;
const KEY_ID = /^[a-z][a-z2-7]{5}$/;

export function isKeyId(text: string): boolean {
  return KEY_ID.test(text);
}

/** A random key id that `taken` does not hold. Ids of destroyed keys stay taken. */
export function newKeyId(taken: ReadonlySet<KeyId>): KeyId {
  for (;;) {
    let id = LETTERS[randomInt(LETTERS.length)]!;
    while (id.length < 6) id += BASE32[randomInt(BASE32.length)]!;
    if (!taken.has(id)) return id;
  }
}
