import type { AuditEvent, AuditOutcome, AuditSink, IntentId } from '@lockfast/core/ports';

/** Adds to every event of a job what only the command knows: why, and in which environment. */
export class ReasonedSink implements AuditSink {
  readonly #sink: AuditSink;
  readonly #facts: Pick<AuditEvent, 'reason' | 'environment'>;

  constructor(sink: AuditSink, facts: Pick<AuditEvent, 'reason' | 'environment'>) {
    this.#sink = sink;
    this.#facts = facts;
  }

  intend(events: readonly AuditEvent[]): Promise<readonly IntentId[]> {
    return this.#sink.intend(events.map((event) => ({ ...event, ...this.#facts })));
  }

  conclude(outcomes: readonly (AuditOutcome & { readonly intent: IntentId })[]): Promise<void> {
    return this.#sink.conclude(outcomes);
  }

  record(event: AuditEvent & AuditOutcome): Promise<void> {
    return this.#sink.record({ ...event, ...this.#facts });
  }
}
