// What the single executable starts with: bin/lockfast.js for bundles that are in the executable itself (tools/build-standalone.mjs).
'use strict';

const { createHash } = require('node:crypto');
const { posix } = require('node:path');
const sea = require('node:sea');
const { Script } = require('node:vm');

const loaded = new Map();

load(process.argv[2] === 'run' ? 'run.cjs' : 'lockfast.cjs');

function load(name) {
  const known = loaded.get(name);
  if (known !== undefined) return known.exports;
  const source = Buffer.from(sea.getRawAsset(name));
  const script = new Script(source.toString(), { filename: name, cachedData: codeCache(name.replace(/cjs$/, 'cache'), source) });
  const module = { exports: {} };
  loaded.set(name, module);
  script.runInThisContext()(module.exports, (id) => (id.startsWith('./run') ? load(posix.normalize(id)) : require(id)), module);
  return module.exports;
}

/** As bin/lockfast.js has it: what does not match to the bit is left alone. */
function codeCache(name, source) {
  let bytes;
  try {
    bytes = Buffer.from(sea.getRawAsset(name));
  } catch {
    return undefined;
  }
  const code = bytes.subarray(32);
  const digest = createHash('sha256').update(`${process.version} ${process.arch}\n`).update(source).update(code).digest();
  return digest.equals(bytes.subarray(0, 32)) ? code : undefined;
}
