/** What the watch knows from one round to the next, in one file that is replaced whole: where it is in the ledger, what is open, and what was not delivered yet. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { ensureDirectory, readRegularFile, withFileLock, writeDurably } from '@lockfast/core/files';

import type { Alert, AlertChange } from './alert.ts';
import type { WaitingIntent } from './ledger-event.ts';
import type { RuleMemory } from './rule-memory.ts';
import type { RuleName } from './rule-names.ts';

const FORMAT = 'lockfast-watch/1';
/** A thousand tenants take some two megabytes. */
const MOST_BYTES = 512 * 2 ** 20;

/** What is to be told, and to whom it was not yet. */
export interface Message {
  /** Stays over every try: who gets it twice knows it. */
  readonly id: string;
  readonly change: AlertChange;
  readonly alert: Alert;
  /** ISO 8601. */
  readonly time: string;
  /** Names of channels. */
  readonly waiting: readonly string[];
}

/** How it goes with one channel. */
export interface ChannelState {
  /** One after the other, the last one now. */
  readonly failures: number;
  /** Milliseconds since the Unix epoch: of the first of these failures, and before which it is not tried again. */
  readonly since: number;
  readonly next: number;
  /** Why it failed last. */
  readonly code: string | null;
  /** Deliveries since the watch began. */
  readonly delivered: number;
  readonly failed: number;
}

export interface WatchState {
  /** Id of the ledger that the place below is of. */
  ledger: string | null;
  /** The last entry that was read, and its chain hash in base64; 0 and empty before the first. */
  seq: number;
  chain: string;
  /** When the watch began. Milliseconds since the Unix epoch; what happened long before is history. */
  begun: number;
  readonly waiting: Map<number, WaitingIntent>;
  readonly memories: Map<RuleName, RuleMemory>;
  alerts: readonly Alert[];
  messages: readonly Message[];
  readonly channels: Map<string, ChannelState>;
  /** By what `metrics/counters.ts` calls them. */
  readonly counters: Map<string, number>;
}

export function newState(now: number): WatchState {
  return { ledger: null, seq: 0, chain: '', begun: now, waiting: new Map(), memories: new Map(), alerts: [], messages: [], channels: new Map(), counters: new Map() };
}

/** Where the state of a configuration is kept. @param configuration its absolute path */
export function stateFile(stateDirectory: string, configuration: string): string {
  return join(stateDirectory, 'watch', `${createHash('sha256').update(configuration).digest('hex').slice(0, 16)}.json`);
}

/** One process at a time; what `action` makes of the state is durable when this resolves. @throws LockfastError `malformed`, and as `withFileLock`, `writeDurably` */
export async function withState<T>(stateDirectory: string, path: string, now: number, action: (state: WatchState) => Promise<T>): Promise<T> {
  ensureDirectory(join(stateDirectory, 'watch'));
  return await withFileLock(stateDirectory, path, async () => {
    const { text, state } = readWithText(path, now);
    const result = await action(state);
    const after = printState(state);
    if (after !== text) writeDurably({ path, bytes: Buffer.from(after), mode: 0o600, expected: 'anything' });
    return result;
  });
}

/** As it is on the disk; a new one where there is none. @throws LockfastError `malformed`, and as `readRegularFile` */
export function readState(path: string, now: number): WatchState {
  return readWithText(path, now).state;
}

function readWithText(path: string, now: number): { readonly text: string; readonly state: WatchState } {
  let text: string;
  try {
    text = readRegularFile(path, 'refuse', MOST_BYTES).bytes.toString('utf8');
  } catch (error) {
    if (error instanceof LockfastError && error.code === 'not-found') return { text: '', state: newState(now) };
    throw error;
  }
  return { text, state: parseState(text, path) };
}

function printState({ waiting, memories, channels, counters, ...rest }: WatchState): string {
  return JSON.stringify({ format: FORMAT, ...rest, waiting: [...waiting], memories: [...memories].map(([rule, memory]) => [rule, [...memory]]), channels: [...channels], counters: [...counters] });
}

/** Only this program writes it, and whole: its shape is looked at just so far that another file is no state. */
function parseState(text: string, path: string): WatchState {
  try {
    const { format, waiting, memories, channels, counters, ...rest } = JSON.parse(text) as Record<string, unknown>;
    if (format !== FORMAT) throw new SyntaxError('another format');
    const { ledger, seq, chain, begun, alerts, messages } = rest as unknown as WatchState;
    if (!Number.isSafeInteger(seq) || !Array.isArray(alerts) || !Array.isArray(messages)) throw new SyntaxError('members are missing');
    return {
      ledger,
      seq,
      chain,
      begun,
      alerts,
      messages,
      waiting: new Map(waiting as Iterable<[number, WaitingIntent]>),
      memories: new Map([...(memories as Iterable<[RuleName, Iterable<[string, number[]]>]>)].map(([rule, memory]) => [rule, new Map(memory)])),
      channels: new Map(channels as Iterable<[string, ChannelState]>),
      counters: new Map(counters as Iterable<[string, number]>),
    };
  } catch (error) {
    throw new LockfastError('malformed', `${path} is no state of the watch`, 'move it away: the watch begins anew, and reads the whole ledger', error);
  }
}
