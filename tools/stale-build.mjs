// Whether the built command is older than what it is built from. Plain JavaScript for Node 20.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const SOURCES = [
  'packages/core/src', 'packages/keys/src', 'packages/ledger/src', 'packages/columns/src', 'packages/fleet/src', 'packages/guard/src', 'packages/watch/src', 'packages/cli/src', 'packages/cli/package.json',
  'tools/build.mjs', 'tools/run-bundle.mjs', 'tools/code-cache.mjs', 'tools/record-run.mjs', 'package-lock.json',
];

/** @param {string} root the repository */
export function isBuildStale(root) {
  const built = join(root, 'packages/cli/dist');
  const files = existsSync(built) ? readdirSync(built).map((name) => statSync(join(built, name)).mtimeMs) : [];
  return files.length === 0 || SOURCES.some((path) => newest(join(root, path)) > Math.min(...files));
}

/** A folder's own time tells of files that were added, removed or renamed. */
function newest(path) {
  const stats = statSync(path);
  if (!stats.isDirectory()) return stats.mtimeMs;
  return Math.max(stats.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}
