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
  require(process.argv[2] === 'run' ? '../dist/run.cjs' : '../dist/lockfast.cjs');
}
