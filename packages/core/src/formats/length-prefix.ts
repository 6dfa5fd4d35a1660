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
  const length = out.write(text, offset + 4, 'utf8');
  out.writeUInt32BE(length, offset);
  return offset + 4 + length;
}
