/** Blind indexes as an application uses them: what is equal, what never is, and known answers of another program. */
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { blindIndex, type BlindIndexDefinition, type ColumnContext, indexKeyIdOf, type Normalisation } from '@lockfast/columns';
import { KeyRing } from '@lockfast/core/keyring';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { caseAndWidth } from '../src/case-and-width.ts';
import { indexValue, indexValueLength } from '../src/index-value.ts';
import { heldRing, heldSource, rotatedRing } from './held-ring.ts';
import { refusalOf } from './refusal.ts';

const INDEX = 'customers.email.index';
const EMAIL: BlindIndexDefinition = { id: INDEX, column: 'customers.email' };
const ring = (await heldRing()).withNewIndexKey(INDEX);
const index = blindIndex(ring, EMAIL);

describe('[B14] a blind index', () => {
  test('has one value for one text, which names its key and says nothing else', () => {
    const stored = index.of('ada@example.com');
    expect(stored).toBe(blindIndex(ring, EMAIL).of('ada@example.com'));
    expect(stored).toMatch(new RegExp(`^lfi1\\.${index.currentKey}\\.[A-Za-z0-9_-]{43}$`));
    expect(stored).toHaveLength(indexValueLength(256));
    expect(indexKeyIdOf(stored)).toBe(ring.indexKeys[0]!.id);
    expect(index.candidates('ada@example.com')).toEqual([stored]);
    expect(index.matches(stored, 'ada@example.com')).toBe(true);
    expect(index.matches(stored, 'ADA@example.com')).toBe(false);
    expect(index.of('ada@example.com ')).not.toBe(stored);
  });

  test('null stays null and equals nothing; the empty text is a text', () => {
    expect(index.of(null)).toBeNull();
    expect(index.candidates(null)).toEqual([]);
    expect(index.matches(null, null)).toBe(true);
    expect(index.matches(null, '')).toBe(false);
    expect(index.matches(index.of(''), null)).toBe(false);
    expect(index.matches(index.of(''), '')).toBe(true);
    expect(index.of('')).not.toBe(index.of('\0'));
  });

  test('is its own: another index, column, environment or ring gives other values', async () => {
    const other = 'customers.email.other';
    const both = ring.withNewIndexKey(other);
    const values = [
      index.of('x'),
      blindIndex(both, { ...EMAIL, id: other }).of('x'),
      blindIndex(ring, { ...EMAIL, column: 'customers.mail' }).of('x'),
      blindIndex((await heldRing()).withNewIndexKey(INDEX), EMAIL).of('x'),
    ];
    expect(new Set(values.map((value) => value.slice(12))).size).toBe(4);
  });

  test('with a context, values are equal only within one of it', () => {
    const perOrg = blindIndex(ring, { ...EMAIL, context: ['org_id'] });
    const stored = perOrg.of('ada@example.com', { org_id: 7 });
    expect(perOrg.of('ada@example.com', { org_id: '7' })).toBe(stored);
    expect(perOrg.of('ada@example.com', { org_id: 7n })).toBe(stored);
    expect(perOrg.of('ada@example.com', { org_id: 8 })).not.toBe(stored);
    expect(perOrg.matches(stored, 'ada@example.com', { org_id: 8 })).toBe(false);
    expect(stored).not.toBe(index.of('ada@example.com'));
    for (const context of [undefined, {}, { org: 7 }, { org_id: null }, { org_id: 7, more: 1 }, { org_id: 1.5 }, { org_id: '\ud800' }]) {
      expect(refusalOf(() => perOrg.of('x', context as unknown as ColumnContext))).toMatchObject({ code: 'invalid-context', message: expect.stringContaining(INDEX) as unknown });
    }
    expect(refusalOf(() => index.of('x', { org_id: 7 }))).toMatchObject({ code: 'invalid-context' });
  });

  test('its values stay through a rotation of data keys', () => {
    expect(blindIndex(rotatedRing(ring), EMAIL).of('x')).toBe(index.of('x'));
  });

  test('[D7] while it is rotated there are two candidates, the one that is written first; at the end one', () => {
    const old = index.of('x');
    const staged = ring.withNewIndexKey(INDEX);
    const known = blindIndex(staged, EMAIL);
    expect(known.of('x')).toBe(old);
    const [now, next, ...none] = known.candidates('x');
    expect(now).toBe(old);
    expect(none).toEqual([]);
    const active = blindIndex(staged.withIndexKeyActive(INDEX), EMAIL);
    expect(active.of('x')).toBe(next);
    expect(active.candidates('x')).toEqual([next, old]);
    expect(active.matches(old, 'x')).toBe(true);
    const after = blindIndex(staged.withIndexKeyActive(INDEX).withIndexKeyDestroyed(INDEX), EMAIL);
    expect(after.candidates('x')).toEqual([next]);
    expect(after.matches(old, 'x')).toBe(false);
  });

  test.for([8, 9, 12, 16, 31, 64, 255, 256])('%i bits: so many are kept, the rest of the last byte is zero', (bits) => {
    const short = blindIndex(ring, { ...EMAIL, bits }).of('ada@example.com');
    expect(short).toHaveLength(indexValueLength(bits));
    const [kept, all] = [short, index.of('ada@example.com')].map((value) => BigInt(`0x${Buffer.from(value.slice(12), 'base64url').toString('hex')}`)) as [bigint, bigint];
    expect(kept >> BigInt((8 - (bits % 8)) % 8)).toBe(all >> BigInt(256 - bits));
    expect(kept & ((1n << BigInt((8 - (bits % 8)) % 8)) - 1n)).toBe(0n);
  });

  test('with few bits others are found, too, about as many as the guide says', () => {
    const short = blindIndex(ring, { ...EMAIL, bits: 8 });
    const [wanted] = short.candidates('wanted');
    const found = Array.from({ length: 20_000 }, (_, n) => short.of(`value ${n}`)).filter((stored) => stored === wanted).length;
    expect(found).toBeGreaterThan(20_000 / 256 / 2);
    expect(found).toBeLessThan((20_000 / 256) * 2);
  });

  test('different texts never meet, whatever is in them', () => {
    const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }).filter((one) => one.isWellFormed()), fc.constantFrom('', '\0', 'a\0', 'a\0b', '\u{10ffff}'));
    fc.assert(fc.property(text, text, (a, b) => {
      expect(index.of(a) === index.of(b)).toBe(a === b);
    }), { numRuns: 300 });
    const perOrg = blindIndex(ring, { ...EMAIL, context: ['a', 'b'] });
    fc.assert(fc.property(text, text, (a, b) => {
      expect(perOrg.of('x', { a, b: `${b}y` })).not.toBe(perOrg.of('yx', { a, b }));
    }), { numRuns: 100 });
  });

  test('a very long text', () => {
    const long = 'ü'.repeat(5_000_000);
    expect(index.of(long)).toHaveLength(indexValueLength(256));
    expect(index.of(long)).not.toBe(index.of(`${long}ü`));
  });
});

