/** A running application and the file of its key ring, which is replaced under it by good rings and by bad ones. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { chmodSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { generateRootKey, KeyRing } from '@lockfast/core/keyring';
import { KEY_RING_CHANNEL, type KeyRingMessage, keySource, type LiveKeyRing, openLiveKeyRing, type OpenMode } from '@lockfast/keys';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';

import { refusalOf, scratch, surroundings } from './surroundings.ts';

const PRODUCTION: OpenMode = { production: true };

const messages: KeyRingMessage[] = [];
const listen = (message: unknown): void => void messages.push(message as KeyRingMessage);

beforeEach(() => {
  messages.length = 0;
  subscribe(KEY_RING_CHANNEL, listen);
});
afterEach(() => void unsubscribe(KEY_RING_CHANNEL, listen));

/** The machine that an application runs on, and the ring's history, which an operator writes elsewhere. */
class Machine {
  readonly directory = scratch();
  readonly path = join(this.directory, 'keyring.json');
  readonly environment: Record<string, string | undefined> = { ROOT_KEY: generateRootKey() };
  readonly around = surroundings({ directory: this.directory, environment: this.environment });

  newRing(environment = 'production'): Promise<KeyRing> {
    return KeyRing.create(environment, [keySource('env:ROOT_KEY', this.around)]);
  }

  /** As a release brings it: in one step. */
  place(ring: KeyRing | string): void {
    writeFileSync(`${this.path}.new`, typeof ring === 'string' ? ring : ring.print(), { mode: 0o600 });
    renameSync(`${this.path}.new`, this.path);
  }

  async start(mode: OpenMode | undefined = PRODUCTION, everyMs?: number): Promise<LiveKeyRing> {
    const live = await openLiveKeyRing({ path: 'keyring.json', sources: ['env:ROOT_KEY'] }, this.around, mode, everyMs);
    onTestFinished(() => live.close());
    messages.length = 0;
    return live;
  }
}

function rotated(ring: KeyRing): KeyRing {
  const grown = ring.withNewKey();
  return grown.withActive(grown.keys.at(-1)!.id);
}

function compromisedNow(ring: KeyRing): KeyRing {
  return ring.withCompromised(ring.active().id);
}

/** What an application on this ring says when it stays. */
function kept(code: string, ring: KeyRing): unknown {
  return { event: 'kept', code, environment: ring.environment, activeKey: ring.active().id, generation: ring.version.generation };
}

test('[T4] [D7] a newer version is taken, and said; the same one is not, and says nothing', async () => {
  const machine = new Machine();
  const ring = await machine.newRing();
  machine.place(ring);
  const live = await machine.start();
  expect(await live.refresh()).toBe('unchanged');
  const next = rotated(ring);
  machine.place(next);
  expect(live.current().version).toEqual(ring.version);
  expect(await Promise.all([live.refresh(), live.refresh(), live.refresh()])).toEqual(['newer', 'unchanged', 'unchanged']);
  expect(live.current().version).toEqual(next.version);
  expect(await live.refresh()).toBe('unchanged');
  expect(messages).toEqual([{ event: 'replaced', environment: 'production', activeKey: next.active().id, generation: 3 }]);
});

test('a version with another own key is opened by the key source; without the source the ring stays', async () => {
  const machine = new Machine();
  const ring = await machine.newRing();
  machine.place(ring);
  const live = await machine.start();
  const rewrapped = await rotated(ring).rewrappedFor([keySource('env:ROOT_KEY', machine.around)]);
  const root = machine.environment['ROOT_KEY'];
  // What has the same own key needs no source.
  delete machine.environment['ROOT_KEY'];
  machine.place(ring.withNewKey());
  expect(await live.refresh()).toBe('newer');
  const now = live.current();
  machine.place(rewrapped);
  expect(await live.refresh()).toBe('refused');
  expect(messages.slice(1)).toEqual([kept('source-unavailable', now)]);
  machine.environment['ROOT_KEY'] = root;
  expect(await live.refresh()).toBe('newer');
  expect(live.current().version).toEqual(rewrapped.version);
});

test.for<[name: string, code: string, wrong: (machine: Machine, ring: KeyRing, older: KeyRing) => string | Promise<string>]>([
  ['an older one', 'ring-older', (_, _ring, older) => older.print()],
  ['another one of the same generation', 'ring-older', (_, _ring, older) => older.withNewKey().print()],
  ["another environment's", 'wrong-environment', async (machine) => (await machine.newRing('staging')).print()],
  ['another ring of the same environment', 'conflict', async (machine) => rotated(rotated(await machine.newRing())).print()],
  ['garbage', 'ring-malformed', () => 'not a ring'],
  ['nothing', 'ring-malformed', () => ''],
  ['one that is cut short', 'ring-malformed', (_, ring) => rotated(ring).print().slice(0, 400)],
  ['one that was altered', 'ring-tampered', (_, ring) => ring.print().replace('"generation": 2', '"generation": 9')],
  ['one of a later format', 'unsupported-format', (_, ring) => ring.print().replace(/lockfast-keyring\/\d/, 'lockfast-keyring/99')],
  ['one with another active key, which is compromised', 'key-not-usable', (_, ring) => compromisedNow(rotated(ring)).print()],
])('[T4] [T6] in place of the ring: %s. The ring in use stays, which is said once; then a newer one is taken all the same', async ([, code, wrong]) => {
  const machine = new Machine();
  const older = await machine.newRing();
  const ring = older.withNewKey();
  machine.place(ring);
  const live = await machine.start();
  machine.place(await wrong(machine, ring, older));
  expect(live.lookAgain()).toBe(false);
  for (let i = 0; i < 3; i++) expect(await live.refresh()).toBe('refused');
  expect(live.current().version).toEqual(ring.version);
  expect(messages).toEqual([kept(code, ring)]);

  const next = rotated(rotated(ring));
  machine.place(next);
  expect(await live.refresh()).toBe('newer');
  expect(live.current().version).toEqual(next.version);
});

