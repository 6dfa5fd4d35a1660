/** Every way in which one value may stand in a text. */
import { base64Spellings } from './base64.ts';
import { byteListSpellings } from './byte-list.ts';
import { escapedSpellings } from './escapes.ts';
import { lineSpellings } from './lines.ts';
import { percentSpellings } from './percent.ts';

/** As texts with a character for each byte, each once, the value itself first. Case does not count, so no copy in other letters is among them. */
export function spellingsOf(value: string): string[] {
  const found = new Set<string>();
  for (const text of new Set([value, value.normalize('NFC'), value.normalize('NFD')])) {
    const bytes = Buffer.from(text, 'utf8');
    found.add(byteText(text));
    for (const one of escapedSpellings(text)) found.add(byteText(one));
    for (const one of lineSpellings(text)) found.add(byteText(one));
    for (const one of percentSpellings(bytes)) found.add(one);
    for (const one of base64Spellings(bytes)) found.add(one);
    for (const one of byteListSpellings(bytes)) found.add(one);
    found.add(Buffer.from(text, 'utf16le').toString('latin1'));
  }
  return [...found];
}

/** Its bytes in UTF-8, a character each. */
export function byteText(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
