/** One encrypted column: what comes back, what is refused and how, and what a value is bound to. */
import { column, type Column, type ColumnContext, type JsonValue, type Stored } from '@lockfast/columns';
import { ERROR_CODES } from '@lockfast/core/errors';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { heldRing, rotatedRing, SetClock } from './held-ring.ts';
import { refusalOf } from './refusal.ts';

const DAY_MS = 24 * 3600 * 1000;
const ring = await heldRing();
const ID = 'integrations.slack.bot_token';
const botToken = column(ring, { id: ID, context: ['org_id'] });
const acme = { org_id: 'acme' };
const free = column(ring, { id: 'tenants.api_key' });

describe('[D2] what is encrypted comes back', () => {
  test('[T1] a token, which is not in what is stored', () => {
    const stored = botToken.encrypt('xoxb-1', acme);
    expect(stored).toMatch(/^lfv1\.[a-z][a-z2-7]{5}\.[A-Za-z0-9_-]+$/);
    expect(stored).not.toContain('xoxb');
    expect(botToken.decrypt(stored, acme)).toBe('xoxb-1');
    expect(botToken.encrypt('xoxb-1', acme)).not.toBe(stored);
  });

  test('null is NULL, with or without a context', () => {
    expect(botToken.encrypt(null, acme)).toBeNull();
    expect(botToken.encrypt(null)).toBeNull();
    expect(botToken.decrypt(null, acme)).toBeNull();
    expect(botToken.encryptBatch([null, null])).toEqual([null, null]);
    expect(botToken.decryptBatch([null])).toEqual([null]);
    expect(free.encryptBatch([])).toEqual([]);
  });

  test.for(['', ' ', '0', 'null', 'ä€😀', '\0', 'lfv2.x', 'lfv1', 'gAAAA', 'line\r\nline', '\ufeffx', '\ufffd'])('the text %j', (value) => {
    const stored = free.encrypt(value);
    expect(stored).toMatch(/^lfv1\./);
    expect(free.decrypt(stored)).toBe(value);
  });

  test.for<JsonValue>([0, -1, 1.5, 1e300, false, true, '', '"', [], {}, [null], { a: null }, { a: [{ b: '' }] }, 'ä', '\ud800', [[[]]]])('the JSON value %j', (value) => {
    const json = column(ring, { id: 'users.settings', as: 'json' });
    const stored = json.encrypt(value);
    expect(stored).toMatch(/^lfv1\./);
    expect(json.decrypt(stored)).toEqual(value);
  });

  test('a member that is undefined is one that is not there; __proto__ is a name', () => {
    const json = column(ring, { id: 'users.settings', as: 'json' });
    expect(json.decrypt(json.encrypt({ a: undefined, b: 1 }))).toEqual({ b: 1 });
    const hostile = JSON.parse('{"__proto__":{"admin":true}}') as JsonValue;
    const back = json.decrypt(json.encrypt(hostile)) as Record<string, unknown>;
    expect(Object.keys(back)).toEqual(['__proto__']);
    expect(back['admin']).toBeUndefined();
  });

  test.for(['text', 'binary'] as const)('bytes, none of them too, in %s', (storage) => {
    const bytes = column(ring, { id: 'users.seed', as: 'bytes', storage });
    for (const value of [Buffer.alloc(0), Buffer.from([0]), Buffer.from([0xff, 0xfe]), new Uint8Array([1, 2, 3]).subarray(1)]) {
      const stored = bytes.encrypt(value);
      expect(typeof stored === 'string').toBe(storage === 'text');
      expect(Buffer.from(bytes.decrypt(stored))).toEqual(Buffer.from(value));
    }
  });

  test('in a binary column, a quarter smaller', () => {
    const binary = column(ring, { id: 'tenants.api_key', storage: 'binary' });
    const stored = binary.encrypt('x'.repeat(300));
    expect(stored).toBeInstanceOf(Uint8Array);
    expect(stored.length).toBeLessThan(0.8 * free.encrypt('x'.repeat(300)).length);
    expect(Buffer.from(stored as Uint8Array).toString('latin1', 0, 5)).toBe('lfv1.');
    expect(binary.decrypt(stored)).toBe('x'.repeat(300));
    // A table that is converted from text to bytea, or back, keeps its values.
    expect(free.decrypt(stored)).toBe('x'.repeat(300));
  });

  test.for(['text', 'binary'] as const)('its text form in a column of bytes is told as that, not as altered: storage %s', (storage) => {
    const bytes = Buffer.from(free.encrypt('x') as string, 'latin1');
    const read = column(ring, { id: 'tenants.api_key', storage });
    const told = { code: 'malformed', message: expect.stringContaining('in its text form') as unknown, hint: expect.stringContaining("storage: 'binary'") as unknown };
    expect(refusalOf(() => read.decrypt(bytes))).toMatchObject(told);
    expect(refusalOf(() => read.decryptBatch([null, bytes]))).toMatchObject(told);
    expect(refusalOf(() => read.decrypt(bytes.subarray(0, 90))).message).not.toContain('in its text form');
  });

  test('[B4] any text with any context, one by one and in batches, and nowhere else', () => {
    const context = fc.record({ org_id: fc.oneof(fc.string({ unit: 'binary' }), fc.integer(), fc.bigInt()) }, { noNullPrototype: true });
    const rows = fc.array(fc.record({ value: fc.option(fc.string({ unit: 'binary' })), context }, { noNullPrototype: true }), { maxLength: 20 });
    fc.assert(
      fc.property(rows, context, (all, elsewhere) => {
        const contexts = all.map((row) => row.context);
        const values = all.map(({ value }) => value);
        const stored = botToken.encryptBatch(values, contexts);
        expect(botToken.decryptBatch(stored, contexts)).toEqual(values);
        stored.forEach((one, i) => {
          expect(botToken.decrypt(one, contexts[i])).toBe(values[i]);
          if (one !== null && placeOf(contexts[i]!) !== placeOf(elsewhere)) expect(refusalOf(() => botToken.decrypt(one, elsewhere)).code).toBe('moved-or-altered');
        });
        expect(botToken.decryptBatch(values.map((value, i) => botToken.encrypt(value, contexts[i])), contexts)).toEqual(values);
      }),
      { numRuns: 50 },
    );
  });
});

