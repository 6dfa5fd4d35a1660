/** What waits gets out: with back-off, past channels that fail, and over a SIGKILL at any moment. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { LockfastError } from '@lockfast/core/errors';
import { describe, expect, onTestFinished, test, vi } from 'vitest';

import { newAlert } from '../src/alert.ts';
import type { Channel, Delivery } from '../src/channels/channel.ts';
import { deliver, type DeliveryPlace } from '../src/delivery.ts';
import { type Message, readState, withState } from '../src/watch-state.ts';
import { scratchDirectory } from './scratch.ts';

const NOW = Date.UTC(2026, 2, 2, 10);
const source = { host: 'h', environment: 'production' };

function message(n: number, waiting: readonly string[]): Message {
  const alert = newAlert('failed-decrypts', 'warning', 'happened', { cause: `t${n}`, summary: `alert ${n}`, hint: 'look' }, NOW);
  return { id: `m${n}`, change: 'opened', alert, time: new Date(NOW).toISOString(), waiting };
}

class Recorder implements Channel {
  readonly name: string;
  readonly least = 'information';
  readonly got: Delivery[] = [];
  fails = false;

  constructor(name: string) {
    this.name = name;
  }

  async send(delivery: Delivery): Promise<void> {
    if (this.fails) throw new LockfastError('tool-failed', 'it does not answer', 'wait');
    this.got.push(delivery);
  }
}

function newPlace(): DeliveryPlace & { now: number } {
  const stateDirectory = scratchDirectory();
  const place = { stateDirectory, path: join(stateDirectory, 'watch/state.json'), now: NOW, clock: { now: () => place.now }, source };
  return place;
}

const waits = (place: DeliveryPlace) => readState(place.path, NOW).messages.map(({ id, waiting }) => [id, ...waiting]);

async function put(place: DeliveryPlace, messages: readonly Message[]): Promise<void> {
  await withState(place.stateDirectory, place.path, NOW, async (state) => { state.messages = [...state.messages, ...messages]; });
}

describe('delivery', () => {
  test('a clock that was ahead, and is put back, does not keep what waits until it is there again', async () => {
    const place = newPlace();
    const channel = new Recorder('slow');
    channel.fails = true;
    await put(place, [message(1, ['slow'])]);
    place.now = NOW + 365 * 86_400_000;
    expect((await deliver([channel], place)).size).toBe(1);
    place.now = NOW;
    channel.fails = false;
    expect((await deliver([channel], place)).size).toBe(0);
    expect([channel.got.length, waits(place)]).toEqual([1, []]);
  });

  test('what one channel does not take waits for it alone, and is tried again later and later', async () => {
    const place = newPlace();
    const [good, bad] = [new Recorder('good'), new Recorder('bad')];
    bad.fails = true;
    await put(place, [message(1, ['good', 'bad'])]);
    expect([...(await deliver([good, bad], place)).keys()]).toEqual(['bad']);
    expect(waits(place)).toEqual([['m1', 'bad']]);
    const tries: number[] = [];
    for (let failures = 1; failures <= 12; failures += 1) {
      const { next, failures: counted, since } = readState(place.path, NOW).channels.get('bad')!;
      expect([counted, since]).toEqual([failures, NOW]);
      tries.push((next - place.now) / 1000);
      place.now = next - 1;
      expect((await deliver([good, bad], place)).size, 'not before its time').toBe(0);
      place.now = next;
      await deliver([good, bad], place);
    }
    expect(tries).toEqual([10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600, 3600]);
    bad.fails = false;
    place.now += 3_600_000;
    await deliver([good, bad], place);
    expect([good.got.length, bad.got.length, waits(place)]).toEqual([1, 1, []]);
    expect(readState(place.path, NOW).channels.get('bad')).toMatchObject({ failures: 0, delivered: 1, failed: 13 });
  });

  test('a thousand alerts are twenty deliveries, in order, each with an id of its own', async () => {
    const place = newPlace();
    const mail = new Recorder('mail');
    await put(place, Array.from({ length: 1000 }, (_, n) => message(n, ['mail'])));
    await deliver([mail], place);
    expect(mail.got.map(({ messages }) => messages.length)).toEqual(Array.from({ length: 20 }, () => 50));
    expect(mail.got.flatMap(({ messages }) => messages.map(({ id }) => id))).toEqual(Array.from({ length: 1000 }, (_, n) => `m${n}`));
    expect(new Set(mail.got.map(({ id }) => id)).size).toBe(20);
  });

  test('what comes while it is told is not lost', async () => {
    const place = newPlace();
    const mail = new Recorder('mail');
    const slow: Channel = { name: 'mail', least: 'information', send: async (one) => { if (mail.got.length === 0) await put(place, [message(2, ['mail'])]); await mail.send(one); } };
    await put(place, [message(1, ['mail'])]);
    await deliver([slow], place);
    expect(mail.got.flatMap(({ messages }) => messages.map(({ id }) => id))).toEqual(['m1', 'm2']);
  });

  test('killed with SIGKILL at any moment, nothing is lost, and what comes twice has the same id', { timeout: 60_000 }, async () => {
    const arrived: string[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk)).on('end', () => {
        arrived.push(...(JSON.parse(body) as { alerts: { message: string }[] }).alerts.map((one) => one.message));
        setTimeout(() => response.end(), 15);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => { server.closeAllConnections(); server.close(); });
    const place = newPlace();
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    await put(place, Array.from({ length: 400 }, (_, n) => message(n, ['hook'])));
    const child = fileURLToPath(new URL('fixtures/deliver.ts', import.meta.url));
    let kills = 0;
    for (; waits(place).length > 0 && kills < 30; kills += 1) {
      const run = spawn(process.execPath, ['--conditions=lockfast-source', child, place.stateDirectory, place.path, url], { stdio: ['ignore', 'ignore', 'inherit'] });
      const ended = once(run, 'exit');
      // Killed some time after one to three more deliveries have come: before they are noted, while, and after.
      const before = arrived.length;
      await Promise.race([ended, vi.waitUntil(() => arrived.length >= before + 50 * (1 + (kills % 3)), { timeout: 20_000, interval: 2 }).catch(() => {})]);
      await pause(7 * (kills % 8));
      run.kill('SIGKILL');
      await ended;
    }
    expect(waits(place)).toEqual([]);
    expect(kills).toBeGreaterThan(2);
    expect(new Set(arrived)).toEqual(new Set(Array.from({ length: 400 }, (_, n) => `m${n}`)));
    // Of each kill one delivery at most comes again.
    expect(arrived.length - 400).toBeLessThanOrEqual(kills * 50);
  });
});
