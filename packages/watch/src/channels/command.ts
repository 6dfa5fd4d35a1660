import type { Severity } from '../rule-names.ts';
import type { Channel, Delivery } from './channel.ts';
import { deliveryJson } from './delivery-text.ts';
import { runProgram } from './program.ts';

/** A program of one's own: its arguments as they are configured, the delivery as JSON on its standard input. */
export class CommandChannel implements Channel {
  readonly name: string;
  readonly least: Severity;
  readonly #command: readonly string[];
  readonly #environment: Readonly<Record<string, string | undefined>>;

  constructor(name: string, least: Severity, command: readonly string[], environment: Readonly<Record<string, string | undefined>>) {
    this.name = name;
    this.least = least;
    this.#command = command;
    this.#environment = environment;
  }

  async send(delivery: Delivery): Promise<void> {
    await runProgram(this.name, this.#command, `${deliveryJson(delivery)}\n`, this.#environment);
  }
}
