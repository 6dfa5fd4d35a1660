/** One round of the watch: what is new in the ledger, and how the machine is, go through the rules; what is news waits for the channels. */
import { createHash } from 'node:crypto';

import { LockfastError } from '@lockfast/core/errors';
import { type LedgerStore, pagesOf, parseEntry } from '@lockfast/ledger';

import { type Alert, isWorse } from './alert.ts';
import { AlertBook, type AlertNews } from './alert-book.ts';
import { eventOf, type LedgerEvent } from './ledger-event.ts';
import { count } from './metrics/counters.ts';
import type { Policy, RuleSurroundings, Sighting } from './rule.ts';
import { forgetBefore } from './rule-memory.ts';
import type { Severity } from './rule-names.ts';
import type { ActiveRule } from './rule-settings.ts';
import type { Seen, Situation } from './situation.ts';
import type { Message, WatchState } from './watch-state.ts';

/** What happened longer before the watch began is history: it is counted and remembered, and not told. */
const HISTORY_MS = 86_400_000;

/** Whom something may be told, and from which severity on. */
export interface ChannelInterest {
  readonly name: string;
  readonly least: Severity;
}

export interface Round {
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
  readonly policy: Policy;
  readonly rules: readonly ActiveRule[];
  /** How long something that happened stays open when nobody acknowledges it, in milliseconds. */
  readonly keepMs: number;
  readonly channels: readonly ChannelInterest[];
  readonly seen: Seen;
  /** Undefined where none is configured; a code where it can't be had. */
  readonly ledger: LedgerStore | { readonly code: string } | undefined;
}

/** @returns how the machine was, for the metrics. @throws nothing for a ledger that can't be read: that is an alert */
export async function goRound(state: WatchState, round: Round): Promise<Situation> {
  const { now, seen, rules } = round;
  const book = new AlertBook(state.alerts);
  const ledger = await readLedger(state, round, book);
  const situation: Situation = { ...seen, now, ledger, waiting: state.waiting, channels: deadChannels(state) };
  for (const active of rules) {
    const around = aroundOf(active, state, round.policy);
    if (active.rule.look !== undefined) book.stands(active, active.rule.look(situation, around), now);
    const { rememberMs = (windowMs: number) => windowMs } = active.rule;
    const remembered = rememberMs(active.windowMs);
    if (Number.isFinite(remembered)) forgetBefore(around.memory, now - remembered);
  }
  book.tidy(rules, now, round.keepMs);
  state.alerts = book.alerts;
  state.messages = [...withoutStrangers(state.messages, round.channels), ...book.news.flatMap((news) => messageOf(news, round))];
  return situation;
}

function aroundOf({ name, threshold, windowMs }: ActiveRule, { memories }: WatchState, policy: Policy): RuleSurroundings {
  let memory = memories.get(name);
  if (memory === undefined) memories.set(name, (memory = new Map()));
  return { threshold, windowMs, memory, policy };
}

async function readLedger(state: WatchState, { ledger, now, rules, policy }: Round, book: AlertBook): Promise<Situation['ledger']> {
  if (ledger === undefined || 'code' in ledger) return ledger;
  try {
    const { size } = await ledger.head();
    const cut = await whatWasCut(state, ledger, size);
    const cutRule = rules.find(({ name }) => name === 'ledger-cut');
    if (cut !== undefined) {
      if (cutRule !== undefined) book.happened(cutRule, cut, now);
      // What comes from here on is watched all the same.
      await goOnAt(state, ledger, size);
    }
    state.ledger = ledger.logId;
    const takers = rules.filter(({ rule }) => rule.take !== undefined).map((active) => ({ active, around: aroundOf(active, state, policy) }));
    for await (const page of pagesOf(ledger, state.seq + 1)) {
      for (const { seq, entry, chain } of page) {
        if (seq !== state.seq + 1) throw new LockfastError('ledger-tampered', `entry ${state.seq + 1} of the ledger is not there`, 'run `lockfast ledger verify`');
        const event = eventOf(seq, parseEntry(entry), state.waiting);
        state.seq = seq;
        state.chain = chain.toString('base64');
        if (event === undefined) continue;
        count(state.counters, event);
        for (const { active, around } of takers) tell(book, active, active.rule.take!(event, around), event, state.begun);
      }
    }
    return { size: Math.max(size, state.seq) };
  } catch (error) {
    if (error instanceof LockfastError) return { code: error.code };
    if (error instanceof SyntaxError) return { code: 'ledger-tampered' };
    throw error;
  }
}

function tell(book: AlertBook, active: ActiveRule, sightings: readonly Sighting[], { time }: LedgerEvent, begun: number): void {
  if (time < begun - HISTORY_MS) return;
  for (const sighting of sightings) book.happened(active, sighting, time);
}

/** The entry that was read last must still be there, with the same before it. */
async function whatWasCut({ ledger, seq, chain }: WatchState, store: LedgerStore, size: number): Promise<Sighting | undefined> {
  if (seq === 0) return undefined;
  const hint = 'run lockfast ledger verify, and see docs/guides/ledger.md';
  if (ledger !== store.logId) return { cause: store.logId, summary: `another ledger stands in the place of the one that had ${seq} entries`, hint };
  if (size < seq) return { cause: `${seq}`, summary: `the ledger has ${size} entries, and had ${seq}`, hint };
  const [last] = await store.read(seq, seq);
  return last?.chain.toString('base64') === chain ? undefined : { cause: `${seq}`, summary: `the first ${seq} entries of the ledger are not those that were read`, hint };
}

async function goOnAt(state: WatchState, store: LedgerStore, size: number): Promise<void> {
  state.waiting.clear();
  // Another ledger is read from its beginning.
  const at = state.ledger === store.logId ? size : 0;
  const [last] = at === 0 ? [] : await store.read(at, at);
  state.seq = at;
  state.chain = last?.chain.toString('base64') ?? '';
}

function deadChannels({ channels }: WatchState): Situation['channels'] {
  return [...channels].filter(([, { failures }]) => failures > 0).map(([name, { failures, since }]) => ({ name, failures, since }));
}

/** That a channel is dead is told on the others. */
function messageOf({ change, alert }: AlertNews, { now, channels }: Round): Message[] {
  const waiting = channels.filter(({ name, least }) => !isWorse(least, alert.severity) && !(alert.rule === 'channel-dead' && alert.cause === name)).map(({ name }) => name);
  if (waiting.length === 0) return [];
  const time = new Date(now).toISOString();
  return [{ id: messageId(change, alert), change, alert, time, waiting }];
}

function messageId(change: string, { id, last, state, severity }: Alert): string {
  return createHash('sha256').update(JSON.stringify([change, id, last, state, severity])).digest('hex').slice(0, 32);
}

/** For a channel that is not configured any more nothing waits. */
function withoutStrangers(messages: readonly Message[], channels: readonly ChannelInterest[]): Message[] {
  const names = new Set(channels.map(({ name }) => name));
  return messages.flatMap((message) => {
    const waiting = message.waiting.filter((name) => names.has(name));
    return waiting.length === 0 ? [] : [waiting.length === message.waiting.length ? message : { ...message, waiting }];
  });
}
