/** Recovery shares: any M of N open the ring, fewer do not, and a bad one is told from a good one. */
import { createHash } from 'node:crypto';

import { KeyRing, Secret, unwrapKey, wrapKey } from '@lockfast/core/keyring';
import type { KeySource } from '@lockfast/core/ports';
import { keySource, makeShares, readShare, sharesSource } from '@lockfast/keys';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { refusalOf, scratch, surroundings } from './surroundings.ts';

const { source, uri, shares } = await makeShares(5, 3);
const set = uri.slice('shares:'.length);
const ring = await KeyRing.create('production', [source]);

async function opens(texts: readonly string[], by = uri): Promise<boolean> {
  return (await KeyRing.open(ring.print(), 'ring', [sharesSource(by, texts)])).version.digest === ring.version.digest;
}

/** Where a share's bytes lie; made from docs/formats/shares.md, not from the code. */
function bytesOf(share: string): Buffer {
  return Buffer.from(share.slice('lockfast-share-1.'.length), 'base64url');
}

/** With a checksum that fits: what somebody could write by hand. */
function forged(share: string, change: (bytes: Buffer) => void): string {
  const content = bytesOf(share).subarray(0, 40);
  change(content);
  const check = createHash('sha256').update('lockfast-share').update(content).digest().subarray(0, 4);
  return `lockfast-share-1.${Buffer.concat([content, check]).toString('base64url')}`;
}

function chosen<T>(items: readonly T[], mask: number): T[] {
  return items.filter((_, at) => ((mask >> at) & 1) === 1);
}

test('[B12] every three of five shares open the ring, more as well, in any order', async () => {
  for (let mask = 0; mask < 32; mask++) {
    const some = chosen(shares, mask);
    if (some.length >= 3) expect(await opens(some.toReversed())).toBe(true);
    else {
      expect(await refusalOf(() => opens(some))).toEqual({
        code: 'invalid-share',
        message: `of the ${some.length === 0 ? 2 : 3} shares that are needed only ${some.length} are given`,
        hint: `give ${(some.length === 0 ? 2 : 3) - some.length} more of the same set`,
      });
    }
  }
});