describe('[B4] a value is bound to its place', () => {
  const stored = botToken.encrypt('x', acme);

  test.for<[string, () => unknown, string]>([
    ['another tenant', () => botToken.decrypt(stored, { org_id: 'globex' }), 'moved-or-altered'],
    ['another column', () => column(ring, { id: 'integrations.slack.app_token', context: ['org_id'] }).decrypt(stored, acme), 'moved-or-altered'],
    ['a column without the context', () => column(ring, { id: ID }).decrypt(stored), 'moved-or-altered'],
    ['a column with a longer context', () => column(ring, { id: ID, context: ['org_id', 'x'] }).decrypt(stored, { ...acme, x: '' }), 'moved-or-altered'],
  ])('%s', ([, read, code]) => {
    expect(refusalOf(read).code).toBe(code);
  });

  test('another environment: its ring does not have the key', async () => {
    const staging = column(await heldRing('staging'), { id: ID, context: ['org_id'] });
    expect(refusalOf(() => staging.decrypt(stored, acme))).toMatchObject({ code: 'missing-key', message: expect.stringContaining(`${ID}: `) });
  });

  test('another key under the same id', () => {
    const other = `${(stored as string).slice(0, 12)}${(free.encrypt('x') as string).slice(12)}`;
    expect(refusalOf(() => botToken.decrypt(other, acme)).code).toBe('moved-or-altered');
    const text = stored as string;
    const body = Buffer.from(text.slice(12), 'base64url');
    body[30]! ^= 1;
    expect(refusalOf(() => botToken.decrypt(text.slice(0, 12) + body.toString('base64url'), acme)).code).toBe('wrong-key');
  });

  test('an id is one place, however a driver hands it over', () => {
    const byNumber = botToken.encrypt('x', { org_id: 7 });
    expect(botToken.decrypt(byNumber, { org_id: 7n })).toBe('x');
    expect(botToken.decrypt(byNumber, { org_id: '7' })).toBe('x');
    const uuid = 'A3BB189E-8BF9-3888-9912-ACE4E6543002';
    expect(botToken.decrypt(botToken.encrypt('x', { org_id: uuid }), { org_id: uuid.toLowerCase() })).toBe('x');
  });

  test('contexts are in the order of the definition, not of the object', () => {
    const two = column(ring, { id: ID, context: ['a', 'b'] });
    expect(two.decrypt(two.encrypt('x', { a: 1, b: 2 }), { b: 2, a: 1 })).toBe('x');
    expect(refusalOf(() => two.decrypt(two.encrypt('x', { a: 1, b: 2 }), { a: 2, b: 1 })).code).toBe('moved-or-altered');
  });

  test.for<[string, Column<string>, unknown]>([
    ['none', botToken, undefined],
    ['null', botToken, null],
    ['text', botToken, 'acme'],
    ['empty', botToken, {}],
    ['another name', botToken, { org: 'acme' }],
    ['one too many', botToken, { org_id: 'acme', x: 1 }],
    ['one too many that is undefined', botToken, { org_id: 'acme', x: undefined }],
    ['a NULL', botToken, { org_id: null }],
    ['undefined', botToken, { org_id: undefined }],
    ['a fraction', botToken, { org_id: 1.5 }],
    ['a date', botToken, { org_id: new Date() }],
    ['ill-formed text', botToken, { org_id: '\ud800' }],
    ['inherited', botToken, Object.create({ org_id: 'acme' })],
    ['where there is none to give', free, { org_id: 'acme' }],
  ])('a context that is %s is refused, both ways and in batches', ([, tried, context]) => {
    const given = context as ColumnContext;
    const value = tried === free ? free.encrypt('x') : stored;
    for (const action of [
      () => tried.encrypt('x', given),
      () => tried.decrypt(value, given),
      () => tried.encryptBatch(['x'], [given]),
      () => tried.decryptBatch([value], [given]),
      () => tried.keyIdOf(value, given),
      () => tried.ageOf(value, given),
    ]) {
      const refusal = refusalOf(action);
      expect(refusal.code).toBe('invalid-context');
      expect(refusal.message).toContain(tried.id);
      expect(refusal.message).not.toContain('acme');
    }
  });

  test('an empty context object is no context', () => {
    expect(free.decrypt(free.encrypt('x', {}), undefined)).toBe('x');
  });
});

