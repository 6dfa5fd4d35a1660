// Makes dist/run.cache: what V8 compiled of dist/run.cjs in one run of it, for bin/lockfast.js to begin with; and the same
// for each part that this run loads late, which are those of a SQLite ledger. A run, and not the compiler alone: V8 compiles
// a function when it is first called, and those that a run calls are those wanted.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const RECORD = fileURLToPath(new URL('./record-run.mjs', import.meta.url));

/** @param {string} dist with both bundles; the caches come beside them */
export function makeCodeCache(dist) {
  const base = mkdtempSync(join(tmpdir(), 'lockfast-build-'));
  try {
    const code = join(base, 'code');
    mkdirSync(code);
    record(dist, base, code);
    for (const file of readdirSync(code)) {
      const name = join(dist, basename(file, '.code'));
      writeFileSync(`${name}.cache`, sealed(readFileSync(`${name}.cjs`), readFileSync(join(code, file))));
    }
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}

/** One run in a project and a home of its own, with a root key that goes with them. */
function record(dist, base, code) {
  const cwd = join(base, 'project');
  mkdirSync(cwd);
  const env = { PATH: [dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter), HOME: base };
  const node = (...args) => execFileSync(process.execPath, args, { cwd, env, stdio: ['ignore', 'ignore', 'pipe'] });
  writeFileSync(join(cwd, '.env'), "# a comment\n\nPORT=8000\nGREETING='two words'\nURL=\"https://example.org/\" # behind\n");
  node(join(dist, 'lockfast.cjs'), 'init');
  node(join(dist, 'lockfast.cjs'), 'env', 'encrypt');
  // Found in PATH as most programs are, and never started.
  node(RECORD, dist, code, 'run', '--', basename(process.execPath));
}

/** As bin/lockfast.js checks it. */
function sealed(source, code) {
  const digest = createHash('sha256').update(`${process.version} ${process.arch}\n`).update(source).update(code).digest();
  return Buffer.concat([digest, code]);
}
