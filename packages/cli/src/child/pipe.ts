/**
 * A pipe. Node gives a child socket pairs, which are not the same to it: /dev/stdout can't be opened again, and who writes to
 * one that nobody reads any more may get another error than a broken pipe.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

export interface Pipe {
  readonly reader: Readable;
  /** The descriptor for the child; to be closed when the child has it. */
  readonly writer: number;
}

/** @returns undefined where none can be made: no mkfifo, no room for temporary files */
export function makePipe(): Pipe | undefined {
  let directory: string | undefined;
  try {
    directory = mkdtempSync(join(tmpdir(), 'lockfast-pipe-'));
    const path = join(directory, 'pipe');
    if (spawnSync('mkfifo', ['-m', '600', path], { stdio: 'ignore' }).status !== 0) return undefined;
    // Else it would wait for a writer.
    const reading = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return { reader: new Socket({ fd: reading, readable: true, writable: false }), writer: openSync(path, constants.O_WRONLY) };
    } catch {
      closeSync(reading);
      return undefined;
    }
  } catch {
    return undefined;
  } finally {
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
  }
}