describe('a write is refused', () => {
  test.for<[unknown]>([[undefined], [0], [false], [1n], [{}], [Buffer.from('x')], [new Date()], ['\ud800'], [Symbol('x')]])('of %o as text', ([value]) => {
    expect(refusalOf(() => free.encrypt(value as string))).toMatchObject({ code: 'invalid-text', message: expect.stringMatching(/^tenants\.api_key: /) });
    expect(refusalOf(() => free.encryptBatch(['a', value as string])).code).toBe('invalid-text');
  });

  test.for<[unknown]>([['x'], [undefined], [[1]], [new ArrayBuffer(1)], [new DataView(new ArrayBuffer(1))]])('of %o as bytes', ([value]) => {
    expect(refusalOf(() => column(ring, { id: 'a.b', as: 'bytes' }).encrypt(value as Uint8Array)).code).toBe('invalid-text');
  });

  const around: unknown[] = [];
  around.push(around);
  test.for<[string, unknown]>([
    ['undefined', undefined],
    ['NaN', NaN],
    ['infinity', [Infinity]],
    ['a bigint', 1n],
    ['a date', { at: new Date() }],
    ['a map', new Map()],
    ['an object of a class', new (class A {
      readonly a = 1;
    })()],
    ['a function', { a: () => 1 }],
    ['toJSON', { toJSON: () => 1 }],
    ['a symbol', [Symbol('x')]],
    ['undefined in an array', [undefined]],
    // eslint-disable-next-line no-sparse-arrays
    ['a hole', [1, , 2]],
    ['what holds itself', around],
    ['bytes', Buffer.from('x')],
  ])('of %s as JSON: it would come back as something else', ([, value]) => {
    expect(refusalOf(() => column(ring, { id: 'a.b', as: 'json' }).encrypt(value as JsonValue)).code).toBe('invalid-text');
  });

  test('of one object twice, side by side, is not: that is no ring', () => {
    const shared = { a: 1 };
    const json = column(ring, { id: 'a.b', as: 'json' });
    expect(json.decrypt(json.encrypt([shared, shared]))).toEqual([shared, shared]);
  });

  test('of more than 16 MiB', () => {
    expect(refusalOf(() => free.encrypt('x'.repeat(16 * 2 ** 20 + 1))).code).toBe('too-large');
  });
});

