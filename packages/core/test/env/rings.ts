/** Key rings for tests: real ones under a root key of this run, and ones that only whoever holds the root key could make. */
import { createHash, createHmac, randomBytes } from 'node:crypto';

import { generateRootKey, KeyRing, parseRootKey, Secret, unwrapKey, wrapKey } from '@lockfast/core/keyring';
import type { KeySource } from '@lockfast/core';

import { expanded, lp } from './second-writer.ts';

/** As a `file:` source: the root key is at hand, and wraps here. */
export function rootKeySource(rootKey: string): KeySource {
  return {
    uri: 'file:test.key',
    wrap: async (key, binding) => wrapKey(parseRootKey(rootKey), 'lockfast/ring-wrap', key, binding),
    unwrap: async (wrapped, binding) => unwrapKey(parseRootKey(rootKey), 'lockfast/ring-wrap', wrapped, binding),
  };
}

export const rootKey: string = generateRootKey();
const source = rootKeySource(rootKey);

export function newRing(environment = 'production'): Promise<KeyRing> {
  return KeyRing.create(environment, [source]);
}

/** A ring as its file has it, to be changed. */
export interface RingJson {
  ring: string;
  environment: string;
  generation: number;
  sources: { wrapped: string }[];
  keys: { id: string; state: string; activated: string | null; fingerprint: string; wrapped: string }[];
  mac?: string;
}

/** The ring after a change to its text, with its MAC made anew. */
export async function edited(ring: KeyRing, edit: (document: RingJson, ringKey: Secret) => void): Promise<KeyRing> {
  const document = JSON.parse(ring.print()) as RingJson;
  const ringKey = await source.unwrap(document.sources[0]!.wrapped, lp('lockfast/ring', document.ring, document.environment));
  edit(document, ringKey);
  delete document.mac;
  const mac = ringKey.use((key) =>
    createHmac('sha256', expanded(createHmac('sha256', Buffer.alloc(32)).update(key).digest(), lp('lockfast/ring-mac'), 32))
      .update(canonical(document))
      .digest('base64url'),
  );
  return KeyRing.open(JSON.stringify({ ...document, mac }), 'the ring', [source]);
}

/** The next generation of the ring, with a new key that is active; the old one decrypts. */
export function rotated(ring: KeyRing): Promise<KeyRing> {
  return edited(ring.withNewKey(), ({ keys }) => {
    for (const key of keys) if (key.state === 'active') key.state = 'draining';
    Object.assign(keys.at(-1)!, { state: 'active', activated: '2026-01-01T00:00:00.000Z' });
  });
}

/** With all keys but the active one in this state. */
export function withOldKeys(ring: KeyRing, state: 'retired' | 'destroyed'): Promise<KeyRing> {
  return edited(ring, (document) => {
    for (const key of document.keys) if (key.state !== 'active') key.state = state;
  });
}

/** Another ring of the environment, whose only key is another key under the same id. By chance that happens once in 871 million. */
export async function impostor(ring: KeyRing): Promise<KeyRing> {
  const { id } = ring.active();
  return edited(await newRing(ring.environment), (document, ringKey) => {
    const key = randomBytes(32);
    const fingerprint = `sha256:${createHash('sha256').update('lockfast-fp').update(key).digest('hex')}`;
    const wrapped = wrapKey(ringKey, 'lockfast/key-wrap', new Secret(key), lp(document.ring, document.environment, id));
    document.keys = [{ ...document.keys[0]!, id, fingerprint, wrapped }];
  });
}

/** RFC 8785 for what a ring holds. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join()}}`;
}
