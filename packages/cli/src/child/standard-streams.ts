/**
 * Takes O_NONBLOCK off the pipes and sockets that we share with the child.
 *
 * The first look at `process.stdin`, `stdout` or `stderr`, even `process.stdout.isTTY`, sets O_NONBLOCK on a pipe. The
 * flag belongs to the open pipe, not to the process, so it would stay for the child and for whoever shares the pipe:
 * programs that do not expect EAGAIN lose data or stop. Node takes it off when it exits, and libuv when it spawns, but
 * not `process.execve`. A terminal is opened anew by Node, a file is left alone.
 *
 * A flag that our parent had set itself can't be told from Node's and goes, too, as it does for a spawned child.
 */
import { fstatSync, readFileSync } from 'node:fs';

const O_NONBLOCK = 0o4000;

/** What Node's streams hold and do not publish; `setBlocking` has been there since Node 0.10, npm relies on it. */
interface StreamHandle {
  readonly _handle?: { setBlocking?(blocking: boolean): number };
}

/** Touches a stream only if it needs it: looking at one costs milliseconds. */
export function makeStandardStreamsBlocking(): void {
  for (const descriptor of [0, 1, 2] as const) {
    if ((flagsOf(descriptor) & O_NONBLOCK) === 0) continue;
    const stream: unknown = descriptor === 0 ? process.stdin : descriptor === 1 ? process.stdout : process.stderr;
    (stream as StreamHandle)._handle?.setBlocking?.(true);
  }
}

function flagsOf(descriptor: number): number {
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFIFO() && !stats.isSocket()) return 0;
    return Number.parseInt(/^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1'))?.[1] ?? '0', 8);
  } catch {
    return 0;
  }
}
