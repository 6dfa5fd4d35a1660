/** A ring that anybody touched does not open, or opens with what it held before: never with anything else. */
import type { KeySource } from '@lockfast/core/ports';
import { LockfastError } from '@lockfast/core/errors';
import { KeyRing, parseRing } from '@lockfast/core/keyring';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { laterRefusalOf, refusalOf } from '../files/refusal.ts';
import { DEEP, LONG } from '../formats/scale.ts';
import { altered, held, membersOf, type RingMembers } from './rings.ts';

const first = held('file:first.key');
const second = held('env:SECOND');
const made = (await KeyRing.create('production', [first])).withNewKey();
const ring = await made.withCompromised(made.active().id).withDeparture().withSource(second);
const text = ring.print();
const bytes = Buffer.from(text);

const CODES = ['ring-malformed', 'ring-tampered', 'unsupported-format', 'wrong-key', 'moved-or-altered', 'malformed'];

/** Opens with the same content, or is refused with a code of a ring. */
async function opensAsBefore(candidate: string, sources: readonly KeySource[] = [first]): Promise<boolean> {
  try {
    const opened = await KeyRing.open(candidate, 'ring', sources);
    expect(opened.version).toEqual(ring.version);
    expect(JSON.parse(opened.print())).toEqual(JSON.parse(text));
    return true;
  } catch (error) {
    if (!(error instanceof LockfastError) || !CODES.includes(error.code)) throw error;
    return false;
  }
}

async function codeOf(candidate: string | RingMembers): Promise<string> {
  return (await laterRefusalOf(KeyRing.open(typeof candidate === 'string' ? candidate : JSON.stringify(candidate), 'ring', [first]))).code;
}

test(`[D5] ${DEEP ? 'every' : 'any'} change of one byte`, LONG, async () => {
  const change = async (at: number, by: number): Promise<void> => {
    const other = Buffer.from(bytes);
    other[at]! ^= by;
    const same = await opensAsBefore(other.toString('utf8'));
    // White space may become other white space; everything else is authenticated.
    if (same) expect(bytes[at]! + other[at]!).toBeLessThanOrEqual(0x40);
  };
  if (DEEP) {
    for (let at = 0; at < bytes.length; at++) for (let by = 1; by < 256; by++) await change(at, by);
  } else {
    await fc.assert(fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), change), { numRuns: 1000 });
  }
});

test('[D5] every truncation', LONG, async () => {
  // Its last byte is a newline.
  for (let length = 0; length < bytes.length - 1; length += DEEP ? 1 : 7) expect(await codeOf(bytes.toString('utf8', 0, length))).toBe('ring-malformed');
  expect(await opensAsBefore(text.trimEnd())).toBe(true);
});

describe('what says the same is the same', () => {
  const members = membersOf(ring);
  test.for<[string, string]>([
    ['without white space', JSON.stringify(members)],
    ['with much white space', JSON.stringify(members, null, 9).replaceAll('\n', '\r\n\t ')],
    ['members in another order', JSON.stringify(Object.fromEntries(Object.entries(members).toReversed()))],
    ['members of members in another order', JSON.stringify({ ...members, keys: members.keys.map((key) => Object.fromEntries(Object.entries(key).toReversed())) })],
    ['escaped characters', text.replace('"production"', '"\\u0070roduction"')],
    ['an escaped name', text.replace('"mac"', '"\\u006dac"')],
    ['a number written otherwise', text.replace('"generation": 5', '"generation": 5.0e0')],
  ])('%s', async ([, other]) => {
    expect(other).not.toBe(text);
    expect(await opensAsBefore(other)).toBe(true);
  });
});

