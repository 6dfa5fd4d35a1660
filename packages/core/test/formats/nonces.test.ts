/** A nonce is never chosen by a caller, never repeats, and is never drawn where it could. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

import * as formats from '@lockfast/core/formats';
import type { Context, DecryptLimits, ValueCipher, ValueScope } from '@lockfast/core/formats';
import { buildSync } from 'esbuild';
import { afterEach, describe, expect, expectTypeOf, onTestFinished, test, vi } from 'vitest';

import { Nonces } from '../../src/formats/nonces.ts';
import { XaesKey } from '../../src/formats/xaes.ts';
import { cipherOf } from './keys.ts';
import { DEEP, LONG } from './scale.ts';

const context: Context = { place: ['t.c'] };

/** The 24 bytes behind the header of a binary value. */
function nonceOf(value: Uint8Array): string {
  return Buffer.from(value).toString('latin1', 12, 36);
}

function prefixOf(value: Uint8Array): string {
  return nonceOf(value).slice(0, 12);
}

function textPrefix(value: string): string {
  return value.slice(12, 28);
}

test('[B4] unique, from several threads of one process under one key', LONG, async () => {
  const each = DEEP ? 250_000 : 5_000;
  const script = new URL('nonce-worker.ts', import.meta.url);
  const workers = [1, 2].map(
    () =>
      new Promise<Buffer>((done, failed) => {
        const worker = new Worker(script, { workerData: each, execArgv: ['--conditions=lockfast-source'] });
        worker.once('message', (message: Uint8Array) => done(Buffer.from(message)));
        worker.once('error', failed);
      }),
  );
  const cipher = cipherOf();
  const nonces = new Set<string>();
  for (let i = 0; i < each; i++) nonces.add(nonceOf(cipher.encryptBinary('x', context)));
  const many = Array.from({ length: each }, () => 'x');
  for (const value of cipher.encryptBatch(many, many.map(() => context))) nonces.add(Buffer.from(value.slice(12, 44), 'base64url').toString('latin1'));
  for (const drawn of await Promise.all(workers)) {
    for (let at = 0; at < drawn.length; at += 24) nonces.add(drawn.toString('latin1', at, at + 24));
  }
  expect(nonces.size).toBe(4 * each);
});

test('each half of the suffix bits is about as often set as not', () => {
  const cipher = cipherOf();
  const count = 4096;
  const set = new Uint32Array(96);
  for (let i = 0; i < count; i++) {
    const suffix = cipher.encryptBinary('x', context).subarray(24, 36);
    for (let bit = 0; bit < 96; bit++) set[bit]! += (suffix[bit >> 3]! >> (bit & 7)) & 1;
  }
  // Eight standard deviations: a constant or a counting bit is found, chance is not.
  for (const times of set) expect(Math.abs(times - count / 2)).toBeLessThan(8 * Math.sqrt(count / 4));
});

describe('the first half is shared, and renewed', () => {
  afterEach(() => void vi.useRealTimers());

  /** The first half of a new nonce, in hexadecimal, for a value of so many bytes. */
  function drawer(): (bytes: number) => string {
    const nonces = new Nonces(new XaesKey(Buffer.alloc(32, 1)));
    const out = Buffer.alloc(24);
    return (bytes) => nonces.draw(bytes, out) && out.toString('hex', 0, 12);
  }

  test('after 65 536 values', () => {
    const nonces = drawer();
    const prefixes = Array.from({ length: 2 * 65_536 + 1 }, () => nonces(1));
    expect(new Set(prefixes.slice(0, 65_536)).size).toBe(1);
    expect(new Set(prefixes.slice(65_536, 2 * 65_536)).size).toBe(1);
    expect(new Set(prefixes).size).toBe(3);
  });

  test('after 65 536 values in the middle of a batch', LONG, () => {
    const cipher = cipherOf();
    const values = Array.from({ length: 65_540 }, (_, i) => `${i}`);
    const batch = cipher.encryptBatch(values, values.map(() => context));
    expect(new Set(batch.slice(0, 65_536).map(textPrefix)).size).toBe(1);
    expect(new Set(batch.slice(65_536).map(textPrefix)).size).toBe(1);
    expect(textPrefix(batch[65_536]!)).not.toBe(textPrefix(batch[65_535]!));
    expect(new Set(batch.map((value) => value.slice(12, 44))).size).toBe(values.length);
    expect(batch.slice(65_530).map((value) => cipher.decrypt(value, context))).toEqual(values.slice(65_530));
  });

  test('after one GiB', () => {
    const nonces = drawer();
    const prefixes = Array.from({ length: 65 }, () => nonces(16 * 2 ** 20));
    expect(new Set(prefixes.slice(0, 64)).size).toBe(1);
    expect(prefixes[64]).not.toBe(prefixes[63]);
    // One that would lead beyond it is the first under the next.
    const other = drawer();
    expect(other(2 ** 30 - 1)).not.toBe(other(2));
  });

  test('after five minutes, by a clock that nobody sets back', () => {
    vi.useFakeTimers({ toFake: ['hrtime', 'performance', 'Date'] });
    const cipher = cipherOf();
    const prefixAt = (ms: number): string => {
      vi.advanceTimersByTime(ms);
      return prefixOf(cipher.encryptBinary('x', context));
    };
    const first = prefixAt(0);
    expect(prefixAt(298_999)).toBe(first);
    const second = prefixAt(1_001);
    expect(second).not.toBe(first);
    // The five minutes count from its first value, not from its last.
    expect(prefixAt(200_000)).toBe(second);
    expect(prefixAt(100_000)).not.toBe(second);
    vi.setSystemTime(0);
    expect(prefixAt(1)).toBe(prefixAt(1));
  });

  test('for each key, purpose, salt and writer', () => {
    const scopes = [{}, {}, { purpose: 'env' }, { salt: Buffer.alloc(32, 1) }];
    expect(new Set(scopes.map((scope) => prefixOf(cipherOf(undefined, scope).encryptBinary('x', context)))).size).toBe(4);
  });
});

