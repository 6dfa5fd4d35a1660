/**
 * The note with the cosignatures of witnesses added. One cosignature a key: a newer one of the same witness says the same
 * of the ledger, and a note that grows with each push would be stored each time.
 *
 * @param lines signature lines, each with its newline
 */
export function withCosignatures(note: string, lines: string): string {
  const known = new Set(signatureLines(note).map(signerOf));
  let cosigned = note;
  for (const line of signatureLines(lines)) {
    if (known.has(signerOf(line))) continue;
    known.add(signerOf(line));
    cosigned += line;
  }
  return cosigned;
}

function signatureLines(text: string): string[] {
  return text.split(/(?<=\n)/).filter((line) => line.startsWith('\u2014 '));
}

/** Name and key id: the first four bytes of what is signed with. */
function signerOf(line: string): string {
  const [, name = '', signature = ''] = line.trimEnd().split(' ');
  return `${name} ${Buffer.from(signature, 'base64').subarray(0, 4).toString('hex')}`;
}