describe('[B14] case and width', () => {
  test.for([
    ['ADA@EXAMPLE.COM', 'ada@example.com'],
    ['Straße', 'STRASSE'],
    ['Straẞe', 'strasse'],
    ['ΣΊΣΥΦΟΣ', 'σίσυφος'],
    ['ς', 'Σ'],
    ['ſ', 'S'],
    ['ｆｕｌｌ', 'FULL'],
    ['ﬁle', 'FILE'],
    ['e\u0301', 'É'],
    ['\u212b', 'å'],
    ['K', 'k'],
    ['ДОМ', 'дом'],
  ] as const)('%s is %s', ([one, other]) => {
    expect(caseAndWidth(one)).toBe(caseAndWidth(other));
    const folded = blindIndex(ring, { ...EMAIL, normalise: 'case-and-width' });
    expect(folded.of(one)).toBe(folded.of(other));
  });

  test('what differs otherwise stays different; the capital I with a dot is no plain i', () => {
    for (const [one, other] of [['e', 'é'], ['a b', 'ab'], [' a', 'a'], ['o', 'ø'], ['İ', 'i'], ['x\u00adx', 'xx']]) expect(caseAndWidth(one!)).not.toBe(caseAndWidth(other!));
  });

  test('what is folded stays as it is', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(caseAndWidth(caseAndWidth(text))).toBe(caseAndWidth(text));
    }), { numRuns: 1000 });
  });

  test('a function of your own', () => {
    const digits = blindIndex(ring, { ...EMAIL, normalise: (value) => value.replace(/\D/g, '') });
    expect(digits.of('+49 (30) 12')).toBe(digits.of('493012'));
    expect(digits.of('493012')).toBe(index.of('493012'));
    const broken = blindIndex(ring, { ...EMAIL, normalise: () => undefined as unknown as string });
    expect(refusalOf(() => broken.of('secret value'))).toMatchObject({ code: 'invalid-text' });
  });
});

