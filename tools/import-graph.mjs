// What every source file imports, read from its text.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** A statement that begins a line; `import type` and `export type` leave nothing behind when types are stripped. */
const STATEMENT = /^(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm;
/** A module that is loaded when it is needed, or a type named in place. In a test it may as well be part of a text. */
const DEFERRED = /\bimport\('([^']+)'\)/g;

/** @param {string} root @returns {{ file: string, imports: { to: string, kind: 'value' | 'type' | 'deferred' }[] }[]} */
export function readSources(root, packages) {
  return packages.flatMap((name) => ['src', 'test'].flatMap((part) => sourceFiles(join(root, 'packages', name, part)))).map((path) => ({ file: relative(root, path), imports: importsOf(path, root) }));
}

function sourceFiles(directory) {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true })
    .filter((name) => /\.(ts|js|mjs)$/.test(name))
    .toSorted((a, b) => (a < b ? -1 : 1))
    .map((name) => join(directory, name));
}

/** A relative path becomes one from the root of the repository; what else is imported stays as it is written. */
function importsOf(path, root) {
  const text = readFileSync(path, 'utf8');
  const from = (name) => (name.startsWith('.') ? relative(root, join(dirname(path), name)) : name);
  const statements = [...text.matchAll(STATEMENT)].map(([, type, name]) => ({ to: from(name), kind: type === undefined ? 'value' : 'type' }));
  const deferred = /^packages\/[^/]+\/test\//.test(relative(root, path)) ? [] : [...text.matchAll(DEFERRED)].map(([, name]) => ({ to: from(name), kind: 'deferred' }));
  return [...statements, ...deferred];
}

/** The groups of files that import each other in a ring (Tarjan's strongly connected components). */
export function cycles(edges) {
  const index = new Map();
  const low = new Map();
  const stack = [];
  const found = [];
  const visit = (node) => {
    index.set(node, index.size);
    low.set(node, index.get(node));
    stack.push(node);
    for (const next of edges.get(node) ?? []) {
      if (!index.has(next)) {
        visit(next);
        low.set(node, Math.min(low.get(node), low.get(next)));
      } else if (stack.includes(next)) low.set(node, Math.min(low.get(node), index.get(next)));
    }
    if (low.get(node) !== index.get(node)) return;
    const group = stack.splice(stack.indexOf(node));
    if (group.length > 1 || (edges.get(node) ?? []).includes(node)) found.push(group);
  };
  for (const node of edges.keys()) if (!index.has(node)) visit(node);
  return found;
}
