/** Percent-encoding (RFC 3986), as the encoders that are in use do it. They differ in what they leave as it is. */

const UNRESERVED = /[^\w.~-]/g;
/** Not kept as it is: by RFC 3986, `encodeURIComponent`, Python's `quote`, `encodeURI`. */
const ENCODED = [UNRESERVED, /[^\w.~!*'()-]/g, /[^\w.~/-]/g, /[^\w.~!*'();,/?:@&=+$#-]/g] as const;
/** In forms, where a space is a plus: by `URLSearchParams`, and `quote_plus`. */
const ENCODED_IN_FORMS = [/[^\w.*-]/g, UNRESERVED] as const;

/** Texts with a character for each byte. */
export function percentSpellings(bytes: Uint8Array): string[] {
  const text = Buffer.from(bytes).toString('latin1');
  const once = [
    ...ENCODED.map((encoded) => text.replaceAll(encoded, percent)),
    ...ENCODED_IN_FORMS.map((encoded) => text.replaceAll(encoded, percent).replaceAll('%20', '+')),
  ];
  return [...once, ...once.map((one) => one.replaceAll('%', '%25')), text.replaceAll(/[^]/g, percent)];
}

function percent(byte: string): string {
  return `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`;
}
