/** One text through a stream, cut in different ways. */
import type { Masker } from '@lockfast/core/mask';

/** In pieces of these lengths; the last piece is what is left. Each piece is written over once the stream has answered, as a reader of files does. */
export function maskedInPieces(masker: Masker, input: Uint8Array, lengths: Iterable<number>): Buffer {
  const stream = masker.stream();
  const answers: Buffer[] = [];
  let at = 0;
  const write = (end: number): void => {
    const piece = Buffer.from(input.subarray(at, end));
    answers.push(Buffer.from(stream.write(piece)));
    piece.fill(0x21);
    at = end;
  };
  for (const length of lengths) {
    if (at >= input.length) break;
    write(Math.min(input.length, at + length));
  }
  if (at < input.length) write(input.length);
  answers.push(Buffer.from(stream.end()));
  return Buffer.concat(answers);
}

/** The answer of all ways to cut it: in two at each place, and one byte at a time. @throws Error where they differ */
export function maskedHoweverCut(masker: Masker, input: string | Uint8Array): string {
  const bytes = typeof input === 'string' ? Buffer.from(input, 'utf8') : Buffer.from(input);
  const whole = maskedInPieces(masker, bytes, []);
  for (let at = 1; at < bytes.length; at++) {
    if (!maskedInPieces(masker, bytes, [at]).equals(whole)) throw new Error(`cut at ${at} it is ${JSON.stringify(maskedInPieces(masker, bytes, [at]).toString())}, not ${JSON.stringify(whole.toString())}`);
  }
  const single = maskedInPieces(masker, bytes, Array<number>(bytes.length).fill(1));
  if (!single.equals(whole)) throw new Error(`byte by byte it is ${JSON.stringify(single.toString())}, not ${JSON.stringify(whole.toString())}`);
  return whole.toString('utf8');
}
