/** An application that uses the packages, and no command: what it does with keys is on record, or does not happen. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { decryptFile, encryptFile, plaintextOf, readEnvFile, readPlaintextFile, setVariable, updateEnvFile, type WriteScope } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { generateRootKey, isRotationDue, KeyRing, nextRotationDate, scheduleOf } from '@lockfast/core/keyring';
import { type AuditSink, systemClock } from '@lockfast/core/ports';
import { newRotation, readRotations, type RingHolder, rotate, type RotationPlace } from '@lockfast/core/rotation';
import { keySource } from '@lockfast/keys';
import { createSqliteLedger, Ledger, type LedgerEntry, parseEntry, storedLedger, verifyLedger } from '@lockfast/ledger';
import { expect, onTestFinished, test } from 'vitest';

const DAY = 24 * 3_600_000;

interface Application {
  readonly directory: string;
  readonly ledger: Ledger;
  readonly ring: KeyRing;
  readonly scope: WriteScope;
  readonly entries: () => Promise<LedgerEntry[]>;
}

async function application(): Promise<Application> {
  const directory = mkdtempSync(join(realpathSync.native(tmpdir()), 'lockfast-library-'));
  const stateDirectory = join(directory, 'state');
  mkdirSync(stateDirectory);
  const store = await createSqliteLedger(join(directory, 'ledger.db'));
  const ledger = await Ledger.open(store, { actor: { user: 'shop', uid: 1000, host: 'web1', pid: 7, program: 'shop 2.1' }, stateDirectory });
  const root = keySource('env:ROOT', { environment: { ROOT: generateRootKey() }, home: directory, directory, askPassphrase: () => Promise.reject(new Error('nobody is asked')) });
  const ring = await KeyRing.create('production', [root]);
  onTestFinished(async () => {
    await ledger.close();
    rmSync(directory, { recursive: true });
  });
  return {
    directory,
    ledger,
    ring,
    scope: { ring, tenant: 'acme', stateDirectory, audit: ledger },
    entries: async () => (await store.read(1, 10_000)).map(({ entry }) => parseEntry(entry)),
  };
}

function write(directory: string, name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

/** Of which every part fails as a ledger that is gone. */
const BROKEN: AuditSink = {
  intend: () => Promise.reject(new LockfastError('ledger-unavailable', 'the ledger is gone', 'bring it back')),
  conclude: () => Promise.reject(new Error('nothing was begun')),
  record: () => Promise.reject(new LockfastError('ledger-unavailable', 'the ledger is gone', 'bring it back')),
};

test('[S9] [E14] encryptFile, updateEnvFile and decryptFile record an intent and an outcome, with whose file it is and by whom', async () => {
  const { directory, scope, ledger, ring, entries } = await application();
  const target = join(directory, '.env.encrypted');
  await encryptFile(readPlaintextFile(write(directory, '.env', 'A=canary-1\n')), target, scope);
  await updateEnvFile(target, scope, (lines) => setVariable(lines, 'B', 'canary-2', 'node'));
  await decryptFile(target, join(directory, 'plain'), scope);
  expect(readFileSync(join(directory, 'plain'), 'utf8')).toBe('A=canary-1\nB=canary-2\n');
  const [created, ...rest] = await entries();
  expect(created).toMatchObject({ operation: 'ledger-created' });
  expect(rest.map(({ kind, operation, outcome }) => [kind, operation, outcome])).toEqual(
    ['encrypt', 'encrypt', 'decrypt'].flatMap((operation) => [['intent', operation, undefined], ['outcome', operation, 'success']]),
  );
  for (const entry of rest) {
    expect(entry).toMatchObject({ object: target, tenant: 'acme', environment: 'production', actor: { user: 'shop', uid: 1000, host: 'web1', pid: 7, program: 'shop 2.1' } });
    expect(JSON.stringify(entry)).not.toContain('canary');
  }
  await ledger.checkpoint(ring);
  const { logId } = ledger.store;
  const verdict = await verifyLedger(await storedLedger(ledger.store), { logId, publicKeys: undefined, witnesses: [], held: [], epochKey: undefined });
  expect(verdict).toMatchObject({ ok: true });
});