describe('a document that is none', () => {
  const members = membersOf(ring);
  const [key] = members.keys;
  const [source] = members.sources;
  test.for<[string, unknown]>([
    ['an empty file', ''],
    ['no JSON', 'lockfast'],
    ['null', 'null'],
    ['an array', '[]'],
    ['a number', '7'],
    ['a byte order mark', `\ufeff${text}`],
    ['something after it', `${text}{}`],
    ['a comment', `// ring\n${text}`],
    ['a trailing comma', text.replace(/\n}\n$/, ',\n}\n')],
    ['no format', { ...members, format: undefined }],
    ['a format of something else', { ...members, format: 'age-encryption.org/v1' }],
    ['a format that is no text', { ...members, format: 1 }],
    ['an unknown member', { ...members, note: 'mine' }],
    ['an unknown member of a key', { ...members, keys: [{ ...key, comment: '' }, ...members.keys.slice(1)] }],
    ['a backup\'s member', { ...members, ledger: null }],
    ['a mark that is no time', { ...members, keys: [{ ...key, compromised: true }, ...members.keys.slice(1)] }],
    ['a departure that is no time', { ...members, departure: false }],
    ...Object.keys(key!).map((name): [string, unknown] => [`a key without ${name}`, { ...members, keys: [{ ...key, [name]: undefined }, ...members.keys.slice(1)] }]),
    ['format 2 called format 1', { ...members, format: 'lockfast-keyring/1' }],
    ['a key of format 1', { ...members, keys: members.keys.map(({ id, state, created, activated, fingerprint, wrapped }) => ({ id, state, created, activated, fingerprint, wrapped })) }],
    ['an unknown member of a source', { ...members, sources: [{ ...source, comment: '' }] }],
    ['a member called __proto__', text.replace('"backup"', '"__proto__": null, "backup"')],
    ...Object.keys(members).map((name): [string, unknown] => [`no ${name}`, { ...members, [name]: undefined }]),
    ['a generation of zero', { ...members, generation: 0 }],
    ['a negative generation', { ...members, generation: -1 }],
    ['a fraction of a generation', { ...members, generation: 1.5 }],
    ['a generation beyond the safe integers', text.replace('"generation": 5', '"generation": 9007199254740993')],
    ['a generation that is text', { ...members, generation: '5' }],
    ['a ring id of another form', { ...members, ring: 'ABCDEFGHIJ234567' }],
    ['an environment with a slash', { ...members, environment: 'a/b' }],
    ['an environment that ends in a newline', { ...members, environment: 'production\n' }],
    ['no keys', { ...members, keys: [] }],
    ['no sources', { ...members, sources: [] }],
    ['keys as an object', { ...members, keys: { key } }],
    ['a key that is null', { ...members, keys: [null] }],
    ['a key twice', { ...members, keys: [key, key] }],
    ['two active keys', { ...members, keys: members.keys.map((one) => ({ ...one, state: 'active' })) }],
    ['an unknown state', { ...members, keys: [{ ...key, state: 'stolen' }] }],
    ['a key id of another form', { ...members, keys: [{ ...key, id: 'KQ2D5X' }] }],
    ['a key id with a newline', { ...members, keys: [{ ...key, id: `${key!.id.slice(0, 5)}\n` }] }],
    ['a fingerprint of another form', { ...members, keys: [{ ...key, fingerprint: 'sha256:00' }] }],
    ['a time of another form', { ...members, keys: [{ ...key, created: '2026-01-01' }] }],
    ['65 sources', { ...members, sources: Array.from({ length: 65 }, () => source) }],
  ])('%s', async ([, other]) => {
    const candidate = typeof other === 'string' ? other : JSON.stringify(other);
    expect(await laterRefusalOf(KeyRing.open(candidate, '/etc/ring.json', [first]))).toMatchObject({ code: 'ring-malformed' });
  });

  test.for(['lockfast-keyring/5', 'lockfast-keyring/1.1', 'lockfast-keyring/', 'lockfast-backup/5', 'lockfast-ledger/1'])('a newer format is told apart: %s', async (format) => {
    const refusal = refusalOf(() => parseRing(JSON.stringify({ ...members, format }), 'ring'));
    expect(refusal).toEqual({ code: 'unsupported-format', message: 'ring has a format that this Lockfast does not know', hint: 'upgrade Lockfast on this machine' });
  });

  test('depth and size do not hang or crash it', async () => {
    const start = performance.now();
    for (const other of ['['.repeat(1_000_000), `{"a":`.repeat(200_000), `"${'a\\n'.repeat(1_000_000)}"`, `${' '.repeat(3_000_000)}x`, `[${'"a" ,'.repeat(100_000)}"a"]`, `["a"${' '.repeat(3_000_000)}]`]) {
      expect(await codeOf(other)).toBe('ring-malformed');
    }
    expect(performance.now() - start).toBeLessThan(8_000);
  });
});

describe('a member named twice is refused, wherever and however', () => {
  const last = '"mac"';
  test.for<[string, string]>([
    ['at the top', text.replace(last, '"generation": 6, "mac"')],
    ['with the same value', text.replace(last, '"generation": 5, "mac"')],
    ['escaped', text.replace(last, '"gener\\u0061tion": 4, "mac"')],
    ['before', text.replace('{', '{"environment": "staging",')],
    ['in a key', text.replace('"state"', '"state": "retired", "state"')],
    ['in a source', text.replace('"added"', '"source": "file:x", "added"')],
    ['white space before its colon', text.replace(last, `"generation"${' '.repeat(70)}: 4, "mac"`)],
    ['very much white space before its colon', text.replace(last, `"generation"${'\n\t '.repeat(10_000)}: 4, "mac"`)],
  ])('%s', async ([, other]) => {
    expect(JSON.parse(other)).toBeDefined();
    expect(await laterRefusalOf(KeyRing.open(other, 'ring', [first]))).toMatchObject({
      code: 'ring-malformed',
      message: 'ring is not JSON, or names a member twice',
    });
  });
});

