// Builds the command for machines without Node: one executable (Node's single executable application, with the bundles in
// it), packed with manual, schema and licences into one archive that unpacks to a directory `lockfast`, and checksums beside.
//
//   node tools/build-standalone.mjs [DIRECTORY]      default: dist-standalone
//
// The executable is the Node that runs this: build on each platform that it is for.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inject } from 'postject';

const root = fileURLToPath(new URL('..', import.meta.url));
const cli = join(root, 'packages/cli');
/** What Node looks for in itself: doc/api/single-executable-applications. */
const RESOURCE = 'NODE_SEA_BLOB';
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';
/** The same bytes for the same sources: no owner, no time. */
const TAR = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=@0', '--format=ustar'];

const out = resolve(process.argv[2] ?? join(root, 'dist-standalone'));
const { version } = createRequire(import.meta.url)(join(cli, 'package.json'));
const name = `lockfast-${version}-${process.platform}-${process.arch}`;

execFileSync(process.execPath, [join(root, 'tools/build.mjs')], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
mkdirSync(out, { recursive: true });
const made = mkdtempSync(join(out, '.standalone-'));
try {
  const directory = join(made, 'lockfast');
  mkdirSync(directory);
  await makeExecutable(join(directory, 'lockfast'), made);
  for (const part of ['man', 'schema']) cpSync(join(cli, part), join(directory, part), { recursive: true });
  cpSync(join(root, 'LICENSE'), join(directory, 'LICENSE'));
  cpSync(join(cli, 'dist/THIRD-PARTY.txt'), join(directory, 'LICENSE.bundled.txt'));
  cpSync(nodeLicense(), join(directory, 'LICENSE.node.txt'));
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  writeFileSync(join(directory, 'SHA256SUMS'), sums(files, directory));
  const archive = join(made, `${name}.tar.gz`);
  execFileSync('tar', [...TAR, '-I', 'gzip -n -6', '-C', made, '-cf', archive, 'lockfast']);
  writeFileSync(`${archive}.sha256`, sums([archive], made));
  for (const file of [archive, `${archive}.sha256`]) renameSync(file, join(out, basename(file)));
  console.log(join(out, basename(archive)));
} finally {
  rmSync(made, { recursive: true, force: true });
}

/** The bundles are assets; what starts them is tools/standalone-main.cjs. */
async function makeExecutable(target, scratch) {
  const dist = join(cli, 'dist');
  const assets = Object.fromEntries(readdirSync(dist).filter((file) => /\.(?:cjs|cache)$/.test(file)).map((file) => [file, join(dist, file)]));
  const blob = join(scratch, 'blob');
  const configuration = join(scratch, 'sea.json');
  writeFileSync(configuration, JSON.stringify({ main: join(root, 'tools/standalone-main.cjs'), output: blob, disableExperimentalSEAWarning: true, useSnapshot: false, useCodeCache: false, assets }));
  execFileSync(process.execPath, ['--experimental-sea-config', configuration], { stdio: ['ignore', 'ignore', 'inherit'] });
  cpSync(realpathSync(process.execPath), target);
  chmodSync(target, 0o755);
  await inject(target, RESOURCE, readFileSync(blob), { sentinelFuse: FUSE });
}

/** Beside the executable, as in Node's own archives and in the package that this one installs. */
function nodeLicense() {
  return join(realpathSync(process.execPath), '../../LICENSE');
}

function sums(files, from) {
  return files
    .toSorted()
    .map((file) => `${createHash('sha256').update(readFileSync(file)).digest('hex')}  ${file.slice(from.length + 1)}\n`)
    .join('');
}
