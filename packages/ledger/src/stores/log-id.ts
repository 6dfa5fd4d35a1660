import { randomBytes } from 'node:crypto';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const CHARACTERS = 16;

/** The name of a new ledger: 80 random bits. */
export function newLogId(): string {
  return Array.from(randomBytes(CHARACTERS), (byte) => ALPHABET[byte % ALPHABET.length]).join('');
}

export function isLogId(text: unknown): text is string {
  return typeof text === 'string' && /^[a-z2-7]{16}$/.test(text);
}
