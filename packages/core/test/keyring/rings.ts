/** Key rings and key sources for tests, and rings altered by somebody who has the key to authenticate them. */
import { createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto';

import type { KeySource } from '@lockfast/core/ports';
import { type KeyRing, Secret, unwrapKey, wrapKey } from '@lockfast/core/keyring';

/** A source whose root key is held here. A secret is given so that two sources can share one. */
export function held(uri = 'file:root.key', bytes: Buffer = randomBytes(32)): KeySource {
  const rootKey = (): Secret => new Secret(Buffer.from(bytes));
  return {
    uri,
    wrap: async (key, binding) => wrapKey(rootKey(), 'lockfast/ring-wrap', key, binding),
    unwrap: async (wrapped, binding) => unwrapKey(rootKey(), 'lockfast/ring-wrap', wrapped, binding),
  };
}

interface KeyMembers {
  id: string;
  state: string;
  created: string;
  activated: string | null;
  drained?: string | null;
  retired?: string | null;
  destroyed?: string | null;
  compromised?: string | null;
  fingerprint: string;
  wrapped: string;
}

interface IndexMembers {
  id: string;
  index: string;
  state: string;
  created: string;
  activated: string | null;
  replaced: string | null;
  destroyed: string | null;
  fingerprint: string;
  wrapped: string;
}

export interface RingMembers {
  format: string;
  ring: string;
  environment: string;
  generation: number;
  backup: string | null;
  departure?: string | null;
  ledger?: { log: string; epoch: number; wrapped: string } | null;
  sources: { source: string; added: string; wrapped: string }[];
  keys: KeyMembers[];
  tenants?: string[];
  indexes?: IndexMembers[];
  mac: string;
}

export function membersOf(ring: KeyRing | string): RingMembers {
  return JSON.parse(typeof ring === 'string' ? ring : ring.print()) as RingMembers;
}

/** u32be n, then each text with its length, as `design.md` writes it: not by the code that is tested. */
export function lp(...texts: string[]): Buffer {
  const u32 = (n: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(n);
    return bytes;
  };
  return Buffer.concat([u32(texts.length), ...texts.flatMap((text) => [u32(Buffer.byteLength(text)), Buffer.from(text)])]);
}

/** The ring's own key, by way of one of its sources. */
export async function ringKeyOf(ring: KeyRing | string, source: KeySource): Promise<Secret> {
  const { ring: id, environment, sources } = membersOf(ring);
  return source.unwrap(sources[0]!.wrapped, lp('lockfast/ring', id, environment));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, one]) => [name, sorted(one)]));
}

export function macOf(members: RingMembers, ringKey: Secret): string {
  const { mac: _, ...document } = members;
  const key = ringKey.use((bytes) => Buffer.from(hkdfSync('sha256', bytes, Buffer.alloc(32), lp('lockfast/ring-mac'), 32)));
  return createHmac('sha256', key).update(JSON.stringify(sorted(document))).digest('base64url');
}

/** The ring with a change that its own key authenticates: what an insider or a later version could write. */
export async function altered(ring: KeyRing | string, source: KeySource, change: (members: RingMembers) => void): Promise<string> {
  const members = membersOf(ring);
  const ringKey = await ringKeyOf(ring, source);
  change(members);
  return JSON.stringify({ ...members, mac: macOf(members, ringKey) });
}

export function fingerprint(key: Uint8Array): string {
  return `sha256:${createHash('sha256').update('lockfast-fp').update(key).digest('hex')}`;
}
