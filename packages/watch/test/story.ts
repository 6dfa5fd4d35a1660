/** A ledger that the library writes, with the time and the people of a story, and the watch that reads it. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import type { AuditEvent, AuditOutcome, IntentId } from '@lockfast/core/ports';
import { createSqliteLedger, Ledger, type LedgerStore } from '@lockfast/ledger';
import { onTestFinished } from 'vitest';

import type { Alert } from '../src/alert.ts';
import type { Policy } from '../src/rule.ts';
import type { RuleName, RuleOverride } from '../src/rule-names.ts';
import { activeRules } from '../src/rule-settings.ts';
import { NOTHING_SEEN, type Seen, type Situation } from '../src/situation.ts';
import { type ChannelInterest, goRound } from '../src/watch-round.ts';
import { newState, type WatchState } from '../src/watch-state.ts';
import { scratchDirectory } from './scratch.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const POLICY: Policy = { environment: 'production', isProduction: true, isMaintenance: () => undefined, expects: () => undefined };

export interface Deed extends Partial<AuditEvent>, Partial<AuditOutcome> {
  readonly operation: string;
  /** Milliseconds from its intent to its end; without it, it is recorded at once. */
  readonly takes?: number;
}

export class Story {
  readonly store: LedgerStore;
  readonly state: WatchState;
  /** Milliseconds since the Unix epoch; the first is a Monday, ten in the morning. */
  now = Date.UTC(2026, 2, 2, 10);
  readonly #directory: string;
  readonly #ledgers = new Map<string, Ledger>();

  private constructor(store: LedgerStore, directory: string) {
    this.store = store;
    this.#directory = directory;
    this.state = newState(this.now);
  }

  static async begin(): Promise<Story> {
    const directory = scratchDirectory();
    mkdirSync(join(directory, 'state'));
    const store = await createSqliteLedger(join(directory, 'ledger.db'));
    onTestFinished(() => store.close());
    return new Story(store, directory);
  }

  passes(ms: number): this {
    this.now += ms;
    return this;
  }

  async ledgerOf(user: string, program: string): Promise<Ledger> {
    const key = `${user} ${program}`;
    let ledger = this.#ledgers.get(key);
    if (ledger === undefined) {
      ledger = await Ledger.open(this.store, { actor: { user, uid: 1000, host: 'h', pid: 7, program }, clock: { now: () => this.now }, stateDirectory: join(this.#directory, 'state') });
      this.#ledgers.set(key, ledger);
    }
    return ledger;
  }

  /** Somebody does something, at the time that it is. */
  async does(user: string, program: string, { takes, outcome = 'success', code, ...event }: Deed): Promise<void> {
    const ledger = await this.ledgerOf(user, program);
    const full: AuditEvent = { object: event.tenant === undefined ? '/srv/.env.encrypted' : `/srv/${event.tenant}/.env.encrypted`, environment: 'production', ...event };
    const ended = { outcome, ...(code === undefined ? {} : { code }) };
    if (takes === undefined) return ledger.record({ ...full, ...ended });
    const [intent] = (await ledger.intend([full])) as [IntentId];
    this.now += takes;
    await ledger.conclude([{ intent, ...ended }]);
  }

  /** The same again and again, with so much time between. */
  async repeats(times: number, everyMs: number, user: string, program: string, deed: Deed): Promise<void> {
    for (let i = 0; i < times; i += 1) {
      if (i > 0) this.passes(everyMs);
      await this.does(user, program, deed);
    }
  }

  async announces(user: string, program: string, event: AuditEvent): Promise<void> {
    await (await this.ledgerOf(user, program)).intend([event]);
  }

  /** One round of the watch, now. */
  async watched(around: { readonly seen?: Partial<Seen>; readonly policy?: Partial<Policy>; readonly rules?: Readonly<Partial<Record<RuleName, RuleOverride>>>; readonly channels?: readonly ChannelInterest[]; readonly ledger?: LedgerStore | { readonly code: string } } = {}): Promise<Situation> {
    const { seen = {}, policy = {}, rules = {}, channels = [], ledger = this.store } = around;
    return goRound(this.state, { now: this.now, policy: { ...POLICY, ...policy }, rules: activeRules(rules), keepMs: 7 * DAY, channels, seen: { ...NOTHING_SEEN, ...seen }, ledger });
  }

  alertsOf(rule: RuleName): readonly Alert[] {
    return this.state.alerts.filter((alert) => alert.rule === rule);
  }
}