test('[S9] [E14] what fails is on record with its code', async () => {
  const { directory, scope, entries } = await application();
  const target = join(directory, '.env.encrypted');
  await encryptFile(readPlaintextFile(write(directory, '.env', 'A=1\n')), target, scope);
  await expect(decryptFile(target, join(directory, 'plain'), { ...scope, tenant: 'other' })).rejects.toMatchObject({ code: 'wrong-tenant' });
  await expect(updateEnvFile(target, scope, () => { throw new TypeError('a defect of the application'); })).rejects.toThrow(TypeError);
  expect((await entries()).slice(-4).map(({ kind, operation, outcome, code, tenant }) => [kind, operation, outcome, code, tenant])).toEqual([
    ['intent', 'decrypt', undefined, undefined, 'other'],
    ['outcome', 'decrypt', 'failure', 'wrong-tenant', 'other'],
    ['intent', 'encrypt', undefined, undefined, 'acme'],
    ['outcome', 'encrypt', 'failure', 'internal', 'acme'],
  ]);
  expect(existsSync(join(directory, 'plain'))).toBe(false);
});

test('[S9] [E14] with a ledger that fails nothing is encrypted, changed or decrypted', async () => {
  const { directory, scope } = await application();
  const target = join(directory, '.env.encrypted');
  await encryptFile(readPlaintextFile(write(directory, '.env', 'A=1\n')), target, scope);
  const before = readFileSync(target);
  const broken: WriteScope = { ...scope, audit: BROKEN };
  const plain = write(directory, 'other', 'B=2\n');
  let asked = false;
  for (const attempt of [
    () => encryptFile(readPlaintextFile(plain), join(directory, 'other.encrypted'), broken),
    () => updateEnvFile(target, broken, (lines) => { asked = true; return setVariable(lines, 'A', '2', 'node'); }),
    () => decryptFile(target, join(directory, 'plain'), broken),
  ]) await expect(attempt()).rejects.toMatchObject({ code: 'ledger-unavailable' });
  expect([asked, existsSync(join(directory, 'plain')), existsSync(join(directory, 'other.encrypted')), readFileSync(plain, 'utf8')]).toEqual([false, false, false, 'B=2\n']);
  expect(readFileSync(target).equals(before)).toBe(true);
});

/** A ring that an application keeps where it likes: here in memory. */
class HeldRing implements RingHolder {
  ring: KeyRing;
  changes = 0;

  constructor(ring: KeyRing) {
    this.ring = ring;
  }

  async read(): Promise<KeyRing> {
    return this.ring;
  }

  async change(change: (ring: KeyRing) => KeyRing | Promise<KeyRing>): Promise<KeyRing> {
    this.ring = await change(this.ring);
    this.changes += 1;
    return this.ring;
  }
}

async function rotating(): Promise<Application & { readonly held: HeldRing; readonly files: readonly string[]; readonly place: (audit: AuditSink) => RotationPlace }> {
  const app = await application();
  const files = ['a', 'b', 'c'].map((name) => join(app.directory, `${name}.env.encrypted`));
  for (const path of files) await encryptFile(readPlaintextFile(write(app.directory, 'plain', `A=${path}\n`)), path, { ...app.scope, audit: undefined });
  const held = new HeldRing(app.ring);
  const schedule = scheduleOf('production');
  const place = (audit: AuditSink): RotationPlace => ({
    ring: held,
    files: () => files.map((path) => ({ path, tenant: 'acme' })),
    records: join(app.directory, 'rotations'),
    backups: join(app.directory, 'backups'),
    stateDirectory: app.scope.stateDirectory,
    audit,
    clock: systemClock,
    nextDue: (ring) => nextRotationDate(ring, schedule, Date.now()).toISOString(),
    progress: () => {},
  });
  return { ...app, held, files, place };
}

