import { randomBytes } from 'node:crypto';

import { readableId } from '@lockfast/core/formats';

const CHARACTERS = 16;

/** The name of a new ledger: 80 random bits. */
export function newLogId(): string {
  return readableId(randomBytes(CHARACTERS));
}

export function isLogId(text: unknown): text is string {
  return typeof text === 'string' && /^[a-z2-7]{16}$/.test(text);
}
