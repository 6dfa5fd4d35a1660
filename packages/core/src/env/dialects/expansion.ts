import type { Dialect } from './dialect.ts';
import { refusal } from './refusal.ts';

/** What all references of one file may add up to, in characters; twenty lines that double each other would exceed any memory. */
const MAX_EXPANDED = 16 * 1024 * 1024;

/** How deep a default may stand in a default. bash and Compose go on until their stack ends. */
export const MAX_NESTING = 100;

/**
 * The variables that the lines of one file have set so far, for the dialects that expand `$X` (python, compose, shell).
 * There is no process environment behind them: what the file has not set is unset.
 */
export class FileVariables {
  readonly #dialect: Dialect;
  readonly #values = new Map<string, string | null>();
  #expanded = 0;

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
  }

  /** In the order of first appearance; setting again keeps the place. */
  get values(): ReadonlyMap<string, string | null> {
    return this.#values;
  }

  set(name: string, value: string | null): void {
    this.#values.set(name, value);
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  delete(name: string): void {
    this.#values.delete(name);
  }

  /** The value that a reference stands for; `undefined` if the file has not set it. A name without a value expands to nothing. */
  reference(name: string): string | undefined {
    const value = this.#values.get(name);
    if (value === undefined) return undefined;
    this.#expanded += value?.length ?? 0;
    if (this.#expanded > MAX_EXPANDED) throw refusal(this.#dialect, 'references that expand to more than 16 MiB');
    return value ?? '';
  }
}