test('[S9] [S4] rotate() on the own ring of an application: all files under the new key, with a record and on record', async () => {
  const { directory, held, files, place, ledger, scope, entries } = await rotating();
  const old = held.ring.active().id;
  const record = await rotate(newRotation(held.ring, { reason: 'quarterly', actor: 'shop', backup: true, root: null }, systemClock), place(ledger));
  expect(record).toMatchObject({ status: 'completed', reason: 'quarterly', actor: 'shop', oldKey: { id: old }, newKey: { id: held.ring.active().id }, files: 3, verified: true });
  expect(readRotations(join(directory, 'rotations'))).toEqual([record]);
  for (const path of files) {
    const opened = readEnvFile(path, { ...scope, ring: held.ring });
    expect([opened.header.key, plaintextOf(opened).toString()]).toEqual([held.ring.active().id, `A=${path}\n`]);
  }
  const told = (await entries()).filter(({ kind }) => kind === 'outcome').map(({ operation, object, outcome, keyId, tenant }) => [operation, object, outcome, keyId, tenant]);
  const now = held.ring.active().id;
  expect(told).toEqual([...files.map((path) => ['re-encrypt', path, 'success', now, 'acme']), ['key-rotate', record.id, 'success', now, undefined]]);
});

test('[S9] rotate() with a ledger that fails makes no key and touches no file', async () => {
  const { held, files, place } = await rotating();
  const before = files.map((path) => readFileSync(path));
  await expect(rotate(newRotation(held.ring, { reason: null, actor: 'shop', backup: true, root: null }, systemClock), place(BROKEN))).rejects.toMatchObject({ code: 'ledger-unavailable' });
  expect(held.changes).toBe(0);
  expect(files.map((path) => readFileSync(path))).toEqual(before);
  // And one that fails half way: what was not announced does not happen.
  const { held: second, files: others, place: elsewhere, ledger, scope } = await rotating();
  let calls = 0;
  const failing: AuditSink = {
    intend: async (events) => {
      calls += 1;
      if (calls > 1) throw new LockfastError('ledger-unavailable', 'the ledger is gone', 'bring it back');
      return ledger.intend(events);
    },
    conclude: async (outcomes) => ledger.conclude(outcomes),
    record: async (event) => ledger.record(event),
  };
  const untouched = others.map((path) => readFileSync(path));
  await expect(rotate(newRotation(second.ring, { reason: null, actor: 'shop', backup: false, root: null }, systemClock), elsewhere(failing))).rejects.toMatchObject({ code: 'ledger-unavailable' });
  expect(others.map((path) => readFileSync(path))).toEqual(untouched);
  for (const path of others) expect(readEnvFile(path, { ...scope, ring: second.ring }).header.tenant).toBe('acme');
});

test('[S9] [S5] [W6] isRotationDue and nextRotationDate tell when, to the millisecond, and at once after a compromise', async () => {
  const { ring } = await application();
  const activated = Date.parse(ring.keys[0]!.activated!);
  const schedule = scheduleOf('production', { rotate: '90d', departure: '24h' });
  const due = activated + 90 * DAY;
  expect(nextRotationDate(ring, schedule, activated).getTime()).toBe(due);
  expect([due - 1, due, due + 1].map((now) => isRotationDue(ring, schedule, now))).toEqual([false, true, true]);
  const left = ring.withDeparture({ now: () => activated + DAY });
  expect(nextRotationDate(left, schedule, activated).getTime()).toBe(activated + 2 * DAY);
  const known = ring.withCompromised(ring.active().id, { now: () => activated + DAY });
  expect(isRotationDue(known, schedule, activated + DAY)).toBe(true);
});
