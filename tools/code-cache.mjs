// Makes dist/run.cache and dist/lockfast.cache: what V8 compiled of these bundles in a few runs of them, for bin/lockfast.js
// to begin with; and the same for each part that `run` loads late, which are those of a SQLite ledger. Runs, and not the
// compiler alone: V8 compiles a function when it is first called, and those that are called are those wanted.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What most commands have in common, and what services and people call most. */
const USUAL = [['env', 'encrypt'], ['status'], ['env', 'verify'], ['env', 'list', '--json'], ['key', 'list'], ['ledger', 'list', '--limit', '3']];

const RECORD = fileURLToPath(new URL('./record-run.mjs', import.meta.url));

/** @param {string} dist with both bundles; the caches come beside them */
export function makeCodeCache(dist) {
  const base = mkdtempSync(join(tmpdir(), 'lockfast-build-'));
  try {
    const code = join(base, 'code');
    mkdirSync(code);
    recordAll(dist, base, code);
    for (const file of readdirSync(code)) {
      const name = join(dist, basename(file, '.code'));
      writeFileSync(`${name}.cache`, sealed(readFileSync(`${name}.cjs`), readFileSync(join(code, file))));
    }
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}

/** In a project and a home of their own, with a root key that goes with them. */
function recordAll(dist, base, code) {
  const cwd = join(base, 'project');
  mkdirSync(cwd);
  const env = { PATH: [dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter), HOME: base };
  const node = (...args) => execFileSync(process.execPath, args, { cwd, env, stdio: ['ignore', 'ignore', 'pipe'] });
  writeFileSync(join(cwd, '.env'), "# a comment\n\nPORT=8000\nGREETING='two words'\nURL=\"https://example.org/\" # behind\n");
  const record = (bundle, ...commands) => node(RECORD, dist, code, bundle, JSON.stringify(commands));
  record('lockfast.cjs', ['init'], ...USUAL);
  // Found in PATH as most programs are, and never started.
  record('run.cjs', ['run', '--', basename(process.execPath)]);
}

/** As bin/lockfast.js checks it. */
function sealed(source, code) {
  const digest = createHash('sha256').update(`${process.version} ${process.arch}\n`).update(source).update(code).digest();
  return Buffer.concat([digest, code]);
}
