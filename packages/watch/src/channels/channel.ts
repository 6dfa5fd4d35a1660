/** A way out: how alerts reach people. */
import type { Severity } from '../rule-names.ts';
import type { Message } from '../watch-state.ts';

export interface Delivery {
  /** The same at every try. */
  readonly id: string;
  /** ISO 8601. */
  readonly time: string;
  readonly source: { readonly host: string; readonly environment: string };
  /** In the order in which they came about; never empty. */
  readonly messages: readonly Message[];
}

export interface Channel {
  readonly name: string;
  /** What is less is not told here. */
  readonly least: Severity;
  /** Resolves when whoever gets it has it. @throws LockfastError `tool-failed`, `tool-missing`; it ends within half a minute either way */
  send(delivery: Delivery): Promise<void>;
}

/** A channel that does not answer holds up nobody but itself, and not for long. */
export const PATIENCE_MS = 10_000;
