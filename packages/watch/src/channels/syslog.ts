import type { Severity } from '../rule-names.ts';
import type { Channel, Delivery } from './channel.ts';
import { lineOf } from './delivery-text.ts';
import { runProgram } from './program.ts';

const PRIORITIES: Readonly<Record<Severity, string>> = { information: 'info', warning: 'warning', critical: 'crit' };

/** The system's log, which is the journal where systemd runs: through logger(1), one line an alert. */
export class SyslogChannel implements Channel {
  readonly name: string;
  readonly least: Severity;
  readonly #facility: string;
  readonly #environment: Readonly<Record<string, string | undefined>>;

  /** @param facility as syslog.conf(5) names it: `auth`, `daemon`, `local0` */
  constructor(name: string, least: Severity, facility: string, environment: Readonly<Record<string, string | undefined>>) {
    this.name = name;
    this.least = least;
    this.#facility = facility;
    this.#environment = environment;
  }

  async send({ messages }: Delivery): Promise<void> {
    for (const [severity, some] of Map.groupBy(messages, ({ alert }) => alert.severity)) {
      const lines = some.map((message) => `${lineOf(message)} [${message.alert.id}]\n`).join('');
      await runProgram(this.name, ['logger', '--socket-errors=on', '--tag', 'lockfast', '--priority', `${this.#facility}.${PRIORITIES[severity]}`], lines, this.#environment);
    }
  }
}
