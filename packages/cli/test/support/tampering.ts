/** What someone without the key can do to an encrypted file. */
import { createHash } from 'node:crypto';

/** The file with a checksum that is right again: the rest is then up to the keys. */
export function withChecksum(text: string): string {
  const end = text.lastIndexOf(' sha256=') + ' sha256='.length;
  return `${text.slice(0, end)}${createHash('sha256').update(text.slice(0, end), 'latin1').digest('base64url')}\n`;
}

/** Changes the lines between header and last line. */
export function withLines(text: string, change: (lines: string[]) => string[]): string {
  const lines = text.split('\n');
  return [lines[0], ...change(lines.slice(1, -2)), ...lines.slice(-2)].join('\n');
}

export function withHeader(text: string, change: (header: string) => string): string {
  const [header, ...rest] = text.split('\n');
  return [change(header!), ...rest].join('\n');
}
