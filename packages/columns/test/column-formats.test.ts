/** The two formats of a column, the way from one to the other, and the reading modes. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { column, type ColumnDefinition, type ColumnEvent, type Stored } from '@lockfast/columns';
import { fernetKeyText, generateFernetKey, parseFernetKey } from '@lockfast/core/formats';
import { type FernetKey, ringFernetKeys, Secret } from '@lockfast/core/keyring';
import { describe, expect, test } from 'vitest';

import { heldRing, rotatedRing, SetClock } from './held-ring.ts';
import { refusalOf } from './refusal.ts';

const DAY_MS = 24 * 3600 * 1000;
const PYTHON = '/usr/bin/python3';
const missingPython = spawnSync(PYTHON, ['-c', 'import cryptography.fernet'], { stdio: 'ignore' }).status === 0 ? undefined : 'needs /usr/bin/python3 with cryptography';

const ring = await heldRing();
const ID = 'users.totp_secret';
const lfv1 = column(ring, { id: ID });
const fernet = column(ring, { id: ID, format: 'fernet' });
const foreign = column(await heldRing(), { id: ID });
const foreignFernet = column(await heldRing(), { id: ID, format: 'fernet' });

describe('[D2] Fernet', () => {
  test.for(['text', 'binary'] as const)('a token in %s', (storage) => {
    const tokens = column(ring, { id: ID, format: 'fernet', storage });
    const stored = tokens.encrypt('JBSWY3DPEHPK3PXP');
    expect(typeof stored === 'string').toBe(storage === 'text');
    expect(Buffer.from(stored as string).toString()).toMatch(/^gAAAAA[A-Za-z0-9_-]+=*$/);
    expect(tokens.decrypt(stored)).toBe('JBSWY3DPEHPK3PXP');
    expect(tokens.decryptBatch([...tokens.encryptBatch(['a', null, '']), stored])).toEqual(['a', null, '', 'JBSWY3DPEHPK3PXP']);
    expect(tokens.keyIdOf(stored)).toBe(`ring:${ring.active().id}`);
  });

  test('every value type', () => {
    const bytes = column(ring, { id: ID, format: 'fernet', as: 'bytes' });
    expect(bytes.decrypt(bytes.encrypt(Buffer.from([0xff, 0])))).toEqual(Buffer.from([0xff, 0]));
    const json = column(ring, { id: ID, format: 'fernet', as: 'json' });
    expect(json.decrypt(json.encrypt({ a: [false, 0, ''] }))).toEqual({ a: [false, 0, ''] });
  });

  test('tokens under the draining key of the ring open, and are told by their name', () => {
    const stored = fernet.encrypt('x');
    const later = column(rotatedRing(ring), { id: ID, format: 'fernet' });
    expect(later.decrypt(stored)).toBe('x');
    expect(later.keyIdOf(stored)).toBe(`ring:${ring.active().id}`);
    expect(later.keyIdOf(later.encrypt('x'))).not.toBe(`ring:${ring.active().id}`);
  });

  test('a token that no key opens is an error', () => {
    const stored = fernet.encrypt('x') as string;
    for (const reading of [stored.replace(/.(?==*$)/, (last) => (last === 'A' ? 'E' : 'A')), foreignFernet.encrypt('x')]) {
      expect(['invalid-token', 'malformed']).toContain(refusalOf(() => fernet.decrypt(reading)).code);
      expect(['invalid-token', 'malformed']).toContain(refusalOf(() => fernet.decryptBatch([stored, reading])).code);
    }
  });

  test('[T7] its age to the second, and a maximum age', () => {
    const clock = new SetClock(Date.UTC(2026, 0, 1));
    const limited = column(ring, { id: ID, format: 'fernet', maxAge: DAY_MS }, clock);
    const stored = limited.encrypt('x');
    clock.time += DAY_MS;
    expect(limited.ageOf(stored)).toBe(DAY_MS);
    expect(limited.decrypt(stored)).toBe('x');
    clock.time += 1000;
    expect(refusalOf(() => limited.decrypt(stored))).toMatchObject({ code: 'too-old' });
    expect(refusalOf(() => limited.decryptBatch([stored])).code).toBe('too-old');
    clock.time -= DAY_MS + 62_000;
    expect(refusalOf(() => limited.decrypt(stored)).code).toBe('too-old');
  });

  test('it takes no context, but for reading lfv1 while migrating', () => {
    expect(refusalOf(() => column(ring, { id: ID, format: 'fernet', context: ['user_id'] })).code).toBe('usage');
    const back = column(ring, { id: ID, format: 'fernet', context: ['user_id'], migrating: true });
    const bound = column(ring, { id: ID, context: ['user_id'] }).encrypt('x', { user_id: 7 });
    expect(back.decrypt(bound, { user_id: 7 })).toBe('x');
    expect(refusalOf(() => back.decrypt(bound, { user_id: 8 })).code).toBe('moved-or-altered');
    expect(refusalOf(() => back.decrypt(bound)).code).toBe('invalid-context');
  });

  test.skipIf(missingPython)(`[D2] [T7] tokens of Python open here, and ours there${missingPython === undefined ? '' : `: ${missingPython}`}`, () => {
    const seconds = 1_700_000_000;
    const own = ringFernetKeys(ring);
    const old = generateFernetKey();
    const keys: FernetKey[] = [...own, { name: 'env:OLD_ENCRYPTION_KEY', key: new Secret(parseFernetKey(old)) }];
    const clock = new SetClock(seconds * 1000);
    const ours = column(ring, { id: ID, format: 'fernet', fernetKeys: keys }, clock);
    const values = ['JBSWY3DPEHPK3PXP', '', 'ä€😀', 'x'.repeat(5000)];
    const { status, stdout, stderr } = spawnSync(PYTHON, ['-I', fileURLToPath(new URL('fernet-peer.py', import.meta.url))], {
      input: JSON.stringify({ keys: [fernetKeyText(own[0]!.key), old], read: ours.encryptBatch(values), make: values, seconds: seconds - 5 }),
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const answer = JSON.parse(stdout) as { read: string[]; times: number[]; made: string[] };
    expect(answer.read).toEqual(values);
    expect(answer.times).toEqual(values.map(() => seconds));
    expect(ours.decryptBatch(answer.made)).toEqual([...values, ...values]);
    expect(answer.made.map((token) => ours.ageOf(token))).toEqual(answer.made.map(() => 5000));
    expect(answer.made.map((token) => ours.keyIdOf(token))).toEqual([...values.map(() => `ring:${ring.active().id}`), ...values.map(() => 'env:OLD_ENCRYPTION_KEY')]);
    // As Django's BinaryField holds them.
    expect(column(ring, { id: ID, format: 'fernet', storage: 'binary', fernetKeys: keys }).decrypt(Buffer.from(answer.made[0]!))).toBe(values[0]);
  });
});

describe('[D3] [D4] migrating from one format to the other', () => {
  test.for<[string, ColumnDefinition, string]>([
    ['Fernet to lfv1', { id: ID, migrating: true }, 'lfv1.'],
    ['lfv1 to Fernet', { id: ID, format: 'fernet', migrating: true }, 'gAAAAA'],
  ])('%s: both are read, one is written', ([, definition, start]) => {
    const migrating = column(ring, definition);
    const stored = [lfv1.encrypt('a'), fernet.encrypt('b'), null, migrating.encrypt('c')];
    expect(stored[3]!.slice(0, start.length)).toBe(start);
    expect(migrating.decryptBatch(stored)).toEqual(['a', 'b', null, 'c']);
    expect(stored.map((one) => migrating.decrypt(one))).toEqual(['a', 'b', null, 'c']);
    expect(stored.map((one) => migrating.isEncrypted(one))).toEqual([true, true, false, true]);
    expect(migrating.keyIdOf(stored[0]!)).toBe(ring.active().id);
    expect(migrating.keyIdOf(stored[1]!)).toBe(`ring:${ring.active().id}`);
  });

  test('without it the other format is an error that says so, also where plaintext is allowed', () => {
    const told: ColumnEvent[] = [];
    for (const [format, stored] of [['lfv1', fernet.encrypt('x')], ['fernet', lfv1.encrypt('x')]] as const) {
      for (const definition of [{ id: ID, format }, { id: ID, format, reading: 'allow-plaintext', onPlaintext: (event: ColumnEvent) => told.push(event) }] as const) {
        const refusal = refusalOf(() => column(ring, definition).decrypt(stored));
        expect(refusal).toMatchObject({ code: 'not-encrypted', hint: expect.stringContaining('migrating: true') });
        expect(column(ring, definition).isEncrypted(stored)).toBe(false);
      }
    }
    expect(told).toEqual([]);
  });
});

describe('[D3] reading modes', () => {
  const told: ColumnEvent[] = [];
  const allowing = column(ring, { id: ID, reading: 'allow-plaintext', onPlaintext: (event) => told.push(event) });

  test('plaintext is handed out where it is allowed, counted, and told of each time', () => {
    expect(allowing.decrypt('JBSWY3DP')).toBe('JBSWY3DP');
    expect(allowing.decryptBatch(['a', lfv1.encrypt('b'), null, ''])).toEqual(['a', 'b', null, '']);
    expect(allowing.plaintextReads).toBe(3);
    expect(told).toEqual([1, 2, 3].map(() => ({ event: 'read-plaintext', column: ID, count: 1 })));
    expect(allowing.encrypt('JBSWY3DP')).toMatch(/^lfv1\./);
    expect(refusalOf(() => allowing.keyIdOf('JBSWY3DP')).code).toBe('not-encrypted');
    expect(refusalOf(() => allowing.ageOf('JBSWY3DP')).code).toBe('not-encrypted');
  });

  test('who is told may refuse', () => {
    const refusing = column(ring, {
      id: ID,
      reading: 'allow-plaintext',
      onPlaintext: () => {
        throw new Error('not after the migration');
      },
    });
    expect(() => refusing.decrypt('x')).toThrow('not after the migration');
  });

  test('plaintext of each type', () => {
    const quiet = { reading: 'allow-plaintext', onPlaintext: () => {} } as const;
    expect(column(ring, { id: ID, as: 'json', ...quiet }).decrypt('{"a":[1]}')).toEqual({ a: [1] });
    expect(refusalOf(() => column(ring, { id: ID, as: 'json', ...quiet }).decrypt('{')).code).toBe('invalid-text');
    expect(column(ring, { id: ID, as: 'bytes', storage: 'binary', ...quiet }).decrypt(Buffer.from([0xff]))).toEqual(Buffer.from([0xff]));
    expect(column(ring, { id: ID, storage: 'binary', ...quiet }).decrypt(Buffer.from('ä'))).toBe('ä');
    expect(refusalOf(() => column(ring, { id: ID, storage: 'binary', ...quiet }).decrypt(Buffer.from([0xff]))).code).toBe('invalid-text');
  });

  test('what a driver hands out in another storage than the column has is not plaintext', () => {
    const binary = column(ring, { id: ID, storage: 'binary', reading: 'allow-plaintext', onPlaintext: (event) => told.push(event) });
    const before = told.length;
    const hex = `\\x${Buffer.from(binary.encrypt('x') as Uint8Array).toString('hex')}`;
    expect(refusalOf(() => binary.decrypt(hex)).code).toBe('not-encrypted');
    expect(refusalOf(() => allowing.decrypt(Buffer.from('x'))).code).toBe('not-encrypted');
    expect(told.length).toBe(before);
  });

  test('[W5] a value that opens under no key is an error in every mode, never plaintext', () => {
    const before = told.length;
    const quiet = { reading: 'allow-plaintext', onPlaintext: (event: ColumnEvent) => told.push(event) } as const;
    const readers = (['lfv1', 'fernet'] as const).flatMap((format) =>
      [true, false].flatMap((migrating) => [column(ring, { id: ID, format, migrating }), column(ring, { id: ID, format, migrating, ...quiet })]),
    );
    const tokens: Stored[] = [foreign.encrypt('x'), foreignFernet.encrypt('x'), 'lfv1.', 'gAAAAA', (lfv1.encrypt('x') as string).slice(0, -1), (fernet.encrypt('x') as string).slice(0, -4)];
    // A character less may be a well-formed value by chance, of which the end is missing.
    const codes = ['missing-key', 'invalid-token', 'malformed', 'not-encrypted', 'moved-or-altered'];
    for (const reader of readers) {
      for (const stored of tokens) {
        expect(codes).toContain(refusalOf(() => reader.decrypt(stored)).code);
        expect(codes).toContain(refusalOf(() => reader.decryptBatch([null, stored])).code);
      }
    }
    expect(told.length).toBe(before);
  });
});

describe('an encrypted value is never encrypted again', () => {
  const values: [string, Stored][] = [
    ['lfv1', lfv1.encrypt('x')],
    ['lfv1 of another ring', foreign.encrypt('x')],
    ['lfv1 in binary', column(ring, { id: ID, storage: 'binary' }).encrypt('x')],
    ['lfv1 as bytes', Buffer.from(lfv1.encrypt('x') as string)],
    ['Fernet', fernet.encrypt('x')],
    ['Fernet of another ring', foreignFernet.encrypt('x')],
    ['Fernet as bytes', column(ring, { id: ID, format: 'fernet', storage: 'binary' }).encrypt('x')],
  ];
  const writers = (['lfv1', 'fernet'] as const).flatMap((format) =>
    (['text', 'binary'] as const).flatMap((storage) => [true, false].map((migrating) => ({ format, storage, migrating }))),
  );

  test.for(values)('%s', ([, value]) => {
    for (const writer of writers) {
      const actions =
        typeof value === 'string'
          ? (['text', 'json'] as const).flatMap((as) => {
              const tried = column(ring, { id: ID, as, ...writer });
              return [() => tried.encrypt(value), () => tried.encryptBatch([null, value])];
            })
          : [() => column(ring, { id: ID, as: 'bytes', ...writer }).encrypt(value), () => column(ring, { id: ID, as: 'bytes', ...writer }).encryptBatch([value])];
      for (const action of actions) expect(refusalOf(action)).toMatchObject({ code: 'already-encrypted', message: expect.stringMatching(/^users\.totp_secret: /) });
    }
  });

  test('a text that speaks of one is a text', () => {
    for (const value of ['lfv1.', 'gAAAAA', 'lfv1.kq2d5x.', `"${lfv1.encrypt('x') as string}`]) expect(lfv1.decrypt(lfv1.encrypt(value))).toBe(value);
  });
});
