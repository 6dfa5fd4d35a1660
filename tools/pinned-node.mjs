// The Node that package-lock.json pins, for a machine whose own is older. Plain JavaScript for Node 20.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/**
 * @param {string} root the repository
 * @param {(text: string) => void} say told before anything takes long
 * @returns {string} the path of a `node` that is new enough, outside of `node_modules`: an install replaces that folder
 */
export function pinnedNode(root, say) {
  const name = `node-${process.platform}-${process.arch}`;
  const entry = lockEntry(root, name);
  if (entry === undefined) return ownNode(root, name);
  const cache = process.env['XDG_CACHE_HOME'];
  const store = join(cache?.startsWith('/') ? cache : join(homedir(), '.cache'), 'lockfast', `node-${entry.version}`);
  const node = join(store, 'node_modules', name, 'bin/node');
  if (!works(node, entry.version)) {
    say(`getting Node ${entry.version}, as package-lock.json pins it`);
    install(store, name, entry);
  }
  if (!works(node, entry.version)) fail(`Node ${entry.version} was installed in ${store} and does not run`, 'remove that folder and try again');
  return node;
}

function lockEntry(root, name) {
  return JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages[`node_modules/${name}`];
}

/** No Node is pinned for this platform: the one that runs us must do. */
function ownNode(root, name) {
  if (Number(process.versions.node.split('.')[0]) < 24) fail(`this is Node ${process.version}, and none is pinned for ${name}`, 'install Node 24 and run it again');
  if (process.execPath.startsWith(join(root, 'node_modules'))) fail('this Node is part of what would be installed', 'run it with a Node from outside of node_modules');
  return process.execPath;
}

/**
 * With a lock file of its own, which holds the entry of ours: npm checks the same hash that an install here does.
 * Made beside its place and then moved there, so that a run that is broken off, or a second one, harms nothing.
 */
function install(store, name, entry) {
  mkdirSync(dirname(store), { recursive: true });
  const made = mkdtempSync(`${store}.`);
  const manifest = { name: 'lockfast-node', version: '0.0.0', private: true, dependencies: { [name]: entry.version } };
  const { optional: _optional, ...locked } = entry;
  const lock = { name: manifest.name, version: manifest.version, lockfileVersion: 3, requires: true, packages: { '': manifest, [`node_modules/${name}`]: locked } };
  writeFileSync(join(made, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(made, 'package-lock.json'), JSON.stringify(lock));
  const script = process.env['npm_execpath'];
  const [file, ...first] = script !== undefined && /npm-cli\.[cm]?js$/.test(script) ? [process.execPath, script] : ['npm'];
  // npm hands its place down to what it runs: without this, it would install into this repository.
  const environment = Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^npm_config_(local_prefix|prefix|workspace)/i.test(key)));
  const { status, stdout, stderr } = spawnSync(file, [...first, 'ci', '--loglevel=error', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: made, env: environment, encoding: 'utf8' });
  if (status !== 0) {
    rmSync(made, { recursive: true, force: true });
    process.stderr.write(`${stdout ?? ''}${stderr ?? ''}`);
    fail(`Node ${entry.version} could not be installed`, 'check that npm reaches its registry, or install Node 24');
  }
  if (existsSync(store)) rmSync(store, { recursive: true, force: true });
  renameSync(made, store);
}

function works(node, version) {
  return existsSync(node) && spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout?.trim() === `v${version}`;
}

function fail(what, hint) {
  process.stderr.write(`setup: ${what}: ${hint}\n`);
  process.exit(1);
}
