/** What base64 makes of bytes (RFC 4648), wherever in a longer encoded text they stand. */

/** Lines of PEM (RFC 7468) and of MIME (RFC 2045). */
const LINES = [64, 76] as const;
const LEAST_LINE = 16;

export function base64Spellings(bytes: Uint8Array): string[] {
  const whole = Buffer.from(bytes).toString('base64');
  const known = alignments(bytes);
  // Encoded once more, with padding or without.
  const once = [whole, whole.replace(/=+$/, '')];
  const twice = once.flatMap((text) => [Buffer.from(text, 'latin1').toString('base64'), ...alignments(Buffer.from(text, 'latin1'))]);
  const standard = [...once, ...known, ...twice];
  return [...standard, ...standard.map(urlSafe), ...LINES.flatMap((width) => wrapped(whole, width))];
}

function alignments(bytes: Uint8Array): string[] {
  return BASE64_ALIGNMENTS.map((before) => alignedBase64(bytes, before, 'base64'));
}

/** Three bytes become four characters, so there are three ways for a secret to lie in them: behind so many bytes of others. */
export const BASE64_ALIGNMENTS = [0, 1, 2] as const;

/** What depends on `bytes` alone: a character that bytes before or after them have a part in is left out, since it is not known. */
export function alignedBase64(bytes: Uint8Array, before: (typeof BASE64_ALIGNMENTS)[number], encoding: 'base64' | 'base64url'): string {
  const text = Buffer.concat([Buffer.alloc(before), bytes]).toString(encoding);
  return text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
}

/** RFC 4648 section 5. */
function urlSafe(text: string): string {
  return text.replaceAll('+', '-').replaceAll('/', '_');
}

/** Each line by itself, too: a log may put its own words between them. The last one may say nothing. */
function wrapped(text: string, width: number): string[] {
  const lines = text.match(new RegExp(`.{1,${width}}`, 'g')) ?? [];
  return lines.length < 2 ? [] : [...lines.filter((line) => line.length >= LEAST_LINE), lines.join('\n'), lines.join('\r\n')];
}
