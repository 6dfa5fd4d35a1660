/**
 * Reads and writes descriptors without a stream of Node's around them: those block the event loop on a full pipe, and with it
 * the signals that are to be handed on.
 */
import { read, write } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

import { systemFailure } from '@lockfast/core/files';

const PIECE_BYTES = 64 * 1024;
/** A pipe that somebody made non-blocking is asked again. */
const AGAIN_MS = 5;

const readSome = promisify(read);
const writeSome = promisify(write);

/** Until its end, in pieces that are overwritten by the next one. @throws LockfastError `read-failed` */
export async function* piecesOf(descriptor: number): AsyncGenerator<Uint8Array, void, undefined> {
  const buffer = Buffer.allocUnsafeSlow(PIECE_BYTES);
  for (;;) {
    let bytesRead: number;
    try {
      ({ bytesRead } = await readSome(descriptor, buffer, 0, buffer.length, null));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EOF') return;
      if (code !== 'EAGAIN') throw systemFailure(error, 'standard input was not read', 'read-failed');
      await sleep(AGAIN_MS);
      continue;
    }
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

/** All of it. @returns false when nobody reads it any more @throws LockfastError `write-failed` */
export async function writeTo(descriptor: number, bytes: Uint8Array): Promise<boolean> {
  let written = 0;
  while (written < bytes.length) {
    try {
      written += (await writeSome(descriptor, bytes, written, bytes.length - written, null)).bytesWritten;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // A terminal whose window was closed answers EIO.
      if (code === 'EPIPE' || code === 'EIO' || code === 'EBADF') return false;
      if (code !== 'EAGAIN') throw systemFailure(error, 'the masked output was not written', 'write-failed');
      await sleep(AGAIN_MS);
    }
  }
  return true;
}
