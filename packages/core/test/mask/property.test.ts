/** Random secrets, in random forms, in random text, cut at random. */
import { Masker } from '@lockfast/core/mask';
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { Matcher } from '../../src/mask/matcher.ts';
import { needlesOf } from '../../src/mask/needle.ts';
import { maskedInPieces } from './cut.ts';

const RUNS = process.env['LOCKFAST_DEEP'] === '1' ? 20_000 : 150;

/** Whole bytes of it alone: what is left of a last character of base64 is no secret. */
const FORMS: Readonly<Record<string, (secret: string) => string>> = {
  itself: (secret) => secret,
  'upper case': (secret) => secret.replaceAll(/[a-z]+/g, (letters) => letters.toUpperCase()),
  base64: (secret) => Buffer.from(secret).toString('base64'),
  base64url: (secret) => Buffer.from(secret).toString('base64url'),
  'base64 twice': (secret) => Buffer.from(Buffer.from(secret).toString('base64')).toString('base64'),
  hex: (secret) => Buffer.from(secret).toString('hex'),
  HEX: (secret) => Buffer.from(secret).toString('hex').toUpperCase(),
  'hex with colons': (secret) => Buffer.from(secret).toString('hex').match(/../g)!.join(':'),
  percent: (secret) => encodeURIComponent(secret),
  form: (secret) => new URLSearchParams({ x: secret }).toString().slice(2),
  json: (secret) => JSON.stringify(secret).slice(1, -1),
  'json in json': (secret) => JSON.stringify(JSON.stringify(secret)).slice(3, -3),
  bytes: (secret) => [...Buffer.from(secret)].join(','),
  utf16: (secret) => Buffer.from(secret, 'utf16le').toString('latin1'),
};

const secretText = fc.string({ unit: fc.constantFrom(...Array.from('abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789+/="\'\\&<>$% é-_.')), minLength: 10, maxLength: 40 }).filter((text) => text.trim() === text && !text.includes('*') && new Set(text).size > 6 && Buffer.byteLength(text) >= 8 && /^[^{[]/.test(text) && !text.includes('=') && !text.includes(':'));
/** Characters of no secret and no form of one. */
const between = fc.string({ unit: fc.constantFrom('~', '|', '\u0001', '{', '\n', '#'), minLength: 1, maxLength: 12 });

test('[B9] [S6] no secret is in the output, in no form, and every other byte is', () => {
  fc.assert(
    fc.property(
      fc.array(secretText, { minLength: 1, maxLength: 5 }),
      fc.array(fc.tuple(between, fc.nat(), fc.constantFrom(...Object.keys(FORMS))), { minLength: 1, maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 60 }),
      (secrets, parts, lengths) => {
        const masker = new Masker(secrets.map((secret, i) => [`S${i}`, secret]));
        const pieces = parts.map(([text, which, form]) => ({ text, shown: FORMS[form]!(secrets[which % secrets.length]!), form }));
        const bytes = Buffer.concat(pieces.flatMap(({ text, shown, form }) => [Buffer.from(text), Buffer.from(shown, form === 'utf16' ? 'latin1' : 'utf8')]).concat(Buffer.from('\n')));
        const out = maskedInPieces(masker, bytes, lengths);
        expect(out.equals(maskedInPieces(masker, bytes, []))).toBe(true);
        expect(out.toString()).toBe(`${pieces.map(({ text }) => `${text}***`).join('')}\n`);
      },
    ),
    { numRuns: RUNS },
  );
}, 300_000);

test('[B9] bytes that hold no secret pass unchanged, however they are cut', () => {
  const masker = new Masker(Array.from({ length: 50 }, (_, i) => [`S${i}`, `secret-number-${i}-of-fifty`]));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 40 }), (bytes, lengths) => {
      expect(maskedInPieces(masker, bytes, lengths).equals(bytes)).toBe(true);
    }),
    { numRuns: RUNS },
  );
});

/** Against a search that is obviously right, on an alphabet so small that everything overlaps. */
test('[B9] finds what a plain search finds, where needles overlap in every way', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 8, maxLength: 14 });
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 6 }), fc.string({ unit: fc.constantFrom('a', 'b', 'b', 'c'), maxLength: 120 }), fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 40 }), (words, text, lengths) => {
      const masker = new Masker(words.map((secret, i) => [`S${i}`, secret]));
      // An end that is none of a secret.
      const input = `${text}c\n`;
      expect(maskedInPieces(masker, Buffer.from(input), lengths).toString()).toBe(plainly(input, words));
    }),
    { numRuns: RUNS * 2 },
  );
});

function plainly(text: string, words: readonly string[]): string {
  const covered = Array.from(text).map(() => false);
  for (const word of words) for (let at = text.indexOf(word); at !== -1; at = text.indexOf(word, at + 1)) covered.fill(true, at, at + word.length);
  return Array.from(text).map((character, i) => (covered[i] ? (covered[i - 1] === true ? '' : '***') : character)).join('');
}

test.each<[what: string, secrets: readonly string[], text: (length: number) => string]>([
  ['one letter, and a needle of it', [`${'a'.repeat(400)}b`], (length) => 'a'.repeat(length)],
  ['almost a secret, again and again', ['abcdefghijklmnopqrstuvwxyz0123456789'], (length) => 'abcdefghijklmnopqrstuvwxyz012345678'.repeat(length / 35)],
  ['nested beginnings', Array.from({ length: 60 }, (_, i) => `${'ab'.repeat(i + 4)}c`), (length) => 'ab'.repeat(length / 2)],
  ['nothing but secrets', ['secret-one-1', 'secret-two-2'], (length) => 'secret-one-1secret-two-2'.repeat(length / 24)],
  ['a window that always looks right', ['abcdefgh-1', 'bcdefgh-22'], (length) => 'abcdefgh-abcdefgh-2'.repeat(length / 19)],
])('[B9] the work is linear on hostile input: %s', (_what, secrets, text) => {
  const listener = { found: () => {}, foundWhole: () => {} };
  const steps = [20_000, 200_000].map((length) => {
    const matcher = new Matcher(secrets.flatMap(needlesOf));
    const bytes = Buffer.from(text(length));
    let state = 0;
    for (let at = 0; at < bytes.length; at += 777) state = matcher.scan(bytes.subarray(at, at + 777), state, listener);
    return matcher.steps / bytes.length;
  });
  // By byte: as many for ten times the text, and few.
  expect(steps[1]).toBeLessThan(steps[0]! * 1.1 + 0.1);
  expect(steps[1]).toBeLessThan(16);
});

test('[B9] a thousand secrets take tens of megabytes, and ten thousand needles of 64 KiB in all their forms none too many', () => {
  const secrets = Array.from({ length: 1000 }, (_, i) => `sk_live_${Buffer.from(`${i}:${i * 7919}:${i * 104_729}`).toString('base64url')}Zq9x`);
  const matcher = new Matcher(secrets.flatMap(needlesOf));
  expect(matcher.size * 22).toBeLessThan(64 * 1024 * 1024);
  const long = new Masker([['LONG', 'x1Y'.repeat(21_845)]]);
  expect(long.text(`a ${'x1Y'.repeat(21_845)} b`)).toBe('a *** b');
});
