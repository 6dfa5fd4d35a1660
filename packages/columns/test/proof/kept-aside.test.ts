/** Values that `column clear` keeps aside are read back before a row is emptied: whatever characters they hold. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { clearUnrecoverable, StoredValues } from '../../src/jobs/index.ts';
import { missing, withServer } from '../jobs/postgres/a-database.ts';
import { heldRing } from '../held-ring.ts';
import { aTable, convert, PROVEN } from './proof-scene.ts';

withServer();

test.skipIf(missing !== undefined)('[W5] damaged values and labels with any separator, quote or control character are kept aside whole, and only then emptied', async () => {
  const scratch = aTable(20);
  const ring = await heldRing();
  await convert(scratch, ring, 'encrypt');
  const odd = ['\u2028', '\u2029', '\u0085', '\r', '\n', '\r\n', '"', '\\', '\u0001', '\ufeff'];
  for (const [index, text] of odd.entries()) {
    scratch.sql(`UPDATE t SET secret = 'lfv1.' || convert_from('\\x${Buffer.from(text).toString('hex')}', 'UTF8') || 'x', name = 'a' || convert_from('\\x${Buffer.from(text).toString('hex')}', 'UTF8') || 'b' WHERE id = ${index + 1}`);
  }
  const directory = mkdtempSync(join(tmpdir(), 'lockfast-kept-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const declared = { ...PROVEN, label: 'name' };
  const database = await scratch.open();
  const keepAside = join(directory, 'kept.jsonl');
  const report = await clearUnrecoverable(database, declared, [{ declared, values: new StoredValues(ring, declared, []) }], { keepAside, stateDirectory: join(directory, 'state'), dryRun: false });
  expect(report).toMatchObject({ rows: 20, unrecoverable: odd.length, cleared: odd.length, conflicts: 0 });
  expect(scratch.sql('SELECT count(*) FROM t WHERE secret IS NULL')).toBe(String(odd.length));
  const kept = readFileSync(keepAside, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as { readonly value: string; readonly label: string });
  expect(kept.map(({ value, label }) => [value, label])).toEqual(odd.map((text) => [`lfv1.${text}x`, `a${text}b`]));
});