describe('[D5] an edit by hand, each found', () => {
  const edit = (change: (members: RingMembers) => void): RingMembers => {
    const members = membersOf(ring);
    change(members);
    return members;
  };
  test.for<[string, string, RingMembers]>([
    ['a higher generation', 'ring-tampered', edit((one) => (one.generation = 99))],
    ['a key revived or retired', 'ring-tampered', edit((one) => (one.keys[0]!.state = 'retired'))],
    ['a key removed', 'ring-tampered', edit((one) => one.keys.pop())],
    ['keys in another order', 'ring-tampered', edit((one) => (one.keys = one.keys.toReversed()))],
    ['a key renamed', 'ring-tampered', edit((one) => (one.keys[0]!.id = 'zzzzzz'))],
    ['a fingerprint', 'ring-tampered', edit((one) => (one.keys[0]!.fingerprint = one.keys[1]!.fingerprint))],
    ['wrapped keys exchanged', 'ring-tampered', edit(({ keys: [a, b] }) => ([a!.wrapped, b!.wrapped] = [b!.wrapped, a!.wrapped]))],
    ['a source removed', 'ring-tampered', edit((one) => one.sources.pop())],
    ['a source renamed', 'ring-tampered', edit((one) => (one.sources[1]!.source = 'env:THIRD'))],
    ['a date', 'ring-tampered', edit((one) => (one.keys[0]!.created = '2000-01-01T00:00:00.000Z'))],
    ['a backup that was never made', 'ring-tampered', edit((one) => (one.backup = '2000-01-01T00:00:00.000Z'))],
    ['a mark taken away', 'ring-tampered', edit((one) => (one.keys[0]!.compromised = null))],
    ['a mark put there', 'ring-tampered', edit((one) => (one.keys[1]!.compromised = '2000-01-01T00:00:00.000Z'))],
    ['a departure taken away', 'ring-tampered', edit((one) => (one.departure = null))],
    ['a date of retirement', 'ring-tampered', edit((one) => (one.keys[0]!.retired = '2000-01-01T00:00:00.000Z'))],
    ['the MAC', 'ring-tampered', edit((one) => (one.mac = one.mac.replace(/^./, (c) => (c === 'A' ? 'B' : 'A'))))],
    ['the MAC padded', 'ring-tampered', edit((one) => (one.mac += '='))],
    ['the MAC with a newline', 'ring-tampered', edit((one) => (one.mac += '\n'))],
    ['surplus bits in the last character of the MAC', 'ring-tampered', edit((one) => (one.mac = one.mac.replace(/.$/, (c) => String.fromCharCode(c.charCodeAt(0) + 1))))],
    ['the MAC cut short', 'ring-tampered', edit((one) => (one.mac = one.mac.slice(0, 22)))],
    ['another environment', 'moved-or-altered', edit((one) => (one.environment = 'staging'))],
    ['another ring id', 'moved-or-altered', edit((one) => (one.ring = 'abcdefghij234567'))],
    ['the wrapped ring key cut short', 'malformed', edit((one) => one.sources.forEach((source) => (source.wrapped = source.wrapped.slice(4))))],
  ])('%s: %s', async ([, code, members]) => {
    expect(await codeOf(members)).toBe(code);
  });

  test('a wrapped ring key of another ring', async () => {
    const other = membersOf(await KeyRing.create('production', [first]));
    expect(await codeOf({ ...membersOf(ring), sources: other.sources })).toBe('moved-or-altered');
    expect(await codeOf({ ...membersOf(ring), keys: other.keys })).toBe('ring-tampered');
    expect(await codeOf({ ...membersOf(ring), mac: other.mac })).toBe('ring-tampered');
  });

  test('sources exchanged between two places of one ring', async () => {
    const members = edit(({ sources: [a, b] }) => ([a!.wrapped, b!.wrapped] = [b!.wrapped, a!.wrapped]));
    expect(await codeOf(members)).toBe('ring-tampered');
  });

  test('an old version put together with a new one', async () => {
    const newer = ring.withNewKey();
    expect(await codeOf({ ...membersOf(newer), keys: membersOf(ring).keys })).toBe('ring-tampered');
    expect(await codeOf({ ...membersOf(ring), generation: newer.version.generation })).toBe('ring-tampered');
  });
});

test('a wrapped key that the MAC covers and that was moved all the same does not open', async () => {
  // Written by somebody with the ring's own key, which is the only way past the MAC.
  const exchanged = await altered(ring, first, ({ keys: [a, b] }) => ([a!.wrapped, b!.wrapped] = [b!.wrapped, a!.wrapped]));
  const opened = await KeyRing.open(exchanged, 'ring', [first]);
  expect(refusalOf(() => opened.active()).code).toBe('moved-or-altered');
});
