import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { encryptEnvFile, splitEntries } from '@lockfast/core/env';
import type { KeyRing } from '@lockfast/core/keyring';
import { refuseUnlessUnused, type SweptFile, sweepUsage } from '@lockfast/core/rotation';

import { newRing } from '../env/rings.ts';

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'lockfast-usage-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

function written(path: string, content: string, ring: KeyRing, tenant = ''): SweptFile {
  writeFileSync(path, encryptEnvFile({ entries: splitEntries(Buffer.from(content)) }, { ring, tenant }));
  return { path, kind: 'file' };
}

async function ringOfTwo(): Promise<{ before: KeyRing; after: KeyRing; old: string; active: string }> {
  const before = await newRing();
  const staged = before.withNewKey();
  const [old, active] = staged.keys.map(({ id }) => id) as [string, string];
  return { before, after: staged.withActive(active), old, active };
}

test('[B3] [S9] the sweep counts files, values and backups by key; a file without a line counts, too', async () => {
  const base = directory();
  const { before, after, old, active } = await ringOfTwo();
  const files = [
    written(join(base, 'a'), 'A=1\n# two\nC=3\n', before),
    written(join(base, 'b'), '', before, 'alpha'),
    { ...written(join(base, 'c'), 'A=1\n', before), kind: 'backup' as const },
    written(join(base, 'd'), 'A=1\n', after, 'beta'),
  ];
  expect(sweepUsage(after, files)).toEqual({
    keys: [
      { id: old, files: 2, values: 3, backups: 1, first: [files[0]!.path, files[1]!.path, files[2]!.path] },
      { id: active, files: 1, values: 1, backups: 0, first: [files[3]!.path] },
    ],
    unread: [],
  });
  expect(() => refuseUnlessUnused(sweepUsage(after, files), old)).toThrow(expect.objectContaining({ code: 'key-in-use' }));
  expect(() => refuseUnlessUnused(sweepUsage(after, files.slice(3)), old)).not.toThrow();
});

test('[B3] what can not be decrypted is no proof of anything: missing, altered, of another ring, newer than the ring', async () => {
  const base = directory();
  const { before, after, old } = await ringOfTwo();
  const path = join(base, 'a');
  const spoilt: [string, () => void][] = [
    ['not-found', () => {}],
    ['not-encrypted', () => writeFileSync(path, 'A=1\n')],
    ['ring-older', () => void written(path, 'A=1\n', after.withNewKey())],
  ];
  for (const [code, spoil] of spoilt) {
    spoil();
    const usage = sweepUsage(after, [{ path, kind: 'file' }]);
    expect(usage.unread.map(({ error }) => error.code)).toEqual([code]);
    expect(() => refuseUnlessUnused(usage, old)).toThrow(expect.objectContaining({ code: 'key-in-use' }));
    rmSync(path, { force: true });
  }
  const stranger = written(path, 'A=1\n', await newRing());
  expect(sweepUsage(before, [stranger]).unread.map(({ error }) => error.code)).toEqual(['missing-key']);
});

test('[B3] a whole file of another environment is passed over; one that names a key of this ring is not believed', async () => {
  const base = directory();
  const { before, after } = await ringOfTwo();
  const staging = await newRing('staging');
  expect(sweepUsage(after, [written(join(base, 'a'), 'A=1\n', staging)]).unread).toEqual([]);
  expect(sweepUsage(staging, [written(join(base, 'b'), 'A=1\n', before)]).unread).toEqual([]);
});
