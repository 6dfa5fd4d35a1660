import { Buffer, isUtf8 } from 'node:buffer';

/** UTF-8 with U+FFFD for what is not UTF-8; a byte order mark stays, as it does in `Buffer.toString()`. */
export function decodeLossy(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

/** UTF-8, or `undefined` if the bytes are not. A byte order mark stays. */
export function decodeStrict(bytes: Uint8Array): string | undefined {
  return isUtf8(bytes) ? decodeLossy(bytes) : undefined;
}

/**
 * One character for each byte. A runtime that works on bytes (systemd, bash) is modelled on such a string: offsets are
 * byte offsets, and a value cut or joined in the middle of a character decodes to what that runtime hands on.
 */
export function decodeBytewise(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** The bytes behind a string of `decodeBytewise`. */
export function bytesOf(bytewise: string): Uint8Array {
  return Buffer.from(bytewise, 'latin1');
}

const BYTE_ORDER_MARK = '\uFEFF';

/** Takes one byte order mark from the front. */
export function withoutByteOrderMark(text: string): string {
  return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
}
