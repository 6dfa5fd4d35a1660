/** The parts of a credential's rotation, on files alone. With the command and with services: packages/cli/test/secret-*. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { encryptFile, plaintextOf, printEntries, readEnvFile, readPlaintextFile, setVariable, splitEntries, updateEnvFile } from '@lockfast/core/env';
import { DIALECT_NAMES, readEnv } from '@lockfast/core/env/dialects';
import { KeyRing, Secret, unwrapKey, wrapKey } from '@lockfast/core/keyring';
import { type KeySource, systemClock } from '@lockfast/core/ports';
import { type FleetSettings, tenantNamed } from '@lockfast/fleet';
import { addWork, type CredentialPlace, type CredentialRotation, credentialAges, examine, generatedValue, inTheWay, isProven, Journal, openWork, readCredentialRotations, RECORD_FORMAT, rollBack, rotateCredential, withValue } from '@lockfast/fleet/credential-rotation';
import { expect, onTestFinished, test } from 'vitest';

const key = Secret.random();
const SOURCE: KeySource = {
  uri: 'file:test',
  wrap: (secret, binding) => Promise.resolve(wrapKey(key, 'lockfast/ring-wrap', secret, binding)),
  unwrap: (wrapped, binding) => Promise.resolve(unwrapKey(key, 'lockfast/ring-wrap', wrapped, binding)),
};

interface Story {
  readonly base: string;
  readonly place: CredentialPlace;
  readonly path: (tenant: string) => string;
  readonly plain: (tenant: string) => string;
  readonly edit: (tenant: string, name: string, value: string) => Promise<void>;
  readonly journal: (value: string, change?: Partial<CredentialRotation>) => Promise<Journal>;
}

async function story(files: Readonly<Record<string, string>>): Promise<Story> {
  const base = mkdtempSync(join(tmpdir(), 'lockfast-rotation-'));
  onTestFinished(() => rmSync(base, { recursive: true, force: true }));
  const ring = await KeyRing.create('production', [SOURCE]);
  const stateDirectory = join(base, 'state');
  mkdirSync(stateDirectory);
  const path = (tenant: string): string => join(base, tenant, '.env.encrypted');
  for (const [tenant, text] of Object.entries(files)) {
    mkdirSync(join(base, tenant));
    writeFileSync(join(base, tenant, '.env'), text);
    await encryptFile(readPlaintextFile(join(base, tenant, '.env')), path(tenant), { ring, tenant, stateDirectory });
  }
  const fleet: FleetSettings = { path: join(base, '{tenant}') };
  const place: CredentialPlace = {
    ring: () => ring,
    freshRing: () => Promise.resolve(ring),
    records: join(base, 'records'),
    backups: join(base, 'backups'),
    stateDirectory,
    audit: undefined,
    clock: systemClock,
    manager: undefined,
    tenant: (name) => tenantNamed(fleet, name),
    variables: () => Promise.resolve(new Map()),
    told: () => {},
  };
  const record: Omit<CredentialRotation, 'sealed'> = {
    format: RECORD_FORMAT,
    id: 'abcdefghij',
    status: 'open',
    environment: 'production',
    names: ['KEY'],
    scope: 'all',
    actor: 'test',
    reason: null,
    started: '2026-01-01T00:00:00.000Z',
    ended: null,
    durationMs: null,
    dialect: 'node',
    canary: null,
    parallel: 1,
    keepGoing: false,
    generated: false,
    graceMs: null,
    revokeAfter: null,
    files: Object.keys(files).map((tenant) => ({ path: path(tenant), tenant, names: ['KEY'] })),
    services: [],
    unchanged: [],
    failures: [],
    orderedBack: null,
  };
  return {
    base,
    place,
    path,
    plain: (tenant) => plaintextOf(readEnvFile(path(tenant), { ring, tenant })).toString(),
    edit: async (tenant, name, value) => {
      await updateEnvFile(path(tenant), { ring, tenant, stateDirectory }, (entries) => setVariable(entries, name, value, 'node'));
    },
    journal: (value, change = {}) => Journal.begin(place.records, { ...record, ...change }, { KEY: value }, () => ring, stateDirectory),
  };
}

test('[E13] an edit that comes between plan and write is kept, forward and back', async () => {
  const { journal, edit, plain, place } = await story({ a: 'KEY=old\nX=1\n', b: 'KEY=old' });
  const open = await journal('new');
  await edit('a', 'X', '2');
  expect((await rotateCredential(open, place, false)).status).toBe('completed');
  expect([plain('a'), plain('b')]).toEqual(['KEY=new\nX=2\n', 'KEY=new']);
  await edit('b', 'Y', '3');
  open.update({ status: 'rolling-back' });
  expect((await rollBack(open, place)).status).toBe('rolled-back');
  expect([plain('a'), plain('b')]).toEqual(['KEY=old\nX=2\n', 'KEY=old\nY=3\n']);
});

test('[E13] what was prepared is written as it is; a file that was edited since, or is under a newer ring, is made anew', async () => {
  const { journal, edit, plain, place, path } = await story({ a: 'KEY=old\nX=1\n', b: 'KEY=old\n', c: 'KEY=new\n' });
  const open = await journal('new');
  const { prepared, unchanged } = await examine(open.record.files, () => 'new', 'node', place);
  expect([[...prepared.keys()], unchanged]).toEqual([[path('a'), path('b')], [path('c')]]);
  await edit('a', 'X', '2');
  expect((await rotateCredential(open, place, false, prepared)).status).toBe('completed');
  expect([plain('a'), plain('b')]).toEqual(['KEY=new\nX=2\n', 'KEY=new\n']);
  expect(readFileSync(path('b'))).toEqual(prepared.get(path('b'))!.bytes);
});

test('[E13] a file under a newer key ring than the one in hand is written under that', async () => {
  const { journal, plain, place, path } = await story({ a: 'KEY=old\n', b: 'KEY=old\n' });
  const open = await journal('new');
  const staged = place.ring().withNewKey();
  const newer = staged.withActive(staged.keys.at(-1)!.id);
  await updateEnvFile(path('a'), { ring: newer, tenant: 'a', stateDirectory: place.stateDirectory }, (entries) => setVariable(entries, 'X', '1', 'node'));
  let ring = place.ring();
  const moved: CredentialPlace = { ...place, ring: () => ring, freshRing: () => Promise.resolve((ring = newer)) };
  expect((await rotateCredential(open, moved, false)).status).toBe('completed');
  expect(plaintextOf(readEnvFile(path('a'), { ring: newer, tenant: 'a' })).toString()).toBe('KEY=new\nX=1\n');
  expect(plain('b')).toBe('KEY=new\n');
});

test('[E13] at the end each file is looked at again: one that was put back meanwhile turns the others round, another edit does not', async () => {
  const { journal, edit, plain, place, path } = await story({ a: 'KEY=old\n', b: 'KEY=old\n' });
  const before = readFileSync(path('a'));
  // As a service does that writes its own file back.
  const meddling: CredentialPlace = { ...place, told: ({ kind }) => kind === 'files' && writeFileSync(path('a'), before) };
  const open = await journal('new');
  expect(await rotateCredential(open, meddling, false)).toMatchObject({ status: 'rolled-back', failures: [{ what: path('a'), code: 'conflict' }] });
  expect([plain('a'), plain('b')]).toEqual(['KEY=old\n', 'KEY=old\n']);
  const again = await journal('newer', { id: 'bbbbbbbbbb' });
  await edit('a', 'X', '1');
  expect((await rotateCredential(again, place, false)).status).toBe('completed');
  expect([plain('a'), plain('b')]).toEqual(['KEY=newer\nX=1\n', 'KEY=newer\n']);
});

test('[E13] [B6] going back leaves what somebody set meanwhile, names it, and puts the others back', async () => {
  const { journal, edit, plain, place, path } = await story({ a: 'KEY=old\n', b: 'KEY=old\n' });
  const open = await journal('new');
  await rotateCredential(open, place, false);
  await edit('a', 'KEY', 'theirs');
  expect(await inTheWay(open, place)).toEqual({ lost: [], changed: [path('a')] });
  open.update({ status: 'rolling-back' });
  expect(await rollBack(open, place)).toMatchObject({ status: 'failed', failures: [{ what: path('a'), code: 'conflict' }] });
  expect([plain('a'), plain('b')]).toEqual(['KEY=theirs\n', 'KEY=old\n']);
});

test('[B6] a file that can not be written turns the others back; a removed variable is one', async () => {
  const { journal, edit, plain, place } = await story({ a: 'KEY=old\n', b: 'KEY=old\nX=1\n' });
  const open = await journal('new');
  const { path } = open.record.files[1]!;
  await updateEnvFile(path, { ring: place.ring(), tenant: 'b', stateDirectory: place.stateDirectory }, (entries) => entries.filter(({ name }) => name !== 'KEY'));
  expect(await rotateCredential(open, place, false)).toMatchObject({ status: 'rolled-back', failures: [{ what: path, code: 'no-such-variable' }] });
  expect(plain('a')).toBe('KEY=old\n');
  await edit('b', 'KEY', 'old');
});

test('[B6] the journal has the value encrypted while it is open, and nobody else can have written it', async () => {
  const { journal, place, base } = await story({ a: 'KEY=old\n' });
  const open = await journal('canary-0be1');
  const file = join(base, 'records/abcdefghij.json');
  const text = readFileSync(file, 'utf8');
  expect(text).not.toContain('canary-0be1');
  const [record] = readCredentialRotations(place.records);
  const again = await Journal.open(place.records, record!, () => place.ring(), place.stateDirectory);
  expect(again.value('KEY')).toBe('canary-0be1');
  const other = await KeyRing.create('production', [SOURCE]);
  expect([isProven(record!, place.ring()), isProven(record!, other)]).toEqual([true, false]);
  // Each member is under the seal.
  for (const change of [{ scope: 'a' }, { status: 'rolling-back' }, { keepGoing: true }, { files: [] }, { actor: 'x' }, { dialect: 'shell' }] as const) {
    await expect(Journal.open(place.records, { ...record!, ...change }, () => place.ring(), place.stateDirectory)).rejects.toMatchObject({ code: 'tampered' });
  }
  await rotateCredential(again, place, true);
  expect(() => again.value('KEY')).toThrow(expect.objectContaining({ code: 'conflict' }));
  expect(again.isNew('KEY', 'canary-0be1')).toBe(true);
  void open;
});

test.each(['', '{', '{"format":"lockfast-credential-rotation/2"}', '[]', 'null', '{"format":"lockfast-credential-rotation/1","id":"abcdefghij"}'])('a record that is damaged stops everything: %j', async (text) => {
  const { place, base } = await story({});
  mkdirSync(join(base, 'records'));
  writeFileSync(join(base, 'records/abcdefghij.json'), text);
  expect(() => readCredentialRotations(place.records)).toThrow(expect.objectContaining({ code: 'damaged' }));
});

test('[E13] in each dialect every assignment that counts gets the value, and every other byte stays', () => {
  const text = '# KEY=no\nKEY=a\nOTHER=KEY=x\n  KEY = "b"\r\nKEYS=1\nKEY=c';
  for (const dialect of DIALECT_NAMES) {
    const before = splitEntries(Buffer.from(text));
    let after;
    try {
      after = withValue(before, 'KEY', 'n&w|\\1', dialect);
    } catch (error) {
      // A dialect may read the file as something else altogether, or not hold the value.
      expect((error as { code: string }).code, dialect).toMatch(/^(?:unprintable-value|unreadable-env)$/);
      continue;
    }
    expect(readEnv(printEntries(after), dialect).variables.get('KEY'), dialect).toBe('n&w|\\1');
    for (const [i, entry] of before.entries()) if (entry.name !== 'KEY') expect(after[i]!.bytes.equals(entry.bytes), dialect).toBe(true);
  }
  expect(printEntries(withValue(splitEntries(Buffer.from(text)), 'KEY', 'n', 'node')).toString()).toBe('# KEY=no\nKEY=n\nOTHER=KEY=x\n  KEY=n\r\nKEYS=1\nKEY=n');
  expect(() => withValue(splitEntries(Buffer.from('# KEY=no\n')), 'KEY', 'n', 'node')).toThrow(/in a comment only/);
});

test('[E13] before anything is written it is known what is new, what has it already, what can not hold it, and what else holds the old one', async () => {
  const { place, journal, path } = await story({ a: 'KEY=old-secret-1\nURL=db://u:old-secret-1@h\n', b: 'KEY=new\n', c: 'KEY=old\n' });
  const { files } = (await journal('new')).record;
  writeFileSync(path('c'), 'broken', { flag: 'w' });
  const found = await examine(files, () => 'new', 'node', place);
  expect(found).toMatchObject({ files: [{ tenant: 'a' }], unchanged: [path('b')], failures: [{ what: path('c'), code: 'not-encrypted' }], alsoIn: [{ path: path('a'), names: ['URL'] }] });
});

test('[E13] generated values have the length that is asked for, and nothing that needs quotes', () => {
  const values = Array.from({ length: 50 }, () => generatedValue());
  expect(new Set(values).size).toBe(50);
  for (const value of [...values, generatedValue(16), generatedValue(1024)]) expect(value).toMatch(/^[\w-]+$/);
  expect([values[0]!.length, generatedValue(16).length, generatedValue(25).length]).toEqual([43, 16, 25]);
  for (const length of [0, 15, 1025, 1.5, Number.NaN]) expect(() => generatedValue(length)).toThrow(expect.objectContaining({ code: 'usage' }));
});

test('[E13] ages are those of the last rotation that stayed, and its grace time makes work', async () => {
  const { journal, place } = await story({ a: 'KEY=old\n' });
  const done = await rotateCredential(await journal('new', { graceMs: 1000 }), place, false);
  expect(credentialAges([done])).toEqual([{ name: 'KEY', tenant: 'a', path: done.files[0]!.path, changed: done.ended, rotation: done.id }]);
  expect(credentialAges([{ ...done, status: 'rolled-back' }])).toEqual([]);
  expect(openWork(place.records, [done])).toMatchObject([{ id: done.id, what: 'revoke', name: 'KEY', after: new Date(Date.parse(done.ended!) + 1000).toISOString() }]);
  await addWork(place.records, place.stateDirectory, [done], [{ name: 'KEY', scope: 'a', added: '2026-06-01T00:00:00.000Z', reason: null }]);
  // That rotation was before.
  expect(openWork(place.records, [done]).filter(({ what }) => what === 'rotate')).toHaveLength(1);
  expect(openWork(place.records, [{ ...done, started: '2026-07-01T00:00:00.000Z' }]).filter(({ what }) => what === 'rotate')).toEqual([]);
});
