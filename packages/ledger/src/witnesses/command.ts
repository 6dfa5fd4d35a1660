import { basename } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';

import { findProgram, runProgram } from './program.ts';
import type { Receipt, Submission, Witness } from './witness.ts';

/** Long enough for an upload or a mail; short enough for an hourly timer. */
const PATIENCE_MS = 60_000;

/** A program that gets the signed note on standard input, and takes it somewhere. Exit status 0 means that it is there. */
export class CommandWitness implements Witness {
  readonly name: string;
  readonly warning = undefined;
  readonly readable = false;
  readonly #argv: readonly string[];
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #patienceMs: number;

  /** @param argv program and arguments, run without a shell */
  constructor(argv: readonly string[], environment: Readonly<Record<string, string | undefined>>, patienceMs: number = PATIENCE_MS) {
    const [program = ''] = argv;
    // Not the arguments: one of them may be a token.
    this.name = `the command ${basename(program)}`;
    this.#argv = argv;
    this.#environment = environment;
    this.#patienceMs = patienceMs;
  }

  async newest(): Promise<undefined> {}

  async submit({ note, size }: Submission): Promise<Receipt> {
    const [program = '', ...args] = this.#argv;
    const end = await runProgram({ program: findProgram(program, this.#environment['PATH']), args, environment: this.#environment, input: note }, this.#patienceMs);
    if (end.stopped === 'time') throw new LockfastError('witness-failed', `${this.name} took longer than ${this.#patienceMs / 1000} s and was stopped`, 'run it by hand with a checkpoint on standard input');
    if (end.stopped === 'output') throw new LockfastError('witness-failed', `${this.name} wrote too much and was stopped`, 'let it write to a file of its own');
    if (end.status !== 0) {
      const how = end.status === null ? 'was ended by a signal' : `ended with status ${end.status}`;
      throw new LockfastError('witness-failed', `${this.name} ${how}`, 'run it by hand with a checkpoint on standard input');
    }
    return { size, cosignatures: '' };
  }
}
