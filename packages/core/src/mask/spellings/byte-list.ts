/** Bytes written one by one: in hexadecimal, and as the numbers that they are. Case is the matcher's. */
export function byteListSpellings(bytes: Uint8Array): string[] {
  const pairs = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'));
  const numbers = Array.from(bytes, String);
  return [pairs.join(''), pairs.join(':'), inspected(bytes), numbers.join(','), numbers.join(', ')];
}

/** As `<Buffer 73 6b ...>` shows them. */
export function inspected(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
