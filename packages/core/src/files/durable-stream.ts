import { closeSync, writeSync } from 'node:fs';

import { settle, takeFreeName } from './durable-write.ts';
import { refuseUnlessExpected } from './expected-target.ts';
import { withFileLock } from './lock.ts';
import { shownPath } from './shown-path.ts';
import { inSyncedDirectory, splitTarget } from './synced-directory.ts';
import { systemFailure } from './system-failure.ts';
import { createTempFile, discardTempFile, newTempName } from './temp-file.ts';

const CHUNK_LENGTH = 64 * 1024;

/** One new file whose content comes in parts, in order, and is never in memory as a whole. */
export interface DurableStream {
  readonly path: string;
  /** UTF-8. */
  readonly parts: AsyncIterable<string>;
  /** The permission bits that the file will have, whatever the umask is. */
  readonly mode: number;
}

/**
 * Puts a new file in place whole, as `writeDurably` does; nothing of it has the name before its last part came.
 *
 * The lock is held only while the temporary files are swept that killed runs left: the parts may take minutes, in which
 * others work in that directory. Another stream to the same path sweeps the temporary file of this one, which then ends
 * with `conflict`.
 *
 * @throws LockfastError as `withFileLock` and `writeDurably` with the expectation `absent`; and what `parts` throws. Then
 *   the temporary file is removed
 */
export async function streamDurably(stateDirectory: string, { path, parts, mode }: DurableStream): Promise<void> {
  await withFileLock(stateDirectory, path, () => refuseUnlessExpected(path, 'absent'));
  const { directory, name } = splitTarget(path);
  const temp = `${directory}/${newTempName(name)}`;
  const fd = createTempFile(temp, path);
  let settled = false;
  try {
    for await (const chunk of chunksOf(parts)) {
      for (let done = 0; done < chunk.length; ) done += writeSync(fd, chunk, done);
    }
    inSyncedDirectory(path, `${shownPath(path)} was written`, () => {
      settled = true;
      settle(fd, { path, mode });
      takeFreeName(temp, path);
    });
  } catch (error) {
    if (!settled) closeSync(fd);
    discardTempFile(temp);
    throw systemFailure(error, `${shownPath(path)} was not written`, 'write-failed');
  }
}

/** Parts are lines, mostly: a call for each would take longer than all the rest. */
async function* chunksOf(parts: AsyncIterable<string>): AsyncGenerator<Buffer> {
  let some: string[] = [];
  let length = 0;
  for await (const part of parts) {
    some.push(part);
    length += part.length;
    if (length < CHUNK_LENGTH) continue;
    yield Buffer.from(some.join(''));
    some = [];
    length = 0;
  }
  if (length > 0) yield Buffer.from(some.join(''));
}