test('[B12] the form of a share is as specified', () => {
  for (const [at, share] of shares.entries()) {
    expect(share).toMatch(/^lockfast-share-1\.[A-Za-z0-9_-]{59}$/);
    const bytes = bytesOf(share);
    expect(bytes).toHaveLength(44);
    expect([...bytes.subarray(5, 7)]).toEqual([at + 1, 3]);
    expect(bytes[39]).not.toBe(0);
    expect(bytes.subarray(40)).toEqual(createHash('sha256').update('lockfast-share').update(bytes.subarray(0, 40)).digest().subarray(0, 4));
    const bits = [...bytes.subarray(0, 5)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
    expect(bits.match(/.{5}/g)!.map((five) => 'abcdefghijklmnopqrstuvwxyz234567'[Number.parseInt(five, 2)]).join('')).toBe(set);
    expect(readShare(` ${share}\n`)).toEqual({ set, number: at + 1, threshold: 3 });
  }
  expect(uri).toMatch(/^shares:[a-z2-7]{8}$/);
  expect(ring.sources[0]!.source).toBe(uri);
});

test('[B12] the example of docs/formats/shares.md, split by another program: any two of three give its key', async () => {
  const example = [
    'lockfast-share-1.AQIDBAUBAjOrGIDwdc1erge_LFzEYfkSilvDsyCYHe1-xm8fhzSsERQJ8Zg',
    'lockfast-share-1.AQIDBAUCAgYVIDM6SVxvfo2Yq6KxxNf25QsYESI3RFVmc4CJmq-8AlZiyM0',
    'lockfast-share-1.AQIDBAUDAkOQ_i1k67FWDVII76Z1c6DfDGGy-xxGyZJ1L3A56oRXyFY58tQ',
  ];
  const by = `shares:${readShare(example[0]!).set}`;
  const rootKey = (): Secret => new Secret(Buffer.from(Array.from({ length: 32 }, (_, at) => at)));
  const plain: KeySource = {
    uri: by,
    wrap: async (key, binding) => wrapKey(rootKey(), 'lockfast/ring-wrap', key, binding),
    unwrap: async (wrapped, binding) => unwrapKey(rootKey(), 'lockfast/ring-wrap', wrapped, binding),
  };
  const one = await KeyRing.create('production', [plain]);
  expect(by).toBe('shares:aebagbaf');
  for (const mask of [3, 5, 6, 7]) expect((await KeyRing.open(one.print(), 'ring', [sharesSource(by, chosen(example, mask))])).version).toEqual(one.version);
});

test.for<[number, number]>([[2, 2], [3, 2], [255, 2], [255, 255], [10, 9]])('[B12] %i shares, of which %i are needed', async ([count, threshold]) => {
  const made = await makeShares(count, threshold);
  expect(new Set(made.shares).size).toBe(count);
  const one = await KeyRing.create('production', [made.source]);
  const again = await KeyRing.open(one.print(), 'ring', [sharesSource(made.uri, made.shares.slice(-threshold))]);
  expect(again.version).toEqual(one.version);
  expect((await refusalOf(() => KeyRing.open(one.print(), 'ring', [sharesSource(made.uri, made.shares.slice(1, threshold))]))).code).toBe('invalid-share');
});

test.for<[number, number]>([[1, 1], [2, 1], [1, 2], [2, 3], [256, 2], [0, 0], [-3, -2], [2.5, 2], [3, 2.5], [Number.NaN, 2], [3, Number.NaN], [Infinity, 2]])('%d shares of which %d are needed are refused', async ([count, threshold]) => {
  expect((await refusalOf(() => makeShares(count, threshold))).code).toBe('usage');
});

test('[B12] threshold less one shares say nothing: with any last share of the same point another key comes out', async () => {
  const pair = shares.slice(0, 2);
  for (const byte of [0, 1, 255]) {
    const guess = forged(shares[2]!, (bytes) => bytes.fill(byte, 7, 39));
    expect(await refusalOf(() => opens([...pair, guess]))).toEqual({
      code: 'wrong-key',
      message: 'the root key that these shares give does not open the key ring',
      hint: 'use the root key that it was made with: see key-source in lockfast.toml',
    });
  }
});

test('two sets of one ring each open it; each share knows its set', async () => {
  const second = await makeShares(3, 2);
  const both = await ring.withSource(second.source);
  for (const [by, texts] of [[uri, shares.slice(2)], [second.uri, second.shares.slice(1)]] as const) {
    expect((await KeyRing.open(both.print(), 'ring', [sharesSource(by, texts)])).version).toEqual(both.version);
  }
  expect(await refusalOf(() => opens([...shares.slice(0, 2), second.shares[0]!]))).toEqual({
    code: 'invalid-share',
    message: `share 3 of those given is of the set ${second.uri.slice(7)}, not of ${set}`,
    hint: 'leave it out: only shares of one set belong together',
  });
  // All of another set.
  expect((await refusalOf(() => opens(second.shares))).code).toBe('invalid-share');
});

describe('[B12] [D5] a bad share', () => {
  const [first, second, third] = shares as [string, string, string];

  test('given twice', async () => {
    expect(await refusalOf(() => opens([first, second, first]))).toMatchObject({ code: 'invalid-share', message: 'share number 1 is given twice' });
    expect((await refusalOf(() => opens([first, second, ` ${first}\n`, third]))).code).toBe('invalid-share');
  });

  test.for<[string, (share: string) => string, string]>([
    ['empty', () => '', 'does not begin with lockfast-share-1.'],
    ['a root key', () => 'lockfast-root-1.AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh-wmzJy', 'does not begin with lockfast-share-1.'],
    ['of a later version', (share) => share.replace('share-1', 'share-2'), 'does not begin with lockfast-share-1.'],
    ['cut', (share) => share.slice(0, -1), 'is cut short, or has other characters in it'],
    ['longer', (share) => `${share}A`, 'is cut short, or has other characters in it'],
    ['padded', (share) => `${share}=`, 'is cut short, or has other characters in it'],
    ['broken by a space', (share) => `${share.slice(0, 40)} ${share.slice(40)}`, 'is cut short, or has other characters in it'],
    ['two in one line', (share) => share + share, 'is cut short, or has other characters in it'],
    ['copied wrong', (share) => share.replace(/.(?=.{20}$)/, (c) => (c === 'A' ? 'B' : 'A')), 'does not match its own checksum'],
    ['number 0', (share) => forged(share, (bytes) => (bytes[5] = 0)), 'does not match its own checksum'],
    ['of which one is enough', (share) => forged(share, (bytes) => (bytes[6] = 1)), 'does not match its own checksum'],
    ['at the point of the key itself', (share) => forged(share, (bytes) => (bytes[39] = 0)), 'does not match its own checksum'],
  ])('%s', async ([, change, what]) => {
    const bad = change(third);
    const refusal = await refusalOf(() => opens([first, second, bad]));
    expect(refusal).toMatchObject({ code: 'invalid-share', message: `share 3 of those given ${what}` });
    expect(await refusalOf(() => readShare(bad))).toMatchObject({ code: 'invalid-share', message: `the share ${what}` });
  });

  test('that contradicts the others', async () => {
    for (const bad of [forged(third, (bytes) => (bytes[6] = 2)), forged(third, (bytes) => (bytes[39] = bytesOf(first)[39]!))]) {
      expect(await refusalOf(() => opens([first, second, bad]))).toMatchObject({ code: 'invalid-share', message: 'share number 3 contradicts the others' });
    }
  });

  test('any change of one character is found, and no message quotes a share', async () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    await fc.assert(
      fc.asyncProperty(fc.nat(58), fc.nat(63), async (at, letter) => {
        const place = 'lockfast-share-1.'.length + at;
        const bad = third.slice(0, place) + alphabet[letter] + third.slice(place + 1);
        if (bad === third) return;
        const refusal = await refusalOf(() => opens([first, second, bad]));
        expect(refusal.code).toBe('invalid-share');
        for (const share of [first, second, third, bad]) expect(JSON.stringify(refusal)).not.toContain(share.slice(40, 52));
      }),
    );
  });
});

