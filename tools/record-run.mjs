// `node tools/record-run.mjs DIST OUTPUT BUNDLE COMMANDS`: runs each of COMMANDS (JSON, lists of arguments) with BUNDLE in
// DIST, one after the other, `run` up to where it would become its program. Then writes what V8 compiled by then, of the
// bundle and of each part that it loaded late, into the directory OUTPUT: run.code, run-x.code, lockfast.code. A part of
// tools/code-cache.mjs, in a process of its own.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Script } from 'node:vm';

const [dist, output, bundle, commands] = process.argv.splice(2, 4);
const require = createRequire(import.meta.url);
const scripts = new Map();
const waiting = JSON.parse(commands);

process.on('exit', () => {
  for (const [name, script] of scripts) writeFileSync(join(output, name.replace(/cjs$/, 'code')), script.createCachedData());
});
process.execve = () => process.exit();
// A command has ended when nothing is left to be done.
process.on('beforeExit', next);

function next() {
  const args = waiting.shift();
  if (args === undefined || process.exitCode > 0) return;
  process.argv.splice(2, Infinity, ...args);
  new Loader().load(bundle);
}

/** As bin/lockfast.js does. Each command gets modules of its own; what V8 compiled of the scripts is theirs together. */
class Loader {
  #loaded = new Map();

  load(name) {
    const known = this.#loaded.get(name);
    if (known !== undefined) return known.exports;
    const file = join(dist, name);
    if (!scripts.has(name)) scripts.set(name, new Script(readFileSync(file, 'utf8'), { filename: file }));
    const module = { exports: {} };
    this.#loaded.set(name, module);
    scripts.get(name).runInThisContext()(module.exports, (id) => (id.startsWith('./run') ? this.load(id.slice('./'.length)) : require(id)), module);
    return module.exports;
  }
}

next();
