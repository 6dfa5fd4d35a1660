// Imports go down only. `node tools/check-imports.mjs [ROOT]` lists what does not, and exits 1 then.
//
//   cli -> watch -> fleet, columns, guard, keys, ledger -> core        testkit: for tests alone
//
// Within core, and nowhere else, folders have an order too: CORE says it.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { cycles, readSources } from './import-graph.mjs';

/** Which of our packages the sources of each may import, and which others. Node's own modules are everybody's. */
const PACKAGES = {
  core: { ours: [], others: [] },
  keys: { ours: ['core'], others: ['shamir-secret-sharing'] },
  ledger: { ours: ['core'], others: ['pg'] },
  columns: { ours: ['core'], others: ['pg', 'mysql2', '@mikro-orm/core'] },
  guard: { ours: ['core'], others: ['@secretlint/core', '@secretlint/secretlint-rule-preset-recommend'] },
  fleet: { ours: ['core'], others: [] },
  watch: { ours: ['fleet', 'ledger', 'core'], others: ['nodemailer'] },
  cli: { ours: ['watch', 'guard', 'fleet', 'columns', 'keys', 'ledger', 'core'], others: ['smol-toml'] },
  testkit: { ours: ['core'], others: ['vitest', 'fast-check', 'pg', 'mysql2'] },
};

/**
 * What each part of core may import. The longest name that fits a file counts. `keyring/secret` stands apart: every key
 * is one, so formats and ports know it, and it knows nothing.
 */
const CORE = {
  errors: [],
  turns: [],
  'url-password': [],
  'keyring/secret': [],
  ports: ['keyring/secret'],
  audited: ['errors', 'ports'],
  mask: ['url-password'],
  files: ['errors'],
  formats: ['errors', 'ports', 'keyring/secret'],
  keyring: ['errors', 'ports', 'keyring/secret', 'formats'],
  'env/dialects': ['errors'],
  env: ['errors', 'ports', 'audited', 'keyring/secret', 'formats', 'keyring', 'files', 'env/dialects'],
  // What is wrong with an env file: it reads, and writes nothing.
  'env/lint': ['errors', 'url-password', 'env', 'env/dialects'],
  rotation: ['errors', 'ports', 'audited', 'keyring/secret', 'formats', 'keyring', 'files', 'env'],
  // The entry: it exports what the others do.
  index: ['errors', 'ports', 'audited', 'files', 'formats', 'keyring', 'env', 'env/dialects', 'rotation'],
};

/** Files that know each other's types, each ring with the reason why one file would be worse. None so far. */
const TYPE_RINGS = [];

const root = resolve(process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url)));
const packages = Object.keys(PACKAGES).filter((name) => existsSync(join(root, 'packages', name, 'src')));
const sources = readSources(root, packages);
const problems = [...sources.flatMap(checkFile), ...ringProblems('value'), ...ringProblems('type'), ...undeclared()];
for (const problem of problems) process.stdout.write(`${problem}\n`);
if (problems.length > 0) process.exitCode = 1;

function checkFile({ file, imports }) {
  const [, name, part] = file.split('/');
  return imports.flatMap(({ to }) => {
    const problem = to.startsWith('packages/') ? checkRelative(file, to, name, part) : part === 'src' ? checkPackage(to, name) : undefined;
    return problem === undefined ? [] : [`${file}: imports ${to}: ${problem}`];
  });
}

function checkRelative(file, to, name, part) {
  const inside = to === `packages/${name}/package.json`;
  if (part === 'src' && !inside && !to.startsWith(`packages/${name}/src/`)) return 'a relative import stays in its own sources';
  if (part === 'test' && !to.startsWith(`packages/${name}/`)) return 'another package is imported by its name';
  if (!inside && !existsSync(join(root, to))) return 'there is no such file';
  if (name !== 'core' || part !== 'src') return undefined;
  const [here, there] = [corePart(file), corePart(to)];
  if (here === undefined || there === undefined) return 'that part of core is not in the table of tools/check-imports.mjs';
  return here === there || CORE[here].includes(there) ? undefined : `core's ${here} may import ${CORE[here].join(', ') || 'nothing'}`;
}

function checkPackage(to, name) {
  if (to.startsWith('node:')) return undefined;
  const [, ours] = /^@lockfast\/([^/]+)/.exec(to) ?? [];
  if (ours === 'testkit') return 'the testkit is for tests';
  if (ours !== undefined) return PACKAGES[name].ours.includes(ours) ? undefined : `${name} may import ${PACKAGES[name].ours.join(', ') || 'no other package'}`;
  return PACKAGES[name].others.includes(to.split('/').slice(0, to.startsWith('@') ? 2 : 1).join('/')) ? undefined : `${name} has no such dependency`;
}

function corePart(path) {
  const inner = path.slice('packages/core/src/'.length).replace(/\.ts$/, '');
  return Object.keys(CORE)
    .filter((name) => inner === name || inner.startsWith(`${name}/`))
    .toSorted((a, b) => b.length - a.length)[0];
}

/** A module that is loaded later (`import()`) waits for nobody: it makes no ring. */
function ringProblems(kind) {
  const counted = (one) => one.kind === 'value' || (kind === 'type' && one.kind === 'type');
  const edges = new Map(sources.map(({ file, imports }) => [file, imports.filter(counted).map(({ to }) => to).filter((to) => to.startsWith('packages/'))]));
  const known = (ring) => kind === 'type' && TYPE_RINGS.some(({ files }) => ring.every((file) => files.includes(file)));
  return cycles(edges)
    .filter((ring) => !known(ring))
    .map((ring) => `a ring of imports${kind === 'type' ? ', counting types' : ''}: ${ring.toReversed().join(' <-> ')}`);
}

/** What PACKAGES says and what each package.json says must be one. A bundled command has its own among devDependencies. */
function undeclared() {
  return packages.flatMap((name) => {
    const { dependencies = {}, devDependencies = {}, peerDependencies = {} } = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'));
    const declared = new Set(Object.keys({ ...dependencies, ...peerDependencies, ...(name === 'cli' ? devDependencies : {}) }));
    const used = new Set(
      sources
        .filter(({ file }) => file.startsWith(`packages/${name}/src/`))
        .flatMap(({ imports }) => imports.map(({ to }) => to))
        .filter((to) => !to.startsWith('packages/') && !to.startsWith('node:'))
        .map((to) => to.split('/').slice(0, to.startsWith('@') ? 2 : 1).join('/')),
    );
    return [...used].filter((one) => !declared.has(one)).map((one) => `packages/${name}/package.json: ${one} is imported and not declared`);
  });
}