describe('a V8 start-up snapshot', () => {
  /** A script for `node --build-snapshot`, in one file of CommonJS as it must be. */
  function built(script: string): string {
    const directory = mkdtempSync(join(tmpdir(), 'lockfast-snapshot-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const outfile = join(directory, 'entry.cjs');
    buildSync({
      stdin: { contents: script, resolveDir: fileURLToPath(new URL('.', import.meta.url)), loader: 'ts' },
      outfile, bundle: true, platform: 'node', format: 'cjs', target: 'node24', conditions: ['lockfast-source'], logLevel: 'warning',
    });
    return outfile;
  }

  test.for([
    ['one value', "cipher.encrypt('x', { place: ['p'] })"],
    ['a batch', "cipher.encryptBatch(['x'], [{ place: ['p'] }])"],
    ['a batch with times', "cipher.sealBatch([{ value: 'x', created: 0, context: { place: ['p'] } }], 'binary')"],
  ] as const)('refuses %s: its nonces would repeat in every process', ([, action]) => {
    const entry = built(`
      import { cipherOf } from './keys.ts';
      const cipher = cipherOf();
      try { ${action}; process._rawDebug('encrypted'); } catch (error) { process._rawDebug(error.message); }
      process.exit(0);
    `);
    const { stderr, stdout } = spawnSync(process.execPath, ['--snapshot-blob', join(entry, '../blob'), '--build-snapshot', entry], { encoding: 'utf8' });
    expect(stdout + stderr).toContain('a value can not be encrypted while a V8 start-up snapshot is being built');
    expect(stdout + stderr).not.toContain('\nencrypted');
  });

  test('the same script outside of one encrypts', () => {
    const entry = built("import { cipherOf } from './keys.ts'; process.stdout.write(cipherOf().encrypt('x', { place: ['p'] }));");
    expect(execFileSync(process.execPath, [entry], { encoding: 'utf8' })).toMatch(/^lfv1\.newer3\./);
  });
});

describe('no caller chooses a nonce', () => {
  test('the package exports nothing that takes one', () => {
    expect(Object.keys(formats).toSorted()).toEqual([
      'Fernet', 'HKDF', 'MS_PER_UNIT', 'PBKDF2_ITERATIONS', 'ValueCipher', 'asText', 'canonicalJson', 'contextText', 'durationMs', 'fernetFingerprint', 'fernetKeyOf', 'fernetKeyText', 'generateFernetKey', 'isEncrypted', 'isKeyId', 'keyIdAtStart', 'keyIdOf', 'lengthPrefixed', 'looksLikeFernet', 'newKeyId', 'parseFernetKey', 'parseJson', 'readableId', 'refuseTooOld', 'shortDurationMs',
    ]);
  });

  test('no method and no option has one, by its type', () => {
    type Value = string | Uint8Array | null;
    expectTypeOf<Parameters<ValueCipher['encrypt']>>().toEqualTypeOf<[Value, Context]>();
    expectTypeOf<Parameters<ValueCipher['encryptBinary']>>().toEqualTypeOf<[Value, Context]>();
    expectTypeOf<Parameters<ValueCipher['encryptBatch']>>().toEqualTypeOf<[readonly Value[], readonly Context[]]>();
    expectTypeOf<Parameters<ValueCipher['sealBatch']>>().toEqualTypeOf<[readonly formats.Sealable[], 'text' | 'binary']>();
    expectTypeOf<keyof formats.Sealable>().toEqualTypeOf<'value' | 'created' | 'context'>();
    expectTypeOf<Parameters<ValueCipher['rewrap']>>().toEqualTypeOf<[Uint8Array, Context]>();
    expectTypeOf<Parameters<ValueCipher['decrypt']>['length']>().toEqualTypeOf<2 | 3>();
    expectTypeOf<keyof DecryptLimits>().toEqualTypeOf<'maxAge'>();
    expectTypeOf<keyof ValueScope>().toEqualTypeOf<'purpose' | 'salt' | 'derivation' | 'tenantSecret' | 'clock'>();
    expectTypeOf<keyof Context>().toEqualTypeOf<'tenant' | 'place'>();
    expectTypeOf<Parameters<formats.Fernet['encrypt']>>().toEqualTypeOf<[Value]>();
    expectTypeOf<Parameters<formats.Fernet['seal']>>().toEqualTypeOf<[string | Uint8Array, (bigint | undefined)?]>();
  });

  test('one that is slipped in anyway is not taken', () => {
    const nonce = Buffer.alloc(24, 7);
    const options = { place: ['t.c'], nonce, iv: nonce, prefix: nonce } as Context;
    const cipher = cipherOf(undefined, { nonce, iv: nonce } as object);
    const encrypt = cipher.encryptBinary.bind(cipher) as (...args: unknown[]) => Buffer;
    expect(nonceOf(encrypt('x', options, nonce, { nonce, iv: nonce }))).not.toContain('\x07'.repeat(4));
  });

  test('the methods of the class are those that are looked at here', () => {
    expect(Object.getOwnPropertyNames(formats.ValueCipher.prototype).toSorted()).toEqual([
      'ageOf', 'areMadeHere', 'constructor', 'decrypt', 'decryptBatch', 'decryptBytes', 'encrypt', 'encryptBatch', 'encryptBinary', 'openBatch', 'rewrap', 'sealBatch',
    ]);
  });
});
