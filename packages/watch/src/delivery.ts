/** Brings out what waits: each channel for itself, with back-off, and taken off the list only when it has arrived. */
import { createHash } from 'node:crypto';

import { LockfastError } from '@lockfast/core/errors';
import type { Clock } from '@lockfast/core/ports';

import type { Channel, Delivery } from './channels/channel.ts';
import { type ChannelState, type Message, readState, withState } from './watch-state.ts';

/** One delivery tells of so many at most. */
const MOST_MESSAGES = 50;
const FIRST_RETRY_MS = 10_000;
const LAST_RETRY_MS = 3_600_000;

export interface DeliveryPlace {
  readonly stateDirectory: string;
  readonly path: string;
  readonly clock: Clock;
  /** Where it comes from: a host, an environment. */
  readonly source: Delivery['source'];
}

const UNTRIED: ChannelState = { failures: 0, since: 0, next: 0, code: null, delivered: 0, failed: 0 };

/**
 * Tries every channel for which something waits and whose time has come, all at once, until nothing waits or it fails.
 * What arrived and could not be noted, since the process was killed, arrives again with the same id.
 *
 * @returns what failed, by channel
 */
export async function deliver(channels: readonly Channel[], place: DeliveryPlace): Promise<ReadonlyMap<string, LockfastError>> {
  const failures = await Promise.all(channels.map(async (channel): Promise<[string, LockfastError] | undefined> => {
    const failure = await deliverTo(channel, place);
    return failure === undefined ? undefined : [channel.name, failure];
  }));
  return new Map(failures.filter((one) => one !== undefined));
}

async function deliverTo(channel: Channel, place: DeliveryPlace): Promise<LockfastError | undefined> {
  for (;;) {
    const { channels, messages } = readState(place.path, place.clock.now());
    const { next } = channels.get(channel.name) ?? UNTRIED;
    const batch = messages.filter(({ waiting }) => waiting.includes(channel.name)).slice(0, MOST_MESSAGES);
    if (batch.length === 0 || isTooEarly(next, place.clock.now())) return undefined;
    const failure = await tried(channel, { id: deliveryId(channel.name, batch), source: place.source, time: new Date(place.clock.now()).toISOString(), messages: batch });
    await note(channel.name, batch, failure, place);
    if (failure !== undefined) return failure;
  }
}

/** Further off than any pause is, it was set while the clock was wrong: nothing may wait until that time comes. */
function isTooEarly(next: number, now: number): boolean {
  return next > now && next - now <= LAST_RETRY_MS;
}

async function tried(channel: Channel, delivery: Delivery): Promise<LockfastError | undefined> {
  try {
    await channel.send(delivery);
    return undefined;
  } catch (error) {
    if (error instanceof LockfastError) return error;
    throw error;
  }
}

async function note(name: string, batch: readonly Message[], failure: LockfastError | undefined, { stateDirectory, path, clock }: DeliveryPlace): Promise<void> {
  const now = clock.now();
  const done = new Set(batch.map(({ id }) => id));
  await withState(stateDirectory, path, now, async (state) => {
    const before = state.channels.get(name) ?? UNTRIED;
    if (failure === undefined) {
      state.channels.set(name, { ...before, failures: 0, since: 0, next: 0, code: null, delivered: before.delivered + 1 });
      state.messages = state.messages.flatMap((message) => {
        if (!done.has(message.id)) return [message];
        const waiting = message.waiting.filter((one) => one !== name);
        return waiting.length === 0 ? [] : [{ ...message, waiting }];
      });
    } else {
      const failures = before.failures + 1;
      const next = now + Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 20));
      state.channels.set(name, { ...before, failures, since: before.failures === 0 ? now : before.since, next, code: failure.code, failed: before.failed + 1 });
    }
  });
}

/** The same batch has the same id at every try. */
function deliveryId(channel: string, batch: readonly Message[]): string {
  return createHash('sha256').update(JSON.stringify([channel, ...batch.map(({ id }) => id)])).digest('hex').slice(0, 32);
}
