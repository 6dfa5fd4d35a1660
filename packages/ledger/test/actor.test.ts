import { expect, test } from 'vitest';

import type { LedgerEntry } from '../src/entry.ts';
import { isWholeEntry } from '../src/entry-members.ts';

test('[S4] an actor may have the uid that logged in, and nothing else in its place', () => {
  const entry = (login: unknown): LedgerEntry =>
    ({ v: 1, kind: 'event', time: '2026-01-02T03:04:00.678Z', operation: 'decrypt', object: 'o', outcome: 'success', actor: { user: 'root', uid: 0, sudo: 'deploy', login, host: 'h', pid: 1, program: 'lockfast' } }) as LedgerEntry;
  for (const login of [0, 1000, 4_294_967_294]) expect(isWholeEntry(entry(login))).toBe(true);
  for (const login of [-1, 0.5, '1000', null, Number.NaN]) expect(isWholeEntry(entry(login))).toBe(false);
});
