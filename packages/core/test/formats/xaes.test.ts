/** The construction against its published vectors, our own known answers, and the accumulated random test. */
import { createCipheriv, createHash, createSecretKey } from 'node:crypto';

import { expect, test } from 'vitest';

import { open, seal, TAG_BYTES, XaesKey } from '../../src/formats/xaes.ts';
import { DEEP, LONG } from './scale.ts';
import { hex, known, missingVectors, published } from './vectors.ts';

interface Vector {
  readonly key: string;
  readonly L: string;
  readonly K1: string;
  readonly Kx: string;
  readonly plaintext_ascii: string;
  readonly aad_ascii: string;
  readonly ciphertext: string;
}

interface Answer {
  readonly key: string;
  readonly nonce: string;
  readonly plaintext: string;
  readonly aad: string;
  readonly L: string;
  readonly K1: string;
  readonly Kx: string;
  readonly commitment: string;
  readonly ciphertext: string;
}

const xaes = published<{ vectors: Vector[]; nonce_ascii: string; accumulated_shake128: Record<string, string> }>('xaes-256-gcm.json');
const committing = published<{ vectors: { key: string; plaintext_ascii: string; aad_ascii: string; out: string }[]; nonce_ascii: string }>('kc-xaes-256-gcm.json');
const { answers } = known<{ answers: Answer[] }>(import.meta.url, 'xaes.json');

function sealed(key: Buffer, nonce: Buffer, plaintext: Buffer, aad: Buffer): Buffer {
  const out = Buffer.alloc(plaintext.length + TAG_BYTES);
  seal(new XaesKey(key).prefix(nonce.subarray(0, 12)).gcmKey, nonce.subarray(12), plaintext, aad, out, 0);
  return out;
}

function commitment(key: Buffer, nonce: Buffer): Buffer {
  const ours = new XaesKey(key);
  return ours.commitment(ours.prefix(nonce.subarray(0, 12)), nonce, 12);
}

/** K1 as the code uses it: what stands between AES_K("XCMT" | N[:12]) and the state that it keeps. */
function k1(key: Buffer, nonce: Buffer): Buffer {
  const aes = createCipheriv('aes-256-ecb', createSecretKey(key), null).setAutoPadding(false);
  const x = aes.update(Buffer.concat([Buffer.from('XCMT'), nonce.subarray(0, 12)]));
  return new XaesKey(key).prefix(nonce.subarray(0, 12)).commitmentState.map((byte, i) => byte ^ x[i]!) as Buffer;
}

function highestBit(l: string): number {
  return hex(l)[0]! >> 7;
}

test.skipIf(missingVectors)('the published XAES-256-GCM vectors, with their intermediate values', () => {
  const nonce = Buffer.from(xaes.nonce_ascii);
  expect(xaes.vectors.map(({ L }) => highestBit(L))).toEqual([0, 1]);
  for (const { key, K1, Kx, plaintext_ascii, aad_ascii, ciphertext } of xaes.vectors) {
    expect(k1(hex(key), nonce).toString('hex')).toBe(K1);
    const { gcmKey } = new XaesKey(hex(key)).prefix(nonce.subarray(0, 12));
    expect(gcmKey.export().toString('hex')).toBe(Kx);
    const out = sealed(hex(key), nonce, Buffer.from(plaintext_ascii), Buffer.from(aad_ascii));
    expect(out.toString('hex')).toBe(ciphertext);
    expect(open(gcmKey, nonce.subarray(12), out, Buffer.from(aad_ascii))?.toString()).toBe(plaintext_ascii);
  }
});

test.skipIf(missingVectors)('the published KC-XAES-256-GCM vectors', () => {
  const nonce = Buffer.from(committing.nonce_ascii);
  for (const { key, plaintext_ascii, aad_ascii, out } of committing.vectors) {
    const ciphertext = sealed(hex(key), nonce, Buffer.from(plaintext_ascii), Buffer.from(aad_ascii));
    expect(Buffer.concat([ciphertext, commitment(hex(key), nonce)]).toString('hex')).toBe(out);
  }
});

test.skipIf(missingVectors)(`the accumulated randomised test, ${DEEP ? '1 000 000' : '10 000'} iterations`, LONG, () => {
  const iterations = DEEP ? 1_000_000 : 10_000;
  // One iteration takes 313 bytes on average; the deviation of so many is far below the seven beyond that.
  const stream = createHash('shake128', { outputLength: 320 * iterations }).digest();
  expect(stream.toString('hex', 0, 16)).toBe(xaes.accumulated_shake128['rng_stream_starts']);
  let at = 0;
  const take = (length: number): Buffer => stream.subarray(at, (at += length));
  const hash = createHash('shake128', { outputLength: 32 });
  for (let i = 0; i < iterations; i++) {
    const key = take(32);
    const nonce = take(24);
    const plaintext = take(take(1)[0]!);
    const aad = take(take(1)[0]!);
    hash.update(sealed(key, nonce, plaintext, aad));
  }
  expect(hash.digest('hex')).toBe(xaes.accumulated_shake128[String(iterations)]);
});

test('our own known answers, with both values of the highest bit of L', () => {
  expect(new Set(answers.map(({ L }) => highestBit(L)))).toEqual(new Set([0, 1]));
  for (const answer of answers) {
    const [key, nonce, plaintext, aad] = [hex(answer.key), hex(answer.nonce), hex(answer.plaintext), hex(answer.aad)];
    expect(k1(key, nonce).toString('hex')).toBe(answer.K1);
    expect(new XaesKey(key).prefix(nonce.subarray(0, 12)).gcmKey.export().toString('hex')).toBe(answer.Kx);
    expect(commitment(key, nonce).toString('hex')).toBe(answer.commitment);
    expect(sealed(key, nonce, plaintext, aad).toString('hex')).toBe(answer.ciphertext);
  }
});

test('many commitments from one call are those of one call each', () => {
  const key = new XaesKey(hex(answers[0]!.key));
  const prefix = key.prefix(Buffer.alloc(12, 7));
  const suffixes = Array.from({ length: 300 }, (_, i) => createHash('sha256').update(`${i}`).digest().subarray(0, 12));
  const one = suffixes.map((suffix) => key.commitment(prefix, suffix, 0));
  expect(key.commitments(prefix, suffixes).equals(Buffer.concat(one))).toBe(true);
});

test('nothing of the plaintext leaves when the tag does not fit', () => {
  const { gcmKey } = new XaesKey(hex(answers[0]!.key)).prefix(Buffer.alloc(12, 7));
  const suffix = Buffer.alloc(12, 9);
  const out = Buffer.alloc(100 + TAG_BYTES);
  seal(gcmKey, suffix, Buffer.alloc(100, 'secret'), Buffer.alloc(0), out, 0);
  for (let at = 0; at < out.length; at++) {
    const altered = Buffer.from(out);
    altered[at]! ^= 1;
    expect(open(gcmKey, suffix, altered, Buffer.alloc(0))).toBeUndefined();
  }
  expect(open(gcmKey, suffix, out, Buffer.from('other'))).toBeUndefined();
  expect(open(gcmKey, Buffer.alloc(12, 8), out, Buffer.alloc(0))).toBeUndefined();
});

test.for([0, 16, 24, 31, 33, 64])('a key of %i bytes is refused', (length) => {
  expect(() => new XaesKey(Buffer.alloc(length))).toThrow(RangeError);
});
