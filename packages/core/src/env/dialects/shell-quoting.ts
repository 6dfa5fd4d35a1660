import { Buffer } from 'node:buffer';

const CHARACTERS = new Map([
  ['a', '\x07'], ['b', '\b'], ['e', '\x1B'], ['E', '\x1B'], ['f', '\f'], ['n', '\n'], ['r', '\r'], ['t', '\t'], ['v', '\v'],
  ['\\', '\\'], ["'", "'"], ['"', '"'], ['?', '?'],
]);

/**
 * The bytes that bash 5.2 makes of the inside of `$'...'`, given and returned as one character a byte. A NUL ends the string, as
 * in C. `\u` and `\U` give UTF-8, as in a UTF-8 locale; in the C locale bash leaves those above 127 as they are.
 */
export function ansiQuoted(body: string): string {
  const out = body.replaceAll(
    /\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|c([^])|([^]))/g,
    (match: string, octal?: string, hex?: string, short?: string, long?: string, control?: string, character?: string) => {
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff);
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      if (control !== undefined) return control === '?' ? '\x7F' : String.fromCharCode(control.charCodeAt(0) & 0x1f);
      if (character !== undefined) return CHARACTERS.get(character) ?? match;
      return utf8(Number.parseInt(short ?? long ?? '', 16)) ?? match;
    },
  );
  const nul = out.indexOf('\0');
  return nul === -1 ? out : out.slice(0, nul);
}

function utf8(codePoint: number): string | undefined {
  return codePoint <= 0x10ffff ? Buffer.from(String.fromCodePoint(codePoint)).toString('latin1') : undefined;
}
