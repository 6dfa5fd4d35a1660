/** What one runtime reads from the bytes of an env file. */
export interface EnvReading {
  /** In the order of first appearance. `null`: named without a value (python, docker and compose know that). */
  readonly variables: ReadonlyMap<string, string | null>;
  /** Lines that the runtime would skip, refuse or execute, by number from 1. Never the content of a line. */
  readonly problems: readonly EnvProblem[];
}

export interface EnvProblem {
  readonly line: number;
  /** What is wrong, as a clause without any content of the file, for example `an unterminated quote`. */
  readonly reason: string;
}

/**
 * Reads the bytes of an env file as one runtime does. Nothing is executed.
 *
 * @throws LockfastError `unreadable-env` when that runtime refuses the whole file
 */
export type EnvReader = (bytes: Uint8Array) => EnvReading;

export const DIALECT_NAMES = ['node', 'dotenv', 'python', 'docker', 'systemd', 'compose', 'shell'] as const;
export type Dialect = (typeof DIALECT_NAMES)[number];

/** Who may read an env file: the dialects, and `k8s`, a Secret or ConfigMap that `kubectl create --from-env-file` makes of it. */
export const TARGET_NAMES = [...DIALECT_NAMES, 'k8s'] as const;
export type Target = (typeof TARGET_NAMES)[number];
