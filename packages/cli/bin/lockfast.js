#!/usr/bin/env node
// Committed as plain JavaScript: npm links a bin only when its file exists before anything is built.
// CommonJS, and old syntax only: an old Node must get as far as the message.
'use strict';

if (Number(process.versions.node.split('.')[0]) < 24) {
  process.stderr.write(
    'lockfast: needs Node 24 or newer, this is ' + process.version + ': install Node 24, put it first in PATH, and run the command again\n',
  );
  process.exitCode = 2;
} else if (process.platform === 'win32') {
  process.stderr.write('lockfast: Windows is not supported: run it on Linux, or inside WSL 2\n');
  process.exitCode = 2;
} else {
  // Two bundles: `run` stands before every start of a service, and reads nothing that it does not need.
  start(require.resolve(process.argv[2] === 'run' ? '../dist/run.cjs' : '../dist/lockfast.cjs'));
}

/**
 * Loads a bundle, and what it loads late, as `require` does, but with what V8 compiled of it when it was built
 * (tools/code-cache.mjs): compiling it again is a third of the start. Here and not in a file of its own, which takes half
 * a millisecond to find.
 */
function start(bundle) {
  const fs = require('node:fs');
  const path = require('node:path');
  const vm = require('node:vm');
  const loaded = new Map();
  const load = (file) => {
    const known = loaded.get(file);
    if (known !== undefined) return known.exports;
    const source = fs.readFileSync(file);
    const script = new vm.Script(source.toString(), { filename: file, cachedData: codeCache(file.replace(/cjs$/, 'cache'), source) });
    const module = { exports: {} };
    loaded.set(file, module);
    script.runInThisContext()(module.exports, (id) => (id.startsWith('./run') ? load(path.join(path.dirname(file), id)) : require(id)), module);
    return module.exports;
  };
  load(bundle);
}

/**
 * V8 refuses what another V8 made, but does not look for damage, and knows the source by its length alone. So the digest
 * covers both, and the Node that made it: a cache that does not match to the bit is left alone.
 */
function codeCache(file, source) {
  let bytes;
  try {
    bytes = require('node:fs').readFileSync(file);
  } catch {
    return undefined;
  }
  const code = bytes.subarray(32);
  const digest = require('node:crypto').createHash('sha256').update(process.version + ' ' + process.arch + '\n').update(source).update(code).digest();
  return digest.equals(bytes.subarray(0, 32)) ? code : undefined;
}
