/** A program in a real pseudo-terminal: what it shows, what is typed, how it ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const PYTHON = '/usr/bin/python3';
const DRIVER = fileURLToPath(new URL('terminal.py', import.meta.url));
const PATIENCE_MS = 15_000;

export interface TerminalEnd {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  /** All that was shown, with plain line ends. */
  readonly shown: string;
}

export class PseudoTerminal implements Disposable {
  readonly #driver: ChildProcess;
  readonly #ended: Promise<Omit<TerminalEnd, 'shown'>>;
  #shown = '';
  #seen = 0;
  #pid = 0;
  #waiting: (() => void) | undefined;

  constructor(argv: readonly string[], options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv }) {
    this.#driver = spawn(PYTHON, [DRIVER, ...argv], { cwd: options.cwd, env: { TERM: 'xterm', ...options.env }, stdio: ['pipe', 'pipe', 'inherit', 'pipe'] });
    this.#driver.stdin!.on('error', () => {}); // typed after the end
    this.#driver.stdout!.on('data', (chunk: Buffer) => {
      this.#shown += chunk.toString().replaceAll('\r\n', '\n');
      this.#waiting?.();
    });
    let told = '';
    (this.#driver.stdio[3] as Readable).on('data', (chunk: Buffer) => {
      told += chunk.toString();
      this.#pid = (JSON.parse(told.split('\n')[0]!) as { pid: number }).pid;
    });
    this.#ended = new Promise((resolve, reject) => {
      this.#driver.on('error', reject);
      this.#driver.on('close', () => {
        this.#waiting?.();
        const last = told.trimEnd().split('\n').at(-1) ?? '';
        resolve(last.includes('"status"') ? (JSON.parse(last) as Omit<TerminalEnd, 'shown'>) : { status: null, signal: null });
      });
    });
  }

  /** Waits until `text` is shown, after what the last call waited for. */
  async until(text: string): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const at = this.#shown.indexOf(text, this.#seen);
      if (at !== -1) {
        this.#seen = at + text.length;
        return;
      }
      if (Date.now() > deadline || this.#driver.exitCode !== null) throw new Error(`the terminal never showed ${JSON.stringify(text)} but:\n${this.#shown}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 250);
        this.#waiting = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  type(text: string): void {
    this.#driver.stdin!.write(text);
  }

  /** Sends the program a signal. */
  kill(signal: NodeJS.Signals): void {
    process.kill(this.#pid, signal);
  }

  /** Closes the terminal's window: the program gets SIGHUP. */
  hangUp(): void {
    this.#driver.stdin!.end();
  }

  async end(): Promise<TerminalEnd> {
    const timer = setTimeout(() => this[Symbol.dispose](), PATIENCE_MS);
    const { status, signal } = await this.#ended;
    clearTimeout(timer);
    return { status, signal, shown: this.#shown };
  }

  [Symbol.dispose](): void {
    if (this.#driver.exitCode !== null || this.#driver.signalCode !== null) return;
    try {
      if (this.#pid !== 0) this.kill('SIGKILL');
    } catch {
      // It has ended.
    }
    this.#driver.kill('SIGKILL');
  }
}
