// Builds the command into two CommonJS files, `run` and the rest. As ES modules, split or not, it starts a third
// slower: docs/decisions tells what was measured.
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const cli = fileURLToPath(new URL('../packages/cli', import.meta.url));
const dist = join(cli, 'dist');

// Beside its place first: a build that fails leaves the last good one, and a test that starts meanwhile finds it.
const made = mkdtempSync(join(cli, '.dist-'));
try {
  await build({
    absWorkingDir: cli,
    entryPoints: { lockfast: 'src/main.ts', run: 'src/main-run.ts' },
    outdir: made,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'cjs',
    target: 'node24',
    conditions: ['lockfast-source'],
    legalComments: 'linked',
    logLevel: 'warning',
  });
  mkdirSync(dist, { recursive: true });
  for (const file of readdirSync(made)) renameSync(join(made, file), join(dist, file));
  for (const file of readdirSync(dist)) if (!/^(?:lockfast|run)\.cjs/.test(file)) rmSync(join(dist, file), { recursive: true });
} finally {
  rmSync(made, { recursive: true, force: true });
}