describe('a read is refused', () => {
  const good = free.encrypt('x') as string;
  test.for<[string, unknown, string]>([
    ['plaintext', 'xoxb-1', 'not-encrypted'],
    ['the empty text', '', 'not-encrypted'],
    ['plaintext bytes', Buffer.from('x'), 'not-encrypted'],
    ['undefined: a column that was not selected', undefined, 'not-encrypted'],
    ['a number', 0, 'not-encrypted'],
    ['false', false, 'not-encrypted'],
    ['an object', {}, 'not-encrypted'],
    ['a value that is cut short', good.slice(0, 60), 'malformed'],
    ['only its first characters', 'lfv1.', 'malformed'],
    ['the same as bytes', Buffer.from('lfv1.'), 'malformed'],
    ['with a line ending', `${good}\n`, 'malformed'],
    ['a Fernet token that is cut short', 'gAAAAABl', 'malformed'],
    ['of an altered value', `${good.slice(0, -6)}${good.at(-6) === 'A' ? 'B' : 'A'}${good.slice(-5)}`, 'moved-or-altered'],
    ['a key that is not here', good.replace(/^lfv1\.[^.]*/, 'lfv1.zzzzzz'), 'missing-key'],
  ])('%s', ([, stored, code]) => {
    for (const reader of [free, column(ring, { id: 'tenants.api_key', migrating: true })]) {
      for (const action of [() => reader.decrypt(stored as Stored), () => reader.decryptBatch([good, stored as Stored, good]), () => reader.keyIdOf(stored as Stored), () => reader.ageOf(stored as Stored)]) {
        const refusal = refusalOf(action);
        expect(refusal.code).toBe(code);
        expect(refusal.message).toMatch(/^tenants\.api_key: /);
        expect(refusal.hint).not.toBe('');
        expect(ERROR_CODES).toContain(refusal.code);
      }
    }
  });

  test('[W5] a key that was retired or destroyed is named', async () => {
    const stored = column(ring, { id: 'a.b' }).encrypt('x');
    const older = ring.active().id;
    const rotated = rotatedRing(ring);
    expect(column(rotated, { id: 'a.b' }).decrypt(stored)).toBe('x');
    const retired = rotated.withRetired(older);
    for (const later of [retired, retired.withDestroyed(older)]) {
      expect(refusalOf(() => column(later, { id: 'a.b' }).decrypt(stored))).toMatchObject({ code: 'key-not-usable', message: expect.stringContaining(older) });
    }
  });

  test('bytes where text was asked for, and text where JSON was', () => {
    const asBytes = column(ring, { id: 'a.b', as: 'bytes' });
    expect(refusalOf(() => column(ring, { id: 'a.b' }).decrypt(asBytes.encrypt(Buffer.from([0xff])))).code).toBe('invalid-text');
    expect(refusalOf(() => column(ring, { id: 'a.b', as: 'json' }).decrypt(asBytes.encrypt(Buffer.from('{'))))).toMatchObject({ code: 'invalid-text' });
  });
});