describe('what can not be', () => {
  test.for<[string, Partial<BlindIndexDefinition>]>([
    ['no id', { id: '' }],
    ['an id in capitals', { id: 'Customers' }],
    ['no column', { column: '' }],
    ['the id of its column', { id: 'customers.email' }],
    ['an unknown normalisation', { normalise: 'lower' as Normalisation }],
    ['0 bits', { bits: 0 }],
    ['7 bits', { bits: 7 }],
    ['257 bits', { bits: 257 }],
    ['a part of a bit', { bits: 8.5 }],
    ['a context that is a text', { context: 'org' as unknown as string[] }],
    ['a context twice', { context: ['a', 'a'] }],
    ['a context without a name', { context: [''] }],
    ['a context that is misspelt', { contxt: ['org_id'] } as object],
  ])('a definition with %s is refused', ([, part]) => {
    expect(refusalOf(() => blindIndex(ring, { ...EMAIL, ...part }))).toMatchObject({ code: 'usage' });
  });

  test('[C1] a ring without the key is refused at the start', () => {
    expect(refusalOf(() => blindIndex(rotatedRing(ring), { ...EMAIL, id: 'customers.phone.index' }))).toMatchObject({ code: 'missing-key', hint: expect.stringContaining('lockfast column index build') as unknown });
  });

  test.for<[string, unknown]>([
    ['a lone surrogate', 'secret\ud800'],
    ['a number', 7],
    ['bytes', Buffer.from('x')],
    ['undefined', undefined],
  ])('%s is no text, and no message quotes it', ([, value]) => {
    for (const action of [() => index.of(value as string), () => index.candidates(value as string), () => index.matches('x', value as string)]) {
      const { code, message, hint } = refusalOf(action);
      expect(code).toBe('invalid-text');
      expect(message).toContain(INDEX);
      expect(message + hint).not.toContain('secret');
    }
  });

  test('what is no value of an index names no key', () => {
    for (const text of ['', 'lfi1.', 'lfi1.kq2d5x', 'lfv1.kq2d5x.AAAA', 'lfi1.KQ2D5X.AAAA', 'lfi1.kq2d5xxAAAA']) expect(indexKeyIdOf(text)).toBeUndefined();
  });
});

interface Answers {
  readonly cases: readonly { readonly index: string; readonly column: string; readonly normalise: Normalisation; readonly bits: number; readonly context: ColumnContext; readonly value: string; readonly candidates: readonly string[] }[];
}

test('[B14] known answers of an independent implementation', async () => {
  const read = (path: string): unknown => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
  const file = read('../../core/test/keyring/known-answers/ring-4.json') as { readonly rootKey: string; readonly ring: string };
  const opened = await KeyRing.open(file.ring, 'ring', [heldSource(Buffer.from(file.rootKey.split('.')[1]!, 'base64url').subarray(0, 32))]);
  const { cases } = read('known-answers/blind-index.json') as Answers;
  expect(cases.length).toBeGreaterThan(80);
  for (const { index: id, column, normalise, bits, context, value, candidates } of cases) {
    const made = blindIndex(opened, { id, column, normalise, bits, context: Object.keys(context) });
    expect(made.candidates(value, context)).toEqual(candidates);
    expect(made.of(value, context)).toBe(candidates[0]);
  }
});

test('the example of the format page is right', () => {
  const page = readFileSync(new URL('../../../docs/formats/blind-index.md', import.meta.url), 'utf8');
  const value = (name: string): string => new RegExp(`^${name} +(\\S+(?:\\n +\\S+)*)$`, 'm').exec(page)![1]!.replace(/\s/g, '');
  const key = Buffer.from(Array.from({ length: 32 }, (_, at) => 0x80 + at));
  const digest = createHmac('sha256', key).update(Buffer.from(value('message'), 'hex')).digest();
  expect(digest.toString('hex')).toBe(value('digest'));
  for (const bits of [256, 16, 12]) expect(indexValue('iq2d5x', Buffer.from(digest), bits)).toBe(value(`${bits} bits`));
});
