// vitest's global set-up: tests of the command run the built one, so it must be what the sources say.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { isBuildStale } from './stale-build.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

export default function buildWhenStale() {
  if (isBuildStale(root)) execFileSync(process.execPath, ['tools/build.mjs'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
}