describe('a batch is all or nothing', () => {
  test('a refusal says which value', () => {
    expect(refusalOf(() => free.encryptBatch(['a', null, 1 as unknown as string])).message).toBe('tenants.api_key: the value is not text (value 3 of 3)');
    const stored = [free.encrypt('a'), null, botToken.encrypt('b', acme), 'plain'];
    expect(refusalOf(() => free.decryptBatch(stored.slice(0, 3))).message).toMatch(/\(value 3 of 3\)$/);
    expect(refusalOf(() => free.decryptBatch(stored.toReversed())).message).toMatch(/\(value 1 of 4\)$/);
    expect(refusalOf(() => botToken.encryptBatch(['a', 'b'], [acme, undefined])).message).toMatch(/^integrations\.slack\.bot_token: .*\(value 2 of 2\)$/);
  });

  test('with one context for each value', () => {
    for (const contexts of [[], [acme], [acme, acme, acme]]) {
      expect(refusalOf(() => botToken.encryptBatch(['a', 'b'], contexts))).toMatchObject({ code: 'invalid-context', message: expect.stringMatching(/^integrations\.slack\.bot_token: /) });
      expect(refusalOf(() => botToken.decryptBatch(['a', 'b'], contexts)).code).toBe('invalid-context');
    }
  });

  test('of values under several keys, in several forms', () => {
    const rotated = rotatedRing(ring);
    const later = column(rotated, { id: 'tenants.api_key', storage: 'binary' });
    const stored = [free.encrypt('a'), later.encrypt('b'), null, free.encrypt('c'), column(rotated, { id: 'tenants.api_key' }).encrypt('d')];
    expect(later.decryptBatch(stored)).toEqual(['a', 'b', null, 'c', 'd']);
  });

  test('of 3000 values', () => {
    const values = Array.from({ length: 3000 }, (_, i) => (i % 7 === 0 ? null : `value ${i}`));
    const contexts = values.map((_, i) => ({ org_id: i }));
    expect(botToken.decryptBatch(botToken.encryptBatch(values, contexts), contexts)).toEqual(values);
  });
});

describe('what is known of a value', () => {
  const clock = new SetClock(Date.UTC(2026, 0, 1));
  const dated = column(ring, { id: 'a.b' }, clock);
  const stored = dated.encrypt('x');

  test('[B3] its key, proven by decrypting', () => {
    expect(dated.keyIdOf(stored)).toBe(ring.active().id);
    expect(column(rotatedRing(ring), { id: 'a.b' }).keyIdOf(stored)).toBe(ring.active().id);
    expect(refusalOf(() => free.keyIdOf(stored)).code).toBe('moved-or-altered');
  });

  test('[T7] its age, and a maximum age', () => {
    clock.time += DAY_MS;
    expect(dated.ageOf(stored)).toBe(DAY_MS);
    const limited = column(ring, { id: 'a.b', maxAge: DAY_MS }, clock);
    expect(limited.decrypt(stored)).toBe('x');
    clock.time += 1;
    for (const read of [() => limited.decrypt(stored), () => limited.decryptBatch([limited.encrypt('y'), stored])]) {
      expect(refusalOf(read)).toMatchObject({ code: 'too-old', message: expect.stringMatching(/^a\.b: /) });
    }
    // What is too old is still known.
    expect(limited.ageOf(stored)).toBe(DAY_MS + 1);
    expect(limited.keyIdOf(stored)).toBe(ring.active().id);
    clock.time -= DAY_MS + 61_000;
    expect(refusalOf(() => limited.decrypt(stored)).code).toBe('too-old');
    clock.time += 1_000;
    expect(limited.decrypt(stored)).toBe('x');
  });

  test('[T7] a batch has one time; a value without a time is refused where there is a maximum age', () => {
    const batch = dated.encryptBatch(['a', 'b']);
    expect(batch.map((one) => dated.ageOf(one!))).toEqual([0, 0]);
    const [timeless] = ring.cipher({ purpose: 'column' }).sealBatch([{ value: 'x', created: undefined, context: { place: ['a.b'] } }], 'text');
    expect(dated.ageOf(timeless!)).toBeUndefined();
    expect(dated.decrypt(timeless!)).toBe('x');
    expect(refusalOf(() => column(ring, { id: 'a.b', maxAge: DAY_MS }).decrypt(timeless!)).code).toBe('too-old');
  });

  test('whether it is one', () => {
    expect(free.isEncrypted(stored)).toBe(true);
    for (const other of [null, undefined, 0, '', 'x', 'lfv1.', {}, Buffer.alloc(0), [stored]]) expect(free.isEncrypted(other)).toBe(false);
  });
});

function placeOf({ org_id }: ColumnContext): string {
  return String(org_id);
}
