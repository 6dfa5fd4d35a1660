/** Files that a tenant's own secret takes part in: when they come to be, and that nobody reads them without it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { encryptEnvFile, type EnvScope, mergeFiles, openEnvFile, parseFile, plaintextOf, reencryptFiles, splitEntries } from '@lockfast/core/env';
import { KeyRing } from '@lockfast/core/keyring';
import { needsWork } from '@lockfast/core/rotation';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';

import { refusalOf } from '../files/refusal.ts';
import { cases, LONG } from '../formats/scale.ts';
import { anyBytes } from './generators.ts';
import { newRing, rootKeySource, rotated } from './rings.ts';
import { SAMPLE } from './sample.ts';
import { linesOf, withChecksum, withMac } from './second-writer.ts';

const plain = await newRing();
const ring = plain.withTenantSecrets(['acme', 'globex']);
const before: EnvScope = { ring: plain, tenant: 'acme' };
const scope: EnvScope = { ring, tenant: 'acme' };
const id = ring.tenantSecretId('acme')!;
const WHERE = '.env.encrypted';

function encrypt(text: string | Uint8Array, to: EnvScope = scope, previous?: Buffer): Buffer {
  return encryptEnvFile({ entries: splitEntries(Buffer.from(text)), previous: previous === undefined ? undefined : openEnvFile(previous, to, WHERE) }, to);
}

const open = (file: Uint8Array, to: EnvScope = scope) => openEnvFile(file, to, WHERE);
const headerOf = (file: Buffer) => parseFile(file, WHERE).header;
const refusal = (file: Uint8Array, to: EnvScope = scope) => refusalOf(() => open(file, to));

describe('[E3] [W10] a file of a tenant with a secret of its own', () => {
  test('is derived with it from the start, says so in its header, and comes back byte for byte', () => {
    const file = encrypt(SAMPLE);
    expect(linesOf(file)[0]).toMatch(/^#lockfast-env\/3 /);
    expect(linesOf(file)[0]).toContain(` derivation=hkdf+tenant:${id} `);
    expect(headerOf(file)).toMatchObject({ tenantSecret: id, derivation: { name: 'hkdf' } });
    expect(plaintextOf(open(file))).toEqual(SAMPLE);
    expect(withMac(linesOf(file), ring)).toEqual(file);
  });

  test('with PBKDF2 as with HKDF', () => {
    const derivation = { name: 'pbkdf2-sha256', iterations: 100_000 } as const;
    const file = encryptEnvFile({ entries: splitEntries(Buffer.from('A=1\n')), derivation }, scope);
    expect(linesOf(file)[0]).toContain(` derivation=pbkdf2-sha256:100000+tenant:${id} `);
    expect(plaintextOf(open(file)).toString()).toBe('A=1\n');
    expect(withMac(linesOf(file), ring)).toEqual(file);
    expect(headerOf(encrypt('A=2\n', scope, file))).toMatchObject({ tenantSecret: id, derivation });
  });

  test('any bytes come back, and not without the secret', LONG, () => {
    const shredded = { ring: ring.withTenantSecretDestroyed('acme'), tenant: 'acme' };
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const file = encrypt(bytes);
        expect(plaintextOf(open(file)).equals(bytes)).toBe(true);
        expect(refusal(file, shredded).code).toBe('missing-key');
      }),
      { numRuns: cases(100) },
    );
  });

  test('one of no tenant, or of a tenant without a secret, is as it always was', () => {
    for (const tenant of ['', 'initech']) expect(linesOf(encrypt('A=1\n', { ring, tenant }))[0]).toMatch(/^#lockfast-env\/1 .* derivation=hkdf /);
  });
});

describe('a file from before its tenant had a secret', () => {
  const text = 'A=1\nB=2\n';
  const old = encrypt(text, before);

  test('opens, and a plain edit leaves its derivation and the other lines', () => {
    const next = encrypt('A=1\nB=3\n', scope, old);
    expect(headerOf(next)).toMatchObject({ tenantSecret: null, revision: 2 });
    expect(linesOf(next)[1]).toBe(linesOf(old)[1]);
    expect(encrypt(text, scope, old)).toEqual(old);
  });

  test('comes to be derived with it where every line is new anyway: under another active key', async () => {
    const later = { ring: await rotated(ring), tenant: 'acme' };
    const next = encrypt(text, later, old);
    expect(headerOf(next)).toMatchObject({ tenantSecret: id, key: later.ring.active().id });
    expect(plaintextOf(open(next, later)).toString()).toBe(text);
  });

  test('[W10] needs work, and is encrypted anew with it under the same key; then no more', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'lockfast-tenant-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const path = join(directory, WHERE);
    const write = { ...scope, stateDirectory: directory };
    for (const content of [text, '']) {
      rmSync(path, { force: true });
      writeFileSync(path, encrypt(content, before));
      const key = ring.active().id;
      expect(needsWork(path, plain, key)).toBe(false);
      expect(needsWork(path, ring, key)).toBe(true);
      expect(await reencryptFiles([{ path, tenant: write.tenant }], write, () => {})).toEqual([undefined]);
      const done = readFileSync(path);
      expect(headerOf(done)).toMatchObject({ tenantSecret: id, key, revision: 2 });
      expect(plaintextOf(open(done)).toString()).toBe(content);
      expect(needsWork(path, ring, key)).toBe(false);
      expect(await reencryptFiles([{ path, tenant: write.tenant }], write, () => {})).toEqual([undefined]);
      expect(readFileSync(path)).toEqual(done);
    }
  });

  test('stays readable when the secret is destroyed: it was never derived with it', () => {
    expect(plaintextOf(open(old, { ring: ring.withTenantSecretDestroyed('acme'), tenant: 'acme' })).toString()).toBe(text);
  });
});

describe('[W10] without the secret', () => {
  const file = encrypt('A=1\n');

  test('the ring that never had it says which key is missing', () => {
    expect(refusal(withMac(linesOf(file), ring), before)).toEqual({
      code: 'missing-key',
      message: `${WHERE}: the key ring of production has no key of the tenant acme that fits`,
      hint: 'get the newest key ring, from git or a backup',
    });
  });

  test('the ring that destroyed it says when, also after the tenant got another one', () => {
    const clock = { now: () => Date.UTC(2026, 5, 1) };
    const destroyed = ring.withTenantSecretDestroyed('acme', clock);
    for (const now of [destroyed, destroyed.withTenantSecrets(['acme'])]) {
      expect(refusal(file, { ring: now, tenant: 'acme' })).toMatchObject({
        code: 'missing-key',
        message: `${WHERE}: the key of the tenant acme was destroyed on purpose at 2026-06-01T00:00:00.000Z: it can't be decrypted`,
      });
    }
    const anew = destroyed.withTenantSecrets(['acme']);
    const next = encrypt('A=2\n', { ring: anew, tenant: 'acme' });
    expect(headerOf(next).tenantSecret).toBe(anew.tenantSecretId('acme'));
    expect(refusal(next, { ring: destroyed, tenant: 'acme' }).code).toBe('missing-key');
  });

  test('data key, salt and all else do not do: its header without the secret is another key', () => {
    const without = linesOf(file)[0]!.replace('#lockfast-env/3', '#lockfast-env/1').replace(`+tenant:${id}`, '');
    expect(refusal(withChecksum([without, ...linesOf(file).slice(1)])).code).toBe('wrong-key');
    // With all of the last line made anew by somebody who has the data key, but not the secret, no line decrypts.
    expect(refusal(withMac([without, ...linesOf(file).slice(1)], ring)).code).toBe('wrong-key');
    const with0 = linesOf(encrypt('A=1\n', before));
    const claimed = with0[0]!.replace('#lockfast-env/1', '#lockfast-env/3').replace('derivation=hkdf', `derivation=hkdf+tenant:${id}`);
    expect(refusal(withChecksum([claimed, ...with0.slice(1)])).code).toBe('wrong-key');
  });

  test('another tenant\'s secret is not one of this tenant', () => {
    const header = linesOf(file)[0]!.replace(id, ring.tenantSecretId('globex')!);
    expect(refusal(withChecksum([header, ...linesOf(file).slice(1)]))).toMatchObject({ code: 'missing-key', message: expect.stringContaining('that fits') as unknown });
    const moved = linesOf(file)[0]!.replace('tenant=acme', 'tenant=globex');
    expect(refusal(withChecksum([moved, ...linesOf(file).slice(1)]), { ring, tenant: 'globex' }).code).toBe('missing-key');
  });
});

describe('the header is strict', () => {
  const lines = linesOf(encrypt('A=1\n'));
  const DAMAGED = { code: 'damaged', message: `${WHERE} has a header that is not laid out as it must be` };
  test.for<[string, (header: string) => string]>([
    ['version 1 with a tenant\'s secret', (one) => one.replace('env/3', 'env/1')],
    ['version 3 without', (one) => one.replace(/\+tenant:\w+/, '')],
    ['an id of another form', (one) => one.replace(/\+tenant:\w+/, '+tenant:ABCDEFGHIJKLMNOP')],
    ['a short id', (one) => one.replace(/\+tenant:./, '+tenant:')],
    ['two of them', (one) => one.replace(/(\+tenant:\w+)/, '$1$1')],
    ['something else', (one) => one.replace('+tenant:', '+user:')],
    ['no derivation before it', (one) => one.replace('hkdf+', '+')],
    ['another derivation', (one) => one.replace('hkdf', 'scrypt')],
  ])('%s', ([, change]) => {
    const header = change(lines[0]!);
    expect(header).not.toBe(lines[0]);
    expect(refusal(withChecksum([header, ...lines.slice(1)]))).toMatchObject(DAMAGED);
  });

  test.for(['env/2', 'env/4', 'env/31'])('%s is a newer format', (version) => {
    expect(refusal(withChecksum([lines[0]!.replace('env/3', version), ...lines.slice(1)])).code).toBe('unsupported-format');
  });

  test('iterations have their bounds', () => {
    expect(refusal(withChecksum([lines[0]!.replace('hkdf', 'pbkdf2-sha256:1000000000'), ...lines.slice(1)])).code).toBe('parameters-out-of-range');
  });
});

describe('a merge', () => {
  const base = encrypt('A=1\nB=2\nC=3\n', before);
  const anew = encryptEnvFile({ entries: splitEntries(Buffer.from('A=1\nB=2\nC=4\n')), previous: open(base), renewed: true }, scope);
  const edited = encrypt('A=9\nB=2\nC=3\n', scope, base);

  test.for([['ours', anew, edited], ['theirs', edited, anew]] as const)('of a side under the secret (%s) with one that is not gives a file under it', ([, ours, theirs]) => {
    expect([headerOf(anew).tenantSecret, headerOf(edited).tenantSecret]).toEqual([id, null]);
    const { bytes, conflicts } = mergeFiles(open(base), open(ours), open(theirs), 'ours', scope);
    expect(conflicts).toEqual([]);
    expect(plaintextOf(open(bytes)).toString()).toBe('A=9\nB=2\nC=4\n');
    expect(headerOf(bytes)).toMatchObject({ tenantSecret: id, revision: 3 });
    const kept = linesOf(bytes).slice(1, -1).filter((line) => linesOf(anew).includes(line));
    expect(kept).toHaveLength(2);
  });

  test('of two sides that are not leaves the file as it was derived', () => {
    const other = encrypt('A=1\nB=7\nC=3\n', scope, base);
    expect(headerOf(mergeFiles(open(base), open(edited), open(other), 'ours', scope).bytes).tenantSecret).toBeNull();
  });
});

test('a file and a ring that were written once open for ever', async () => {
  const answer = JSON.parse(readFileSync(new URL('known-answers/tenant-files.json', import.meta.url), 'utf8')) as { rootKey: string; ring: object; files: { plaintext: string; file: string }[]; destroyed: string };
  const opened = await KeyRing.open(JSON.stringify(answer.ring), 'ring', [rootKeySource(answer.rootKey)]);
  for (const { plaintext, file } of answer.files) {
    const bytes = Buffer.from(file, 'latin1');
    expect(plaintextOf(open(bytes, { ring: opened, tenant: 'acme' })).toString()).toBe(plaintext);
    expect(withMac(linesOf(bytes), opened)).toEqual(bytes);
  }
  expect(refusal(Buffer.from(answer.destroyed, 'latin1'), { ring: opened, tenant: 'globex' })).toMatchObject({ code: 'missing-key', message: expect.stringContaining('destroyed on purpose') as unknown });
});
