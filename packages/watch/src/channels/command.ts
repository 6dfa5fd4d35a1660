import type { Severity } from '../rule-names.ts';
import { type Channel, type Delivery, PATIENCE_MS } from './channel.ts';
import { deliveryJson } from './delivery-text.ts';
import { runProgram } from './program.ts';

/** A program of one's own: its arguments as they are configured, the delivery as JSON on its standard input. */
export class CommandChannel implements Channel {
  readonly name: string;
  readonly least: Severity;
  readonly #command: readonly string[];
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #patienceMs: number;

  constructor(name: string, least: Severity, command: readonly string[], environment: Readonly<Record<string, string | undefined>>, patienceMs: number = PATIENCE_MS) {
    this.name = name;
    this.least = least;
    this.#command = command;
    this.#environment = environment;
    this.#patienceMs = patienceMs;
  }

  async send(delivery: Delivery): Promise<void> {
    await runProgram(this.name, this.#command, `${deliveryJson(delivery)}\n`, this.#environment, this.#patienceMs);
  }
}
