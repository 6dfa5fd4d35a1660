/** The rotation itself, with a ring in memory and real files: the order of its steps, and what others do meanwhile. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { plaintextOf, readEnvFile, updateEnvFile } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { KeyRing } from '@lockfast/core/keyring';
import { type AuditEvent, type AuditSink, systemClock } from '@lockfast/core/ports';
import { newRotation, openRotation, readRotations, rotate, type RotationFile, type RotationPlace, type RotationRecord } from '@lockfast/core/rotation';
import { expect, onTestFinished, test } from 'vitest';

import { held } from '../keyring/rings.ts';

interface Scene {
  readonly directory: string;
  readonly place: RotationPlace;
  ring: KeyRing;
  readonly files: RotationFile[];
  /** Writes `name` under `ring`. */
  put(name: string, value: string, ring?: KeyRing): Promise<string>;
  value(path: string): string;
  begin(): RotationRecord;
}

async function scene(over: Partial<RotationPlace> = {}): Promise<Scene> {
  const directory = mkdtempSync(join(tmpdir(), 'lockfast-rotation-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const made: Scene = {
    directory,
    ring: await KeyRing.create('production', [held()]),
    files: [],
    place: {
      ring: { read: () => Promise.resolve(made.ring), change: async (change) => (made.ring = await change(made.ring)) },
      files: () => [...made.files],
      records: join(directory, 'rotations'),
      backups: join(directory, 'backups'),
      stateDirectory: join(directory, 'state'),
      audit: undefined,
      clock: systemClock,
      nextDue: () => '2030-01-01T00:00:00.000Z',
      progress: () => {},
      ...over,
    },
    put: async (name, value, ring = made.ring) => {
      const path = join(directory, name);
      mkdirSync(dirname(path), { recursive: true });
      await updateEnvFile(path, { ring, tenant: '', stateDirectory: join(directory, 'state') }, () => [{ kind: 'assignment', name: 'V', bytes: Buffer.from(`V=${value}\n`) }]);
      if (!made.files.some((file) => file.path === path)) made.files.push({ path, tenant: '' });
      return path;
    },
    value: (path) => plaintextOf(readEnvFile(path, { ring: made.ring, tenant: '' })).toString(),
    begin: () => newRotation(made.ring, { reason: null, actor: 'test', backup: true, root: null }, systemClock),
  };
  return made;
}

test('[E6] the new key is in the ring, and on record, before a byte is encrypted under it', async () => {
  const seen: string[] = [];
  const at = await scene();
  await at.put('a.env.encrypted', '1');
  const { ring } = at.place;
  const place: RotationPlace = {
    ...at.place,
    ring: {
      read: () => ring.read(),
      change: async (change) => {
        const before = at.ring;
        const after = await ring.change(change);
        if (after !== before) seen.push(`ring: ${after.keys.map(({ state }) => state).join(' ')}; record: ${openRotation(at.place.records)!.newKey === null ? 'begun' : 'names it'}; file: ${readEnvFile(at.files[0]!.path, { ring: after, tenant: '' }).header.key === after.keys[0]!.id ? 'old' : 'new'}`);
        return after;
      },
    },
  };
  await rotate(at.begin(), place);
  expect(seen).toEqual(['ring: active staged; record: begun; file: old', 'ring: draining active; record: names it; file: old']);
});

test('[E6] what comes under the old key after its turn is found by the last sweep; the next run finishes', async () => {
  let late: (() => Promise<string>) | undefined;
  const pending: Promise<string>[] = [];
  const at = await scene({ progress: () => void (late !== undefined && pending.push(late())) });
  const first = await at.put('a.env.encrypted', '1');
  const old = at.ring;
  // Replaces a file that is done already, and adds one that nobody knew of; the sweep waits for neither, so both are made before it.
  const before = readFileSync(first);
  late = () => {
    late = undefined;
    rmSync(first);
    writeFileSync(first, before, { mode: 0o400 });
    return at.put('late.env.encrypted', '2', old);
  };
  const error = await rotate(at.begin(), at.place).catch((thrown: unknown) => thrown);
  const [added] = await Promise.all(pending);
  expect(error).toMatchObject({ code: 'rotation-incomplete' });
  expect((error as LockfastError).message).toContain(`${first} (conflict)`);
  expect([at.value(first), at.value(added!)]).toEqual(['V=1\n', 'V=2\n']);
  const done = await rotate(openRotation(at.place.records)!, at.place);
  expect(done).toMatchObject({ status: 'completed', files: 2, verified: true, unfinished: [] });
  expect([at.value(first), at.value(added!)]).toEqual(['V=1\n', 'V=2\n']);
  expect(at.ring.keys).toHaveLength(2);
});

test('[E6] when the ledger takes no intent nothing begins; when it stops taking them, no further file is touched', async () => {
  let allowed = 0;
  const unavailable = new LockfastError('ledger-unavailable', 'full', '');
  const intents: AuditEvent[] = [];
  const audit: AuditSink = {
    intend: (events) => {
      if (intents.length >= allowed) return Promise.reject(unavailable);
      intents.push(...events);
      return Promise.resolve(events.map((_, i) => i));
    },
    conclude: () => Promise.resolve(),
    record: () => Promise.resolve(),
  };
  const at = await scene({ audit });
  const path = await at.put('a.env.encrypted', '1');
  const before = readFileSync(path);
  const ring = at.ring;
  await expect(rotate(at.begin(), at.place)).rejects.toBe(unavailable);
  expect([at.ring === ring, existsSync(at.place.records), readFileSync(path).equals(before)]).toEqual([true, false, true]);

  allowed = 1;
  await expect(rotate(at.begin(), at.place)).rejects.toBe(unavailable);
  expect(readFileSync(path).equals(before)).toBe(true);
  expect(openRotation(at.place.records)).toMatchObject({ status: 'in-progress' });
  allowed = 100;
  expect(await rotate(openRotation(at.place.records)!, at.place)).toMatchObject({ status: 'completed', files: 1 });
});

test('[E18] a key that the ring does not have any more is made anew; one that became active instead is gone on to', async () => {
  const at = await scene();
  const path = await at.put('a.env.encrypted', '1');
  const lost: RotationRecord = { ...at.begin(), status: 'in-progress', newKey: { id: 'zzzzzz', fingerprint: 'sha256:0' } };
  const done = await rotate(lost, at.place);
  expect([done.status, done.newKey!.id, at.value(path)]).toEqual(['completed', at.ring.active().id, 'V=1\n']);

  const begun: RotationRecord = at.begin();
  at.ring = at.ring.withNewKey();
  const given = at.ring.keys.at(-1)!;
  at.ring = at.ring.withActive(given.id).withNewKey();
  at.ring = at.ring.withActive(at.ring.keys.at(-1)!.id);
  const other = await rotate({ ...begun, status: 'in-progress', newKey: { id: given.id, fingerprint: given.fingerprint } }, at.place);
  expect([other.newKey!.id, readEnvFile(path, { ring: at.ring, tenant: '' }).header.key]).toEqual([at.ring.active().id, at.ring.active().id]);
});

test('[E6] a file that nobody can open is kept in no backup; mended, it is', async () => {
  const at = await scene();
  const [good, bad] = [await at.put('a.env.encrypted', '1'), await at.put('b.env.encrypted', '2')];
  const whole = readFileSync(bad);
  rmSync(bad);
  writeFileSync(bad, whole.subarray(0, 80), { mode: 0o400 });
  await expect(rotate(at.begin(), at.place)).rejects.toMatchObject({ code: 'rotation-incomplete' });
  const [open] = readRotations(at.place.records);
  const copies = join(at.place.backups, open!.id, 'files');
  expect(readdirSync(copies)).toHaveLength(1);
  rmSync(bad);
  writeFileSync(bad, whole, { mode: 0o400 });
  await rotate(open!, at.place);
  expect(readdirSync(copies)).toHaveLength(2);
  for (const name of readdirSync(copies)) expect(['V=1\n', 'V=2\n']).toContain(at.value(join(copies, name)));
  expect([at.value(good), at.value(bad)]).toEqual(['V=1\n', 'V=2\n']);
});

test('[S4] a record with any byte changed is damaged, or says something that a rotation can go on from', async () => {
  const at = await scene();
  await at.put('a.env.encrypted', '1');
  await rotate(at.begin(), at.place);
  const [name] = readdirSync(at.place.records);
  const path = join(at.place.records, name!);
  const good = readFileSync(path);
  let damaged = 0;
  for (let i = 0; i < good.length; i++) {
    const bytes = Buffer.from(good);
    bytes[i]! ^= 1 + (i % 127);
    writeFileSync(path, bytes);
    try {
      const [record] = readRotations(at.place.records);
      expect(['initiated', 'in-progress', 'completed', 'failed']).toContain(record!.status);
      expect(record!.oldKey.id).toMatch(/^[a-z][a-z2-7]{5}$/);
    } catch (error) {
      if (!(error instanceof LockfastError)) throw error;
      expect(error.code).toBe('damaged');
      damaged += 1;
    }
  }
  expect(damaged).toBeGreaterThan(good.length / 3);
});

test('[S8] bug class 11: nobody else writes, alters or brings back the record of a rotation', async () => {
  const at = await scene();
  const path = await at.put('a.env.encrypted', '1');
  const whole = readFileSync(path);
  rmSync(path);
  writeFileSync(path, whole.subarray(0, 80), { mode: 0o400 });
  await expect(rotate(at.begin(), at.place)).rejects.toMatchObject({ code: 'rotation-incomplete' });
  const open = openRotation(at.place.records)!;
  const root = { source: 'file:/tmp/other.key', file: '/tmp/other.key', fingerprint: null, replaces: 'file:root.key', drops: [] };
  const stranger = await KeyRing.create('production', [held()]);
  const forged: RotationRecord[] = [
    { ...open, root },
    { ...open, backup: false },
    { ...open, newKey: null },
    { ...open, status: 'initiated' },
    { ...open, seals: ['AAAA'] },
    { ...open, seals: [stranger.seal(Buffer.from('x'))] },
  ];
  const before = at.ring;
  for (const record of forged) await expect(rotate(record, at.place)).rejects.toMatchObject({ code: 'tampered' });
  expect(at.ring).toBe(before);

  rmSync(path);
  writeFileSync(path, whole, { mode: 0o400 });
  expect(await rotate(open, at.place)).toMatchObject({ status: 'completed' });
});

test('[S8] bug class 11: a record that was planned, and put back when the ring had changed, is not gone on with', async () => {
  const at = await scene();
  let killed = true;
  const { ring } = at.place;
  const place: RotationPlace = { ...at.place, ring: { read: () => ring.read(), change: (change) => (killed ? Promise.reject(new Error('killed')) : ring.change(change)) } };
  await expect(rotate(at.begin(), place)).rejects.toThrow('killed');
  const planned = openRotation(at.place.records)!;
  expect(planned.status).toBe('initiated');
  killed = false;
  for (let i = 0; i < 3; i++) at.ring = at.ring.withDeparture();
  await expect(rotate(planned, place)).rejects.toMatchObject({ code: 'conflict' });
});
