// Every subpath that documentation and docstrings name exists, and every export has its source.
// `node tools/check-subpaths.mjs [ROOT]` lists what does not, and exits 1 then.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url)));
const manifests = readdirSync(join(root, 'packages')).flatMap((folder) => {
  const path = join(root, 'packages', folder, 'package.json');
  return existsSync(path) ? [{ folder, ...JSON.parse(readFileSync(path, 'utf8')) }] : [];
});
const subpaths = new Set(manifests.flatMap(({ name, exports = {} }) => Object.keys(exports).map((key) => name + key.slice(1))));

const problems = [...manifests.flatMap(missingSources), ...textFiles().flatMap(unknownNames)];
for (const problem of problems) process.stdout.write(`${problem}\n`);
if (problems.length > 0) process.exitCode = 1;

/** The source of an export exists, and what is built from it is where the export says: `src/x.ts` becomes `dist/x.js`. */
function missingSources({ folder, exports = {} }) {
  return Object.entries(exports).flatMap(([key, target]) => {
    const source = typeof target === 'string' ? target : target['lockfast-source'];
    const where = `packages/${folder}/package.json: the export ${key}`;
    if (source === undefined) return [`${where} has no lockfast-source`];
    if (!existsSync(join(root, 'packages', folder, source))) return [`${where}: there is no ${source}`];
    if (typeof target === 'string') return [];
    const built = source.replace('./src/', './dist/').replace(/\.ts$/, '');
    return [['types', `${built}.d.ts`], ['default', `${built}.js`]].filter(([condition, path]) => target[condition] !== path).map(([condition, path]) => `${where}: ${condition} is not ${path}`);
  });
}

function unknownNames(path) {
  const text = readFileSync(path, 'utf8');
  const named = new Set([...text.matchAll(/@lockfast\/[a-z][a-z0-9-]*(?:\/[a-z][a-z0-9-]*)*/g)].map(([name]) => name));
  return [...named].filter((name) => !subpaths.has(name)).map((name) => `${relative(root, path)}: ${name} is no export of ours`);
}

function textFiles() {
  const top = readdirSync(root).filter((name) => name.endsWith('.md')).map((name) => join(root, name));
  const under = (directory, pattern) =>
    existsSync(directory)
      ? readdirSync(directory, { recursive: true }).filter((name) => pattern.test(name)).map((name) => join(directory, name))
      : [];
  const inPackages = manifests.flatMap(({ folder }) => under(join(root, 'packages', folder, 'src'), /\.ts$/));
  return [...top, ...under(join(root, 'docs'), /\.md$/), ...inPackages];
}
