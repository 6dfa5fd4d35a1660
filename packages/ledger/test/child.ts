/**
 * A process of its own that appends: `node --conditions=lockfast-source child.ts PLACE COUNT NAME`. Prints each number
 * that it was given, as it is given, or the code of its refusal.
 */
import { writeSync } from 'node:fs';

import { LockfastError } from '@lockfast/core/errors';

import { openSqliteLedger } from '../src/stores/sqlite.ts';

const [place = '', count = '', name = ''] = process.argv.slice(2);

// After the imports: the other user may not be able to read them.
if (process.env['LOCKFAST_TEST_UID'] !== undefined && process.geteuid?.() === 0) {
  const id = Number(process.env['LOCKFAST_TEST_UID']);
  await import('node:sqlite');
  process.setgroups?.([]);
  process.setgid?.(id);
  process.setuid?.(id);
}

try {
  const store = place.startsWith('postgres:') ? await (await import('../src/stores/postgres.ts')).openPostgresLedger(place) : await openSqliteLedger(place);
  for (let i = 0; i < Number(count); i++) {
    const seq = await store.append([Buffer.from(`${name} ${i}`)]);
    writeSync(1, `${seq}\n`);
  }
  await store.close();
} catch (error) {
  if (!(error instanceof LockfastError)) throw error;
  writeSync(1, `${error.code}\n`);
}
