/** Percent-encoding (RFC 3986), as the encoders that are in use do it. They differ in what they leave as it is. */

const UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";

/** Kept as it is, beside letters and digits: by RFC 3986, `encodeURIComponent`, Python's `quote`, `encodeURI`, nobody. */
const KEPT = [UNRESERVED, `${UNRESERVED}!*'()`, `${UNRESERVED}/`, `${UNRESERVED};,/?:@&=+$#!*'()`, ''] as const;
/** Of forms, where a space is a plus: `URLSearchParams`, and `quote_plus`. */
const KEPT_IN_FORMS = [UNRESERVED.replace('~', '*'), UNRESERVED] as const;

export function percentSpellings(bytes: Uint8Array): string[] {
  const once = [
    ...KEPT.map((kept) => percent(bytes, kept)),
    ...KEPT_IN_FORMS.map((kept) => percent(bytes, kept).replaceAll('%20', '+')),
  ];
  return [...once, ...once.map((text) => text.replaceAll('%', '%25'))];
}

function percent(bytes: Uint8Array, kept: string): string {
  return Array.from(bytes, (byte) => {
    const character = String.fromCharCode(byte);
    return kept.includes(character) ? character : `%${byte.toString(16).padStart(2, '0')}`;
  }).join('');
}
