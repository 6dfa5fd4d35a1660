// `node tools/record-run.mjs DIST OUTPUT run -- CMD`: runs the bundle of `run` in DIST up to where it would become CMD, and
// writes what V8 compiled by then, of the bundle and of each part that it loaded late, into the directory OUTPUT: run.code,
// run-x.code. A part of tools/code-cache.mjs, in a process of its own.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Script } from 'node:vm';

const [dist, output] = process.argv.splice(2, 2);
const require = createRequire(import.meta.url);
const loaded = new Map();

process.on('exit', () => {
  for (const [name, { script }] of loaded) writeFileSync(join(output, name.replace(/cjs$/, 'code')), script.createCachedData());
});
process.execve = () => process.exit();
load('run.cjs');

/** As bin/lockfast.js does. */
function load(name) {
  const known = loaded.get(name);
  if (known !== undefined) return known.module.exports;
  const file = join(dist, name);
  const script = new Script(readFileSync(file, 'utf8'), { filename: file });
  const module = { exports: {} };
  loaded.set(name, { script, module });
  script.runInThisContext()(module.exports, (id) => (id.startsWith('./run') ? load(id.slice('./'.length)) : require(id)), module);
  return module.exports;
}
