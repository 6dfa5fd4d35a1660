/** The bytes under the MAC: RFC 8785, and no object that two readers could understand differently. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { canonicalJson, type Json, parseJson } from '../../src/formats/canonical-json.ts';
import { cases, LONG } from '../formats/scale.ts';

test('RFC 8785 section 3.2.3: members sort by UTF-16 code units', () => {
  const input = {
    '\u20ac': 'Euro Sign', '\r': 'Carriage Return', '\ufb33': 'Hebrew Letter Dalet With Dagesh', '1': 'One',
    '\ud83d\ude00': 'Emoji: Grinning Face', '\u0080': 'Control', '\u00f6': 'Latin Small Letter O With Diaeresis',
  };
  expect(Object.values(JSON.parse(canonicalJson(input)) as object).filter((value) => value !== 'One')).toEqual([
    'Carriage Return', 'Control', 'Latin Small Letter O With Diaeresis', 'Euro Sign', 'Emoji: Grinning Face', 'Hebrew Letter Dalet With Dagesh',
  ]);
  // JSON.parse puts a member that looks like an index first; the text has it in its place.
  expect(canonicalJson(input)).toMatch(/^\{"\\r":"Carriage Return","1":"One","\u0080":/);
});

test('RFC 8785 section 3.2.2: the sample, without the fractions that a ring never holds', () => {
  const input = JSON.parse('{ "string": "\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/", "literals": [null, true, false] }') as Json;
  expect(canonicalJson(input)).toBe('{"literals":[null,true,false],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}');
});

test.for<[string, Json]>([['0', 0], ['0', -0], ['-1', -1], ['9007199254740991', Number.MAX_SAFE_INTEGER], ['[]', []], ['{}', {}], ['""', '']])('%s', ([text, value]) => {
  expect(canonicalJson(value)).toBe(text);
});

test.for([1.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, 1e21])('%d has no canonical form here', (value) => {
  expect(() => canonicalJson({ value })).toThrow(TypeError);
});

const json = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.string({ unit: 'binary' }), fc.maxSafeInteger(), fc.boolean(), fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string({ unit: 'binary', maxLength: 5 }), tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value;

test('what says the same has one form; reading it gives it back', LONG, () => {
  fc.assert(
    fc.property(json, (value) => {
      const text = canonicalJson(value);
      expect(canonicalJson(parseJson(text))).toBe(text);
      expect(canonicalJson(parseJson(JSON.stringify(value, null, 3)))).toBe(text);
    }),
    { numRuns: cases(1_000) },
  );
});

describe('a member named twice', () => {
  test.for([
    '{"a":1,"a":1}', '{"a":1,"b":2,"a":3}', '{"a":1,"\\u0061":2}', '{"x":{"a":1,"a":2}}', '[{"a":1},{"b":1,"b":2}]', '{"":1,"":2}',
    '{"a":[1,{"b":2}],"a":3}', '{"a":{"a":1},"a":2}', '{"a" :1,"a"\t\r\n :2}', `{"a":1,"a"${' '.repeat(1000)}:2}`, '{"__proto__":1,"__proto__":2}', '{"a\\"":1,"a\\"":2}', '{"\\\\":1,"\\\\":2}',
  ])('%s', (text) => {
    expect(() => parseJson(text)).toThrow(SyntaxError);
  });

  test.for([
    '{"a":1,"b":1}', '{"a":{"a":{"a":1}}}', '[{"a":1},{"a":1}]', '{"a":"a","b":"a"}', '{"a":["a","a"],"b":"a"}', '{"a":"{\\"a\\":1,\\"a\\":2}"}', '{"a":":","b":"\\":"}', '["a" ,"a" ]',
    '{"a":"\\\\","b":"a"}', '{"é":1,"e\u0301":2}',
  ])('not here: %s', (text) => {
    expect(parseJson(text)).toEqual(JSON.parse(text));
  });

  test('anywhere in any document', LONG, () => {
    const object = fc.dictionary(fc.string({ unit: 'binary', maxLength: 5 }), json, { minKeys: 1, maxKeys: 4, noNullPrototype: true });
    fc.assert(
      fc.property(object, fc.nat(), json, fc.stringMatching(/^[ \t\r\n]{0,80}$/), (members, which, again, space) => {
        const names = Object.keys(members);
        const name = names[which % names.length]!;
        const body = JSON.stringify(members).slice(1, -1);
        const twice = `{${body},${JSON.stringify(name)}${space}:${JSON.stringify(again)}}`;
        expect(() => parseJson(`[${JSON.stringify(again)},{"x":${twice}}]`)).toThrow(SyntaxError);
      }),
      { numRuns: cases(1_000) },
    );
  });
});
