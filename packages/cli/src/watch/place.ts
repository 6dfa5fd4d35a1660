/** What the watch of one configuration works with. Read anew when the configuration is. */
import { hostname } from 'node:os';

import { LockfastError } from '@lockfast/core/errors';
import { durationMs, shortDurationMs } from '@lockfast/core/formats';
import { systemClock } from '@lockfast/core/ports';
import { Ledger, type LedgerStore } from '@lockfast/ledger';
import { type ActiveRule, activeRules, type Channel, deliver, goRound, type Policy, prometheusText, type SeenWitness, stateFile, type WatchState, withState } from '@lockfast/watch';

import { currentActor } from '../actor.ts';
import type { Arguments } from '../arguments.ts';
import { openStore } from '../ledger/store.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';
import { configuredChannels } from './channels.ts';
import { policyOf } from './policy.ts';
import { hearWitnesses, lookAround } from './seen.ts';

/** Witnesses may be far: they are not asked at every look. */
const ASK_WITNESSES_EVERY_MS = 600_000;

export class WatchPlace {
  readonly workspace: Workspace;
  readonly path: string;
  readonly everyMs: number;
  readonly channels: readonly Channel[];
  readonly #session: Session;
  readonly #rules: readonly ActiveRule[];
  readonly #policy: Policy;
  readonly #keepMs: number;
  #witnesses: readonly SeenWitness[] = [];
  #asked = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;

  /** @throws LockfastError as `Workspace`, `configuredChannels` and `activeRules` */
  constructor(args: Arguments, session: Session) {
    this.workspace = new Workspace(args, session);
    const { configuration, stateDirectory, surroundings } = this.workspace;
    this.#session = session;
    this.path = stateFile(stateDirectory, configuration.file);
    // They are some: the configuration was checked.
    this.everyMs = shortDurationMs(configuration.alerts.every ?? '30s')!;
    this.#keepMs = durationMs(configuration.alerts.keep ?? '7d')!;
    this.channels = configuredChannels(configuration, surroundings);
    this.#rules = activeRules(configuration.alerts.rules ?? {});
    this.#policy = policyOf(configuration);
  }

  /**
   * Looks, and writes down what is to be told.
   *
   * @param witnesses whether their answer is waited for
   * @returns the state, and the metrics
   * @throws LockfastError `malformed` for the state, and as `withState`
   */
  async look(witnesses: 'awaited' | 'as they were'): Promise<{ readonly state: WatchState; readonly metrics: string }> {
    const now = systemClock.now();
    const ledger = await this.#openLedger();
    try {
      const refusal = ledger === undefined || 'code' in ledger ? undefined : await this.#refusalOf(ledger);
      if (ledger !== undefined && !('code' in ledger)) await this.#ask(ledger, witnesses, now);
      const seen = await lookAround(this.workspace, this.#session, now, refusal, this.#witnesses);
      return await withState(this.workspace.stateDirectory, this.path, now, async (state) => {
        const situation = await goRound(state, { now, policy: this.#policy, rules: this.#rules, keepMs: this.#keepMs, channels: this.channels, seen, ledger });
        return { state, metrics: prometheusText(state, situation) };
      });
    } finally {
      if (witnesses === 'awaited') await this.#asking;
      if (ledger !== undefined && !('code' in ledger)) {
        // They read from it until they have answered.
        if (this.#asking === undefined) await ledger.close();
        else void closeAfter(this.#asking, ledger);
      }
    }
  }

  /** Tells what waits and is due. @returns what failed, by channel. @throws LockfastError as `deliver` */
  async tell(): Promise<ReadonlyMap<string, LockfastError>> {
    const { configuration, stateDirectory } = this.workspace;
    return deliver(this.channels, { stateDirectory, path: this.path, clock: systemClock, source: { host: hostname(), environment: configuration.environment } });
  }

  async #openLedger(): Promise<LedgerStore | { readonly code: string } | undefined> {
    if (this.workspace.configuration.ledger === undefined) return undefined;
    try {
      return await openStore(this.workspace);
    } catch (error) {
      if (!(error instanceof LockfastError)) throw error;
      return { code: error.code };
    }
  }

  async #refusalOf(store: LedgerStore): Promise<string | undefined> {
    try {
      return (await Ledger.open(store, { actor: currentActor(this.#session), stateDirectory: this.workspace.stateDirectory })).rewound?.code;
    } catch (error) {
      if (!(error instanceof LockfastError)) throw error;
      return error.code;
    }
  }

  async #ask(store: LedgerStore, witnesses: 'awaited' | 'as they were', now: number): Promise<void> {
    if (this.#asking === undefined && now - this.#asked >= ASK_WITNESSES_EVERY_MS) {
      this.#asked = now;
      this.#asking = hearWitnesses(this.workspace, this.#session, store)
        .then((heard) => void (this.#witnesses = heard))
        .catch((error: unknown) => this.#session.terminal.warn(`the witnesses were not asked: ${error instanceof LockfastError ? error.message : 'a defect'}`))
        .finally(() => (this.#asking = undefined));
    }
    if (witnesses === 'awaited') await this.#asking;
  }
}

async function closeAfter(asking: Promise<void>, ledger: LedgerStore): Promise<void> {
  await asking;
  await ledger.close().catch(() => {});
}