test('[T4] [T6] its own active key is marked as compromised: that ring is taken, and the next one, whose staged key takes over', async () => {
  const machine = new Machine();
  const ring = await machine.newRing();
  machine.place(ring);
  const live = await machine.start();
  const marked = compromisedNow(ring);
  const staged = marked.withNewKey();
  for (const next of [marked, staged, staged.withActive(staged.keys.at(-1)!.id)]) {
    machine.place(next);
    expect(await live.refresh()).toBe('newer');
  }
  // To start on it is another matter.
  machine.place(marked);
  expect((await refusalOf(() => machine.start())).code).toBe('key-not-usable');
});

test('[T4] deleted, or writable by others: said once each, and once more after it was right again', async () => {
  const machine = new Machine();
  const ring = await machine.newRing();
  machine.place(ring);
  const live = await machine.start();
  rmSync(machine.path);
  for (let i = 0; i < 3; i++) expect(await live.refresh()).toBe('refused');
  machine.place(ring);
  chmodSync(machine.path, 0o666);
  for (let i = 0; i < 3; i++) expect(await live.refresh()).toBe('refused');
  chmodSync(machine.path, 0o600);
  expect(await live.refresh()).toBe('unchanged');
  rmSync(machine.path);
  expect(await live.refresh()).toBe('refused');
  expect(messages).toEqual([kept('ring-missing', ring), kept('permission-denied', ring), kept('ring-missing', ring)]);
});

test('a ring that this machine has seen a newer one of is refused, as at the start', async () => {
  const machine = new Machine();
  const ring = await machine.newRing();
  const [next, newest] = [ring.withNewKey(), ring.withNewKey().withNewKey()];
  machine.place(ring);
  let seen = ring.version;
  const live = await openLiveKeyRing({ path: 'keyring.json', sources: ['env:ROOT_KEY'], floor: () => seen }, machine.around, PRODUCTION);
  seen = newest.version;
  machine.place(next);
  expect(await live.refresh()).toBe('refused');
  machine.place(newest);
  expect(await live.refresh()).toBe('newer');
});

test('without the checks of production a ring for development is taken as it is', async () => {
  const machine = new Machine();
  const ring = await machine.newRing('development');
  machine.place(ring);
  const live = await machine.start({ production: false });
  machine.place(ring.withCompromised(ring.active().id));
  chmodSync(machine.path, 0o666);
  expect(await live.refresh()).toBe('newer');
  rmSync(machine.path);
  expect(await live.refresh()).toBe('refused');
  expect(messages.at(-1)).toMatchObject({ event: 'kept', code: 'not-found' });
});

test('[T4] at an interval it looks by itself, until it is closed', async () => {
  const machine = new Machine();
  const ring = await machine.newRing();
  machine.place(ring);
  const live = await machine.start(PRODUCTION, 100);
  const next = rotated(ring);
  machine.place(next);
  await expect.poll(() => live.current().version, { timeout: 10_000 }).toEqual(next.version);
  live.close();
  machine.place(rotated(next));
  await sleep(400);
  expect(await live.refresh()).toBe('unchanged');
  expect(live.lookAgain()).toBe(false);
  expect(live.current().version).toEqual(next.version);
});

test('[T4] for a value under an unknown key it looks at once, and not again within a second', async () => {
  const machine = new Machine();
  const ring = await machine.newRing();
  machine.place(ring);
  const live = await machine.start();
  const next = rotated(ring);
  machine.place(next);
  expect(live.lookAgain()).toBe(true);
  expect(live.current().version).toEqual(next.version);
  const last = rotated(next);
  machine.place(last);
  for (let i = 0; i < 100; i++) expect(live.lookAgain()).toBe(false);
  await sleep(1100);
  expect(live.lookAgain()).toBe(true);
  // Another own key takes its source: the look goes on behind the value that asked.
  const rewrapped = await last.rewrappedFor([keySource('env:ROOT_KEY', machine.around)]);
  machine.place(rewrapped);
  await sleep(1100);
  expect(live.lookAgain()).toBe(false);
  await expect.poll(() => live.current().version, { timeout: 10_000 }).toEqual(rewrapped.version);
});

test.for([0, -1, 99, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 86_400_001])('an interval that is none is refused: %d', async (everyMs) => {
  const machine = new Machine();
  machine.place(await machine.newRing());
  expect(await refusalOf(() => machine.start(PRODUCTION, everyMs))).toMatchObject({ code: 'usage' });
});
