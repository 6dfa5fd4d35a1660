// `node tools/record-run.mjs BUNDLE OUTPUT run -- CMD`: runs the bundle of `run` up to where it would become CMD, and
// writes what V8 compiled of it by then. A part of tools/code-cache.mjs, in a process of its own.
import { readFileSync, writeFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { Script } from 'node:vm';

const [bundle, output] = process.argv.splice(2, 2);
const script = new Script(readFileSync(bundle, 'utf8'), { filename: bundle });
process.on('exit', () => writeFileSync(output, script.createCachedData()));
process.execve = () => process.exit();
// As bin/lockfast.js loads it.
const module = new Module(bundle);
const require = createRequire(bundle);
require.cache[bundle] = module;
script.runInThisContext()(module.exports, require, module);
