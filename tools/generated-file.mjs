// A file that is made from the sources and committed. `--check` compares, and fails when the committed one is stale.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** @param {string} path from the root of the repository */
export function writeOrCheck(path, text, [mode]) {
  if (mode !== '--check') {
    mkdirSync(dirname(root + path), { recursive: true });
    writeFileSync(root + path, text);
  } else if (!existsSync(root + path) || readFileSync(root + path, 'utf8') !== text) {
    process.stdout.write(`${path} is stale, run: node --conditions=lockfast-source tools/${basename(process.argv[1])}\n`);
    process.exitCode = 1;
  }
}
