/** Every way in which one value may stand in a text. */
import { base64Spellings } from './base64.ts';
import { byteListSpellings } from './byte-list.ts';
import { escapedSpellings } from './escapes.ts';
import { lineSpellings } from './lines.ts';
import { percentSpellings } from './percent.ts';

/** Bytes, each way once, the value itself first. Case does not count, so no copy in other letters is among them. */
export function spellingsOf(value: string): Uint8Array[] {
  const found = new Map<string, Uint8Array>();
  const add = (bytes: Uint8Array): void => {
    const key = Buffer.from(bytes).toString('latin1');
    if (!found.has(key)) found.set(key, bytes);
  };
  for (const text of new Set([value, value.normalize('NFC'), value.normalize('NFD')])) {
    const bytes = Buffer.from(text, 'utf8');
    for (const one of [text, ...escapedSpellings(text), ...lineSpellings(text), ...percentSpellings(bytes), ...base64Spellings(bytes), ...byteListSpellings(bytes)]) {
      add(Buffer.from(one, 'utf8'));
    }
    add(Buffer.from(text, 'utf16le'));
  }
  return [...found.values()];
}
