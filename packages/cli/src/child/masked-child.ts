/**
 * Runs a program and masks what it prints. Its input, its signals and its end are as if it were spawned without that.
 *
 * Where standard output is a terminal and we are in its foreground, the program gets a terminal of its own, through `script`
 * of util-linux: Node can't make one. What differs then:
 * - Standard output and standard error come through the one terminal, as they end up in one.
 * - Ctrl-Z does nothing: the program is alone in its session, and has no shell to go back to.
 * - A signal that ends the program is told as the status 128+n.
 *
 * Elsewhere, and without `script`, it prints to pipes. It ends when the program has ended and all who inherited them, too.
 */
import type { ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import type { Readable } from 'node:stream';

import type { Masker } from '@lockfast/core/mask';

import { writeTo } from '../mask/descriptors.ts';
import { maskThrough } from '../mask/mask-through.ts';
import type { Terminal } from '../terminal.ts';
import { checkedProgram } from './child.ts';
import { inheritedDescriptors } from './inherited-descriptors.ts';
import { makePipe } from './pipe.ts';
import { type ChildProgram, type ChildStreams, runChild } from './spawned-child.ts';
import { inTerminal, terminalFor } from './terminal-program.ts';

/** @returns as `becomeChild` @throws LockfastError as `becomeChild`; `write-failed` */
export async function runMaskedChild(command: string, args: readonly string[], environment: Readonly<Record<string, string>>, masker: Masker, terminal: Terminal): Promise<number> {
  const child: ChildProgram = { ...checkedProgram(command, args, environment), environment, descriptors: inheritedDescriptors() };
  const script = terminalFor(child, terminal);
  if (script === undefined) return runChild(child, piped(masker));
  const own = inTerminal(script, child, (streams) => follow(masker, streams));
  try {
    return await runChild(own.program, own.streams);
  } finally {
    own.close();
  }
}

function piped(masker: Masker): ChildStreams {
  const [out, err] = [makePipe(), makePipe()];
  return {
    standard: ['inherit', out?.writer ?? 'pipe', err?.writer ?? 'pipe'],
    more: [],
    follow: (child) => {
      // The child has its own now: the pipe ends when that one is closed.
      for (const pipe of [out, err]) if (pipe !== undefined) closeSync(pipe.writer);
      return follow(masker, [[out?.reader ?? child.stdout!, 1], [err?.reader ?? child.stderr!, 2]]);
    },
    signal: (child: ChildProcess, signal) => child.kill(signal),
  };
}

/** Each stream with a state of its own. */
async function follow(masker: Masker, streams: readonly (readonly [from: Readable, to: number])[]): Promise<void> {
  await Promise.all(
    streams.map(async ([from, to]) => {
      // Whom nobody reads any more, the program writes to in vain: it is told so, as by the reader itself.
      if (!(await maskThrough(from, masker.stream(), (bytes) => writeTo(to, bytes)))) from.destroy();
    }),
  );
}
