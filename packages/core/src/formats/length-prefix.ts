/**
 * An injective encoding of a list of strings: u32be n, then for each string u32be length and its UTF-8 bytes.
 * Two different lists never give the same bytes, so nothing can slide from one field into the next.
 */
export function lengthPrefixed(parts: readonly string[]): Buffer {
  let size = 4;
  for (const part of parts) size += 4 + Buffer.byteLength(part, 'utf8');
  const out = Buffer.allocUnsafe(size);
  out.writeUInt32BE(parts.length, 0);
  let offset = 4;
  for (const part of parts) offset = writePrefixed(out, part, offset);
  return out;
}

/** Writes u32be length and the UTF-8 bytes of `text` at `offset`; returns the offset after them. */
export function writePrefixed(out: Buffer, text: string, offset: number): number {
  const length = writeShortAscii(out, text, offset + 4) ?? out.write(text, offset + 4, 'utf8');
  out.writeUInt32BE(length, offset);
  return offset + 4 + length;
}

/** Room that {@link writePrefixed} surely finds enough: UTF-8 takes three bytes at most for a unit of UTF-16. */
export function mostPrefixedBytes(text: string): number {
  return 4 + 3 * text.length;
}

/** The bytes written, or undefined where the text is another. For names and ids, a call into Node costs more than this loop. */
function writeShortAscii(out: Buffer, text: string, offset: number): number | undefined {
  if (text.length > 48) return undefined;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return undefined;
    out[offset + i] = unit;
  }
  return text.length;
}
