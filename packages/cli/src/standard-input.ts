import { fstatSync, readFileSync, readSync } from 'node:fs';

import { systemFailure } from '@lockfast/core/files';

const CHUNK_BYTES = 64 * 1024;
const PAUSE_MS = 5;

/** All of standard input, in memory of its own. @throws LockfastError `not-a-file` for a directory; `read-failed` */
export function readStandardInput(): Buffer {
  try {
    if (fstatSync(0).isFile()) return readFileSync(0);
    const chunks: Buffer[] = [];
    for (let chunk = readChunk(); chunk.length > 0; chunk = readChunk()) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    for (const chunk of chunks) chunk.fill(0);
    return bytes;
  } catch (error) {
    throw systemFailure(error, 'standard input was not read', 'read-failed');
  }
}

/** Empty at the end. A pipe that another program made non-blocking has nothing at times (EAGAIN), and is waited for. */
function readChunk(): Buffer {
  const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  for (;;) {
    try {
      return chunk.subarray(0, readSync(0, chunk));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EOF') return chunk.subarray(0, 0);
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
    }
  }
}
