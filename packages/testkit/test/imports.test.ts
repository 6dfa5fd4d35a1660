import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const base = mkdtempSync(join(tmpdir(), 'lockfast-imports-'));
afterAll(() => rmSync(base, { recursive: true, force: true }));

function check(tool: string, root?: string): { status: number | null; lines: string[] } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, 'tools', `${tool}.mjs`), ...(root === undefined ? [] : [root])], { encoding: 'utf8' });
  expect(stderr).toBe('');
  return { status, lines: stdout.split('\n').filter((line) => line !== '') };
}

/** A workspace of a few files; each package's manifest names all others, so that only the direction is at fault. */
function workspace(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(base, 'workspace-'));
  const all = { 'packages/core/src/errors.ts': '', ...files };
  for (const name of ['core', 'keys', 'cli']) {
    write(root, `packages/${name}/package.json`, JSON.stringify({ name: `@lockfast/${name}`, dependencies: { '@lockfast/core': '', '@lockfast/keys': '', '@lockfast/testkit': '', 'smol-toml': '' } }));
    mkdirSync(join(root, 'packages', name, 'src'), { recursive: true });
  }
  for (const [path, text] of Object.entries(all)) write(root, path, text);
  return root;
}

function write(root: string, path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

test('imports of this repository go down only, and none in a ring', () => {
  expect(check('check-imports')).toEqual({ status: 0, lines: [] });
});

test('every subpath that is named exists, and every export has its source', () => {
  expect(check('check-subpaths')).toEqual({ status: 0, lines: [] });
});

describe('what the check of imports refuses', () => {
  test.each([
    ['core that knows keys', { 'packages/core/src/files/a.ts': "import { x } from '@lockfast/keys';" }, 'core may import no other package'],
    ['keys that knows a TOML reader', { 'packages/keys/src/a.ts': "import { parse } from 'smol-toml';" }, 'keys has no such dependency'],
    ['sources that use the testkit', { 'packages/cli/src/a.ts': "import { strike } from '@lockfast/testkit';" }, 'the testkit is for tests'],
    ['a way around a package\'s exports', { 'packages/cli/src/a.ts': "import { x } from '../../core/src/errors.ts';" }, 'a relative import stays in its own sources'],
    ['files above formats', { 'packages/core/src/files/a.ts': "import { x } from '../formats/b.ts';", 'packages/core/src/formats/b.ts': '' }, "core's files may import errors"],
    ['formats above keyring, loaded later', { 'packages/core/src/formats/a.ts': "const x = await import('../keyring/b.ts');", 'packages/core/src/keyring/b.ts': '' }, "core's formats may import errors, ports, keyring/secret"],
    ['a part of core that nobody placed', { 'packages/core/src/new/a.ts': "import '../errors.ts';" }, 'that part of core is not in the table'],
    ['a file that is not there', { 'packages/keys/src/a.ts': "export * from './b.ts';" }, 'there is no such file'],
    ['an export that makes a ring', { 'packages/keys/src/a.ts': "import {\n  x,\n} from './b.ts';", 'packages/keys/src/b.ts': "export * from './a.ts';" }, 'a ring of imports: packages/keys/src/'],
    ['a ring of types', { 'packages/keys/src/a.ts': "import type { X } from './b.ts';", 'packages/keys/src/b.ts': "import type { Y } from './a.ts';" }, 'a ring of imports, counting types: packages/keys/src/'],
  ] as [string, Record<string, string>, string][])('%s', (_, files, reason) => {
    const { status, lines } = check('check-imports', workspace(files));
    expect(lines.join('\n')).toContain(reason);
    expect(status).toBe(1);
  });

  test('and what it takes: the way down, modules that are loaded later, mere mentions', () => {
    const files = {
      'packages/cli/src/a.ts': "import { parse } from 'smol-toml';\nimport { keySource } from '@lockfast/keys';\n// import { x } from '../../core/src/errors.ts';\nexport const b = () => import('./b.ts');",
      'packages/cli/src/b.ts': "import { b } from './a.ts';",
      'packages/cli/test/a.test.ts': "import { strike } from '@lockfast/testkit';",
    };
    expect(check('check-imports', workspace(files))).toEqual({ status: 0, lines: [] });
  });
});

test('what the check of subpaths refuses', () => {
  const root = workspace({ 'README.md': 'Use `@lockfast/core/formats`, or `@lockfast/core/cipher`.', 'packages/core/src/formats/index.ts': '' });
  const dist = (path: string): Record<string, string> => ({ 'lockfast-source': `./src/${path}.ts`, types: `./dist/${path}.d.ts`, default: `./dist/${path}.js` });
  const exports = { './formats': dist('formats/index'), './errors': { ...dist('errors'), default: './dist/other.js' }, './keyring': dist('keyring/index') };
  write(root, 'packages/core/package.json', JSON.stringify({ name: '@lockfast/core', exports }));
  expect(check('check-subpaths', root)).toEqual({
    status: 1,
    lines: [
      'packages/core/package.json: the export ./errors: default is not ./dist/errors.js',
      'packages/core/package.json: the export ./keyring: there is no ./src/keyring/index.ts',
      'README.md: @lockfast/core/cipher is no export of ours',
    ],
  });
});
