import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { onTestFinished } from 'vitest';

/** A directory of a test's own, removed when it ends. */
export function scratchDirectory(): string {
  const directory = mkdtempSync(join(realpathSync.native(tmpdir()), 'lockfast-watch-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
