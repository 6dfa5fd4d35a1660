// Whether the built command is older than what it is built from. Plain JavaScript for Node 20.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const SOURCES = ['packages/core/src', 'packages/keys/src', 'packages/cli/src', 'packages/cli/package.json', 'tools/build.mjs', 'package-lock.json'];

/** @param {string} root the repository */
export function isBuildStale(root) {
  const built = join(root, 'packages/cli/dist/run.cjs');
  if (!existsSync(built)) return true;
  const { mtimeMs } = statSync(built);
  return SOURCES.some((path) => newest(join(root, path)) > mtimeMs);
}

/** A folder's own time tells of files that were added, removed or renamed. */
function newest(path) {
  const stats = statSync(path);
  if (!stats.isDirectory()) return stats.mtimeMs;
  return Math.max(stats.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}
