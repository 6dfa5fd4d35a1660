/** What servers of databases share as child processes of a test, whichever they are. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const START_MS = 30_000;
const PAUSE_MS = 50;
/** Of a program that is run to its end: a table of a million rows takes its time. */
const LONGEST_MS = 300_000;

/** As in production (`durable`), or without fsync (`fast`), for tests that cut no power. */
export type Durability = 'durable' | 'fast';

/** One server, which may be ended and started again with the same data. */
export class ServerProcess {
  readonly #command: readonly string[];
  readonly #directory: string;
  readonly #ask: () => void;
  readonly #log: string | undefined;
  #process: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();

  /**
   * @param ask throws until the server is up
   * @param log a file for what it prints; without one that is lost
   */
  constructor(command: readonly string[], directory: string, ask: () => void, log?: string) {
    this.#command = command;
    this.#directory = directory;
    this.#ask = ask;
    this.#log = log;
  }

  /** Until it is up. @throws Error what it printed, or why it was asked in vain */
  async start(): Promise<void> {
    const [program, ...args] = this.#command;
    const output = this.#log === undefined ? 'ignore' : openSync(this.#log, 'a');
    const started = spawn(program!, args, { cwd: this.#directory, stdio: ['ignore', output, output] });
    if (typeof output === 'number') closeSync(output);
    this.#process = started;
    this.#ended = once(started, 'exit');
    const deadline = performance.now() + START_MS;
    for (;;) {
      try {
        this.#ask();
        return;
      } catch (error) {
        if (performance.now() > deadline || started.exitCode !== null) throw this.#log === undefined ? error : new Error(readFileSync(this.#log, 'utf8'), { cause: error });
        await sleep(PAUSE_MS);
      }
    }
  }

  /** Until it has ended. */
  async end(signal: NodeJS.Signals): Promise<void> {
    this.#process?.kill(signal);
    await this.#ended;
  }
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

/** Runs a program to its end. @returns what it prints, without white space around it. @throws Error with what it says when it fails */
export function run([command, ...args]: readonly string[], cwd: string): string {
  // It stops all of this process: where it waits for a lock that this process holds, it must not wait for ever.
  const { status, stdout, stderr } = spawnSync(command!, args, { cwd, encoding: 'utf8', maxBuffer: 2 ** 28, timeout: LONGEST_MS });
  if (status !== 0) throw new Error(`${command} failed: ${stderr}`);
  return stdout.trim();
}