describe('by its URI', () => {
  test('the shares are asked for once, by the id of the set', async () => {
    const asked: string[] = [];
    const around = surroundings({ askShares: async (id) => (asked.push(id), shares.slice(1, 4)) });
    const by = keySource(uri, around);
    const opened = await KeyRing.open(ring.print(), 'ring', [by]);
    expect((await opened.rewrappedFor([by])).sources).toHaveLength(1);
    expect(asked).toEqual([set]);
  });

  test('nobody is asked for the shares of a ring that another source opens', async () => {
    const around = surroundings({ environment: { K: 'lockfast-root-1.AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh-wmzJy' }, askShares: () => Promise.reject(new Error('asked')) });
    const both = await ring.withSource(keySource('env:K', around));
    expect((await KeyRing.open(both.print(), 'ring', [keySource('env:K', around), keySource(uri, around)])).version).toEqual(both.version);
  });

  test('where nobody is asked', async () => {
    expect(await refusalOf(() => KeyRing.open(ring.print(), 'ring', [keySource(uri, surroundings())]))).toEqual({
      code: 'terminal-needed',
      message: `the shares of the set ${set} are needed, and nobody is asked for them here`,
      hint: 'put them together with `lockfast key combine`',
    });
  });

  test.for(['shares:', 'shares:abc', 'shares:ABCDEFGH', 'shares:abcdefg1', 'shares:abcdefghi', 'shares:abcdefgh\n'])('%j is no set', async (bad) => {
    expect((await refusalOf(() => keySource(bad, surroundings({ directory: scratch() })))).code).toBe('invalid-source');
    expect((await refusalOf(() => sharesSource(bad, shares))).code).toBe('invalid-source');
  });
});
