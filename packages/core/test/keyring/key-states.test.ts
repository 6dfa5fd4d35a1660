/** The life of a key: each move of the table, none beside it, and what no sequence of moves may lose. */
import { KeyRing, type KeyState } from '@lockfast/core/keyring';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { refusalOf } from '../files/refusal.ts';
import { SetClock } from '../formats/keys.ts';
import { held, membersOf } from './rings.ts';

const source = held();
const context = { place: ['p'] };
const at = (day: number): SetClock => new SetClock(Date.UTC(2026, 0, day));
const iso = (day: number): string => new Date(Date.UTC(2026, 0, day)).toISOString();
const first = await KeyRing.create('production', [source], at(1));
const old = first.active().id;
const created = first.withNewKey(at(2));
const next = created.keys[1]!.id;
const rotated = created.withActive(next, at(3));

function stateOf(ring: KeyRing, id: string): KeyState {
  return ring.keys.find((key) => key.id === id)!.state;
}

async function reopened(ring: KeyRing): Promise<KeyRing> {
  const again = await KeyRing.open(ring.print(), 'ring', [source]);
  expect(again.version).toEqual(ring.version);
  expect(again.keys).toEqual(ring.keys);
  return again;
}

test('a key goes from staged to destroyed, and each moment is kept', async () => {
  const gone = rotated.withRetired(old, at(4)).withDestroyed(old, at(5));
  expect(gone.version.generation).toBe(5);
  expect((await reopened(gone)).keys).toEqual([
    { ...first.keys[0]!, state: 'destroyed', drained: iso(3), retired: iso(4), destroyed: iso(5), wrapped: '' },
    { ...created.keys[1]!, state: 'active', activated: iso(3) },
  ]);
});

test('the one before it drains: it decrypts, and the new one encrypts', async () => {
  const value = first.cipher({ purpose: 'env' }).encrypt('x', context);
  const ring = await reopened(rotated);
  expect(ring.keys.map(({ id, state }) => `${id} ${state}`)).toEqual([`${old} draining`, `${next} active`]);
  const cipher = ring.cipher({ purpose: 'env' });
  expect(cipher.decrypt(value, context)).toBe('x');
  expect(cipher.encrypt('y', context).slice(5, 11)).toBe(next);
  const retired = await reopened(ring.withRetired(old));
  expect(refusalOf(() => retired.cipher({ purpose: 'env' }).decrypt(value, context))).toMatchObject({ code: 'key-not-usable', message: `the key ${old} is retired` });
});

test('a staged key that is not wanted is retired without ever encrypting', () => {
  expect(created.withRetired(next, at(3)).keys[1]).toMatchObject({ state: 'retired', activated: null, drained: null, retired: iso(3) });
});

test('[D5] destroyed: the ring holds nothing of the key any more', async () => {
  const before = membersOf(rotated).keys[0]!.wrapped;
  const gone = rotated.withRetired(old).withDestroyed(old);
  expect(gone.print()).not.toContain(before);
  for (const encoding of ['hex', 'base64', 'base64url', 'latin1'] as const) expect(gone.print()).not.toContain(first.active().secret.use((bytes) => bytes.toString(encoding)));
  expect(refusalOf(() => gone.decrypting(old)).code).toBe('key-not-usable');
  expect((await gone.rewrappedFor([source])).keys[0]).toEqual(gone.keys[0]);
});

describe('moves that are none', () => {
  const retired = rotated.withRetired(old);
  const byState: Record<KeyState, [KeyRing, string]> = {
    staged: [created, next],
    active: [created, old],
    draining: [rotated, old],
    retired: [retired, old],
    destroyed: [retired.withDestroyed(old), old],
  };
  const MOVES = {
    activated: { move: (ring: KeyRing, id: string) => ring.withActive(id), from: ['staged'] },
    retired: { move: (ring: KeyRing, id: string) => ring.withRetired(id), from: ['staged', 'draining'] },
    destroyed: { move: (ring: KeyRing, id: string) => ring.withDestroyed(id), from: ['retired'] },
    'marked as compromised': { move: (ring: KeyRing, id: string) => ring.withCompromised(id), from: ['staged', 'active', 'draining', 'retired'] },
  };
  for (const [name, { move, from }] of Object.entries(MOVES)) {
    test.for(Object.entries(byState))(`%s -> ${name}`, ([state, [ring, id]]) => {
      if (from.includes(state)) {
        expect(move(ring, id).version.generation).toBe(ring.version.generation + 1);
      } else {
        expect(refusalOf(() => move(ring, id))).toEqual({
          code: 'invalid-transition',
          message: `the key ${id} is ${state} and can not be ${name}`,
          hint: `only a key that is ${from.join(' or ')} can: see \`lockfast key list\``,
        });
      }
    });
    test.for(['nobody', '', '__proto__', 'KQ2D5X'])(`%j -> ${name}: there is no such key, and it is not quoted`, (id) => {
      const refusal = refusalOf(() => move(rotated, id));
      expect(refusal).toEqual({ code: 'no-such-key', message: 'the key ring has no key of this id', hint: 'see `lockfast key list`' });
    });
  }
});

