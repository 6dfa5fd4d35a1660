/** The bytes of an entry: one text says one thing, and is read back only as it was written. */
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { canonicalJson, type Json } from '@lockfast/core/formats';

import { parseEntry, printEntry } from '../src/entry.ts';
import { entryAt } from './sample.ts';

const RUNS = process.env['LOCKFAST_DEEP'] === '1' ? 200_000 : 2_000;

const json = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.string({ unit: 'binary' }), fc.maxSafeInteger(), fc.boolean(), fc.constant(null),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.oneof(fc.string({ unit: 'binary', maxLength: 4 }), fc.nat(20).map(String), fc.constant('__proto__')), tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value;

test('what is canonical is read, and nothing else', { timeout: 600_000 }, () => {
  fc.assert(
    fc.property(json, fc.nat(3), (value, space) => {
      const canonical = canonicalJson(value);
      expect(canonicalJson(parseEntry(Buffer.from(canonical)) as unknown as Json)).toBe(canonical);
      const other = JSON.stringify(value, null, space);
      if (other !== canonical) expect(() => parseEntry(Buffer.from(other))).toThrow(SyntaxError);
    }),
    { numRuns: RUNS },
  );
});

test.each(['{"b":1,"a":2}', '{"9":1,"10":2}', '{"a":1,"a":1}', '{"a":1.0}', '{"a":1e3}', '{"a":-0}', '{"a":0.5}', '{"a":9007199254740993}', '{"a":"\\u0041"}', '{"a":"\\/"}', ' {}', '{}\n', '\ufeff{}', '{"a":[{"c":1,"b":2}]}', ''])('not canonical: %s', (text) => {
  expect(() => parseEntry(Buffer.from(text))).toThrow(SyntaxError);
});

test('numbers as names sort as texts', () => {
  expect(parseEntry(Buffer.from('{"10":1,"9":2,"a":3}'))).toEqual({ 9: 2, 10: 1, a: 3 });
});

test.each([[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf0, 0x9f, 0x94], [0xef, 0xbf]])('no UTF-8: %j %j %j', (...bytes) => {
  expect(() => parseEntry(Buffer.concat([Buffer.from('{"a":"'), Buffer.from(bytes), Buffer.from('"}')]))).toThrow(SyntaxError);
});

test('what was recorded is read back; what is not set is left out', () => {
  for (let seq = 1; seq <= 3; seq++) expect(parseEntry(printEntry({ ...entryAt(seq), tenant: undefined, details: undefined }))).toEqual(entryAt(seq));
});
