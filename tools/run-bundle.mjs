// Builds `run`: run.cjs holds what every run needs, and each part that is imported late (`import()`) is a file beside it.
//
// esbuild splits ES modules alone, and as ES modules a command starts a third slower. So it splits first, and then
// makes CommonJS of the pieces. What a late part shares with run.cjs (errors, keys) it takes from there: made twice, an
// error of one would be unknown to the other.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build } from 'esbuild';

/**
 * @param {string} outdir
 * @param {import('esbuild').BuildOptions} options of the whole command
 */
export async function buildRun(outdir, options) {
  const pieces = mkdtempSync(join(outdir, 'pieces-'));
  try {
    const { always, late } = await split(pieces, options);
    const finish = { ...options, absWorkingDir: pieces, legalComments: 'none' };
    const shared = [...always].filter((piece) => piece !== 'run.js');
    const contents = ["import './run.js';", ...shared.map((piece) => `export * as ${nameOf(piece)} from './${piece}';`)].join('\n');
    await build({ ...finish, stdin: { contents, resolveDir: pieces }, outfile: join(outdir, 'run.cjs'), plugins: [linksTo(always)] });
    for (const piece of late) {
      await build({ ...finish, entryPoints: [piece], outfile: join(outdir, fileOf(piece)), plugins: [linksTo(always, piece)] });
    }
    for (const name of ['run.cjs', ...late.map(fileOf)]) asScript(join(outdir, name));
  } finally {
    rmSync(pieces, { recursive: true, force: true });
  }
}

/** bin/lockfast.js loads a bundle as a script, which has nothing but what it is given. Its first statement changes nothing: by it publint knows CommonJS. */
export function asScript(file) {
  writeFileSync(file, `(function (exports, require, module) {\nmodule.exports = exports;${readFileSync(file, 'utf8')}\n})`);
}

/** As ES modules: those that run.js imports at once, and the others. */
async function split(outdir, options) {
  const { metafile } = await build({
    ...options,
    entryPoints: { run: 'src/main-run.ts' },
    outdir,
    chunkNames: 'run-[name]-[hash]',
    format: 'esm',
    splitting: true,
    metafile: true,
    minify: false,
    supported: {},
    legalComments: 'none',
  });
  const imports = new Map(Object.entries(metafile.outputs).map(([path, output]) => [basename(path), output.imports]));
  const always = new Set();
  const visit = (piece) => {
    if (always.has(piece)) return;
    always.add(piece);
    for (const { path, kind } of imports.get(piece)) if (kind === 'import-statement' && imports.has(basename(path))) visit(basename(path));
  };
  visit('run.js');
  return { always, late: [...imports.keys()].filter((piece) => !always.has(piece)) };
}

/** Which piece is a part of the file that is made, and which another file. `entry` is the late piece, if it is one. */
function linksTo(always, entry) {
  return {
    name: 'links between the pieces',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^\.\/run.*\.js$/ }, ({ path, kind }) => {
        const piece = basename(path);
        if (kind === 'entry-point' || (entry === undefined && always.has(piece))) return undefined;
        return always.has(piece) ? { path: piece, namespace: 'shared' } : { path: `./${fileOf(piece)}`, external: true };
      });
      onResolve({ filter: /^\.\/run\.cjs$/ }, ({ path }) => ({ path, external: true }));
      onLoad({ filter: /./, namespace: 'shared' }, ({ path }) => ({ contents: `module.exports = require('./run.cjs').${nameOf(path)};` }));
    },
  };
}

const fileOf = (piece) => piece.replace(/\.js$/, '.cjs');
const nameOf = (piece) => piece.replaceAll(/\W/g, '_');