describe('compromised', () => {
  test('is a mark beside the state: what decrypts goes on to, and the time stays through every later move', async () => {
    const marked = await reopened(first.withCompromised(old, at(7)));
    expect(marked.keys[0]).toEqual({ ...first.keys[0]!, compromised: iso(7) });
    expect(marked.active().id).toBe(old);
    const id = marked.withNewKey().keys[1]!.id;
    const later = marked.withNewKey().withNewKey();
    const end = later.withActive(later.keys[1]!.id).withRetired(old).withDestroyed(old);
    expect(end.keys[0]).toMatchObject({ state: 'destroyed', compromised: iso(7) });
    expect(id).not.toBe(old);
  });

  test('the first mark counts', () => {
    expect(refusalOf(() => first.withCompromised(old).withCompromised(old))).toMatchObject({ code: 'invalid-transition', message: `the key ${old} is marked as compromised already` });
  });

  test('a compromised key never begins to encrypt', () => {
    expect(refusalOf(() => created.withCompromised(next).withActive(next))).toMatchObject({ code: 'invalid-transition', message: `the key ${next} is compromised and must not be activated` });
  });
});

describe('a departure', () => {
  test('stands until a key that was made after it becomes active', async () => {
    const left = await reopened(created.withDeparture(at(10)));
    expect(left.departure).toBe(iso(10));
    // Whoever left may have copied the staged key.
    expect(left.withActive(next, at(11)).departure).toBe(iso(10));
    const again = left.withNewKey(at(12));
    expect(again.departure).toBe(iso(10));
    expect((await reopened(again.withActive(again.keys[2]!.id, at(12)))).departure).toBeNull();
  });

  test('a second one does not put off the first', () => {
    expect(first.withDeparture(at(10)).withDeparture(at(11)).departure).toBe(iso(10));
  });

  test('a key of the same millisecond may have been seen', () => {
    const same = first.withDeparture(at(10)).withNewKey(at(10));
    expect(same.withActive(same.keys[1]!.id, at(11)).departure).toBe(iso(10));
  });
});

const MOVES: readonly ((ring: KeyRing, id: string, n: number) => KeyRing | Promise<KeyRing>)[] = [
  (ring) => ring.withNewKey(),
  (ring, id) => ring.withActive(id),
  (ring) => ring.withActive(ring.keys.at(-1)!.id),
  (ring, id) => ring.withRetired(id),
  (ring, id) => ring.withDestroyed(id),
  (ring, id) => ring.withCompromised(id),
  (ring) => ring.withDeparture(),
  (ring, _, n) => ring.reissued(n),
  (ring) => ring.rewrappedFor([source]),
  (ring) => KeyRing.open(ring.reissued(0).print(), 'ring', [source]),
];

test('any sequence of moves: one active key, growing generations, and nothing that is not retired stops decrypting', async () => {
  const step = fc.record({ move: fc.constantFrom(...MOVES), which: fc.nat(40) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      let ring = first;
      const values = new Map([[old, first.cipher({ purpose: 'env' }).encrypt(old, context)]]);
      for (const { move, which } of steps) {
        const before = ring;
        try {
          ring = await move(ring, ring.keys[which % ring.keys.length]!.id, which);
        } catch (error) {
          expect(error).toMatchObject({ code: 'invalid-transition' });
          continue;
        }
        expect(ring.version.generation).toBeGreaterThan(before.version.generation);
        expect(ring.keys.filter(({ state }) => state === 'active')).toHaveLength(1);
        expect(ring.keys.map(({ id }) => id).slice(0, before.keys.length)).toEqual(before.keys.map(({ id }) => id));
        const cipher = ring.cipher({ purpose: 'env' });
        const { id } = ring.active();
        if (!values.has(id)) values.set(id, cipher.encrypt(id, context));
        for (const [key, value] of values) {
          if (['retired', 'destroyed'].includes(stateOf(ring, key))) expect(refusalOf(() => cipher.decrypt(value, context)).code).toBe('key-not-usable');
          else expect(cipher.decrypt(value, context)).toBe(key);
        }
      }
      await reopened(ring);
    }),
    { numRuns: 60 },
  );
});
