/** A value of several lines: a private key, a certificate. */

/** A shorter line says too little by itself, and stands in too many texts. */
const LEAST_LINE_BYTES = 12;
/** With a space, one after the other, and with nothing: how a field of one line gets them. */
const JOINTS = ['\n', '\r\n', '\r\r\n', ' ', ''] as const;
/** RFC 7468: the first and last line of a key are no secret, and the same for all. */
const BOUNDARY = /^-----(?:BEGIN|END) [^-]*-----$/;

/** Each line, and all of them with other line ends; empty for a value of one line. */
export function lineSpellings(text: string): string[] {
  const lines = text.split(/[\r\n]+/).map((line) => line.trim()).filter((line) => line !== '');
  if (lines.length < 2) return [];
  const inner = lines.filter((line) => !BOUNDARY.test(line));
  const single = isStructured(text) ? [] : inner.filter((line) => Buffer.byteLength(line) >= LEAST_LINE_BYTES);
  return [...single, ...JOINTS.flatMap((joint) => [lines.join(joint), inner.join(joint)]), inner.join(String.raw`\n`)];
}

/** The lines of a JSON document hold names and punctuation that any other has, too. */
function isStructured(text: string): boolean {
  return /^\s*[{[]/.test(text);
}
