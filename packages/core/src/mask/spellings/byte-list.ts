/** Bytes written one by one: in hexadecimal, and as the numbers that they are. Case is the matcher's. */
export function byteListSpellings(bytes: Uint8Array): string[] {
  const pairs = hexPairs(bytes);
  return [pairs.join(''), pairs.join(':'), pairs.join(' '), bytes.join(','), bytes.join(', ')];
}

/** As `<Buffer 73 6b ...>` shows them. */
export function inspected(bytes: Uint8Array): string {
  return hexPairs(bytes).join(' ');
}

function hexPairs(bytes: Uint8Array): string[] {
  return Buffer.from(bytes).toString('hex').match(/../g) ?? [];
}
