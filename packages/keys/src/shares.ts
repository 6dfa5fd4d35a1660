/**
 * Recovery shares: a root key of its own, split by Shamir's scheme so that any `threshold` of its shares give it back and
 * fewer say nothing about it. It is kept nowhere; the ring is wrapped under it like under any other root key.
 * `docs/formats/shares.md` specifies the text of a share. The package for it is loaded only where shares are made or put
 * together: `run` has no time for it.
 */
import { createHash, randomBytes, randomFillSync, timingSafeEqual } from 'node:crypto';

import { LockfastError } from '@lockfast/core/errors';
import { Secret } from '@lockfast/core/keyring';
import type { KeySource } from '@lockfast/core/ports';

import { RootKeySource } from './root-key-source.ts';

const BEGINNING = 'lockfast-share-1.';
const SET_BYTES = 5;
const KEY_BYTES = 32;
/** One byte for each of the key, then the point that they belong to. */
const POINT_AT = SET_BYTES + 2 + KEY_BYTES;
const CHECK_AT = POINT_AT + 1;
const SHARE_BYTES = CHECK_AT + 4;
const MOST_SHARES = 255;

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** What a share says about itself. None of it is secret. */
export interface ShareLabel {
  /** The id of its set: eight characters `[a-z2-7]`. */
  readonly set: string;
  /** From 1 on. */
  readonly number: number;
  /** How many shares of the set give the root key. */
  readonly threshold: number;
}

export interface RecoveryShares {
  /** Wraps under the key that was split: give it to the ring, then forget it. */
  readonly source: KeySource;
  /** `shares:` and the id of the set. */
  readonly uri: string;
  /** Texts, one for each keeper. They are secrets. */
  readonly shares: readonly string[];
}

/**
 * Makes a new root key and splits it.
 *
 * @param shares how many, from `threshold` to 255
 * @param threshold how many of them give the key back, at least 2
 * @throws LockfastError `usage`
 */
export async function makeShares(shares: number, threshold: number): Promise<RecoveryShares> {
  if (!Number.isInteger(shares) || !Number.isInteger(threshold) || threshold < 2 || threshold > shares || shares > MOST_SHARES) {
    throw new LockfastError('usage', 'so many shares can not be made', `make 2 to ${MOST_SHARES}, of which at least 2 are needed and at most all`);
  }
  const { split, combine } = await import('shamir-secret-sharing');
  // Not a Buffer: the package wants this very class.
  const key = randomFillSync(new Uint8Array(KEY_BYTES));
  const parts = await split(key, shares, threshold);
  const again = await combine(parts.slice(-threshold));
  if (!timingSafeEqual(key, again)) throw new Error('a split key does not come together again');
  const set = randomBytes(SET_BYTES);
  const texts = parts.map((part, at) => shareText(set, at + 1, threshold, part));
  for (const bytes of [again, ...parts]) bytes.fill(0);
  const secret = new Secret(Buffer.from(key.buffer));
  const uri = `shares:${setId(set)}`;
  return { source: new RootKeySource(uri, WHAT, () => secret), uri, shares: texts };
}

/**
 * The key source that shares of one set make.
 *
 * @param uri `shares:` and the id of the set
 * @param texts at least as many as they say
 * @throws LockfastError `invalid-source` now; `invalid-share` when it is used
 */
export function sharesSource(uri: string, texts: readonly string[]): KeySource {
  return askedSharesSource(uri, () => Promise.resolve(texts));
}

/** As {@link sharesSource}, with shares that are asked for when the first one is needed, once. */
export function askedSharesSource(uri: string, ask: () => Promise<readonly string[]>): KeySource {
  const [, set] = /^shares:([a-z2-7]{8})$/.exec(uri) ?? [];
  if (set === undefined) throw new LockfastError('invalid-source', 'a set of shares has another kind of name', 'write it as `lockfast key source list` shows it');
  let key: Promise<Secret> | undefined;
  return new RootKeySource(uri, WHAT, () => (key ??= ask().then((texts) => combined(set, texts))));
}

