import type { Stored } from '../stored-format.ts';

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** What a text column holds as strict base64 (RFC 4648, section 4), or a binary one as it is; undefined for other text. */
export function base64Bytes(stored: Stored): Buffer | undefined {
  if (typeof stored !== 'string') return Buffer.from(stored.buffer, stored.byteOffset, stored.length);
  return BASE64.test(stored) ? Buffer.from(stored, 'base64') : undefined;
}
