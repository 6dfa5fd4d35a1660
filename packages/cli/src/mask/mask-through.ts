import type { MaskedStream } from '@lockfast/core/mask';

/** So long nothing comes when a prompt waits for an answer. Shorter than a person notices. */
const PAUSE_MS = 100;

/**
 * Writes what comes from `source`, masked, at the reader's pace.
 *
 * @param write gives false when nobody reads any more
 * @returns whether it was read to its end
 */
export async function maskThrough(source: AsyncIterable<Uint8Array>, stream: MaskedStream, write: (bytes: Uint8Array) => Promise<boolean>): Promise<boolean> {
  const pieces = source[Symbol.asyncIterator]();
  let next = pieces.next();
  for (;;) {
    if (stream.held > 0 && !(await comesSoon(next)) && !(await write(stream.pause()))) return false;
    const piece = await next;
    if (piece.done === true) return write(stream.end());
    if (!(await write(stream.write(piece.value)))) return false;
    next = pieces.next();
  }
}

async function comesSoon(next: Promise<unknown>): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const pause = setTimeout(() => resolve(false), PAUSE_MS);
  // A failure is told to whoever takes the next piece.
  void next.then(() => resolve(true), () => resolve(true));
  const came = await promise;
  clearTimeout(pause);
  return came;
}