/** What a share says about itself. @param text may stand between white space. @throws LockfastError `invalid-share` */
export function readShare(text: string): ShareLabel {
  const { set, number, threshold, part } = parseShare(text, 'the share');
  part.fill(0);
  return { set, number, threshold };
}

const WHAT = 'the root key that these shares give';

async function combined(set: string, texts: readonly string[]): Promise<Secret> {
  const shares = texts.map((text, at) => parseShare(text, `share ${at + 1} of those given`));
  for (const [at, share] of shares.entries()) {
    if (share.set !== set) {
      throw invalid(`share ${at + 1} of those given is of the set ${share.set}, not of ${set}`, 'leave it out: only shares of one set belong together');
    }
    if (shares.findIndex(({ number }) => number === share.number) !== at) throw invalid(`share number ${share.number} is given twice`, 'give another one in its place');
    if (shares.findIndex(({ part }) => part[KEY_BYTES] === share.part[KEY_BYTES]) !== at || share.threshold !== shares[0]!.threshold) {
      throw invalid(`share number ${share.number} contradicts the others`, 'leave it out: it was altered');
    }
  }
  const needed = shares[0]?.threshold ?? 2;
  if (shares.length < needed) throw invalid(`of the ${needed} shares that are needed only ${shares.length} are given`, `give ${needed - shares.length} more of the same set`);
  const { combine } = await import('shamir-secret-sharing');
  const key = await combine(shares.slice(0, needed).map(({ part }) => part));
  for (const { part } of shares) part.fill(0);
  return new Secret(Buffer.from(key.buffer));
}

interface Share extends ShareLabel {
  /** As the package gave it: 32 bytes and their point. */
  readonly part: Uint8Array;
}

function shareText(set: Buffer, number: number, threshold: number, part: Uint8Array): string {
  const content = Buffer.concat([set, Buffer.from([number, threshold]), part]);
  const text = BEGINNING + Buffer.concat([content, checkOf(content)]).toString('base64url');
  content.fill(0);
  return text;
}

/** @param which how errors call it */
function parseShare(text: string, which: string): Share {
  const trimmed = text.trim();
  if (!trimmed.startsWith(BEGINNING)) throw invalid(`${which} does not begin with ${BEGINNING}`, 'give what `lockfast key split` made, one share a line');
  const encoded = trimmed.slice(BEGINNING.length);
  const bytes = Buffer.from(encoded, 'base64url');
  if (bytes.length !== SHARE_BYTES || bytes.toString('base64url') !== encoded) throw invalid(`${which} is cut short, or has other characters in it`, 'check that it was copied whole');
  const content = bytes.subarray(0, CHECK_AT);
  const [number, threshold] = [bytes[SET_BYTES]!, bytes[SET_BYTES + 1]!];
  const sound = checkOf(content).equals(bytes.subarray(CHECK_AT)) && number >= 1 && threshold >= 2 && bytes[POINT_AT] !== 0;
  if (!sound) throw invalid(`${which} does not match its own checksum`, 'check that it was copied right');
  const share = { set: setId(bytes.subarray(0, SET_BYTES)), number, threshold, part: new Uint8Array(content.subarray(SET_BYTES + 2)) };
  bytes.fill(0);
  return share;
}

/** Base32 of RFC 4648 in lower case: forty bits make eight characters. */
function setId(bytes: Buffer): string {
  const bits = bytes.readUIntBE(0, SET_BYTES);
  return Array.from({ length: 8 }, (_, at) => BASE32[Math.floor(bits / 32 ** (7 - at)) % 32]).join('');
}

function checkOf(content: Uint8Array): Buffer {
  return createHash('sha256').update('lockfast-share').update(content).digest().subarray(0, 4);
}

function invalid(what: string, hint: string): LockfastError {
  return new LockfastError('invalid-share', what, hint);
}
