import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { onTestFinished } from 'vitest';

/** A directory of the test's own. */
export function scratch(): string {
  const base = mkdtempSync(join(realpathSync.native(tmpdir()), 'lockfast-fleet-'));
  onTestFinished(() => rmSync(base, { recursive: true, force: true }));
  return base;
}
