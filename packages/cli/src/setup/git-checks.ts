/** Whether git is at hand, merges encrypted files entry by entry, and holds nothing that it must not. */
import { existsSync } from 'node:fs';
import { dirname, isAbsolute, relative } from 'node:path';

import { ENCRYPTED_SUFFIX, TEMPLATE_ENDINGS } from '@lockfast/core/env';
import type { GitPlace } from '@lockfast/guard';
import { expandPath } from '@lockfast/keys';

import type { Configuration } from '../configuration.ts';
import { git, workTree } from '../git.ts';
import type { Session } from '../session.ts';
import { type Check, failure, good, warning } from './check.ts';

/** Pathspecs of plaintext env files at any depth, without encrypted ones and templates. */
const PLAINTEXT = ['.env', '*/.env', '*.env', '.env.*', '*/.env.*', ...[ENCRYPTED_SUFFIX, ...TEMPLATE_ENDINGS.map((end) => `.${end}`)].map((end) => `:(exclude)*${end}`)];

/** Where the configuration lies, or here: that is the work tree that is meant. */
export function gitChecks(configuration: Configuration | undefined, { directory, home, environment }: Session): Check[] {
  const here = configuration === undefined ? directory : dirname(configuration.file);
  const place = { environment, directory: here };
  const version = answer(place, ['--version']);
  const keys = keyFiles(configuration, home);
  if (version === undefined) return [warning('git', 'git is not installed', '`env diff` of a revision and merges need it'), ...keys.map((path) => rootKeyCheck(path, undefined))];
  const root = workTree(place);
  const tree = root === undefined ? undefined : { environment, directory: root };
  const inTree = tree === undefined ? [] : [mergeDriver(tree), trackedPlaintext(tree)];
  return [good('git', version.replace(/^git version /, '')), ...inTree, ...keys.map((path) => rootKeyCheck(path, tree))];
}

/** What git prints on a line; undefined when it fails, or is not there. */
function answer(place: GitPlace, args: readonly string[]): string | undefined {
  try {
    return git(place, args).toString('utf8').trimEnd();
  } catch {
    return undefined;
  }
}

/** What git itself makes of .gitattributes, wherever the line stands. */
function mergeDriver(tree: GitPlace): Check {
  const name = 'merge driver';
  const wanted = answer(tree, ['check-attr', 'merge', '--', '.env.encrypted'])?.endsWith(': lockfast') === true;
  const driver = answer(tree, ['config', '--get', 'merge.lockfast.driver']);
  if (wanted && driver === undefined) return warning(name, '.gitattributes asks for it, and this clone does not know it', 'run once in each clone: lockfast env merge --install');
  if (!wanted && driver !== undefined) return warning(name, 'it is registered, and .gitattributes does not ask for it', 'add to .gitattributes: *.encrypted -text merge=lockfast');
  return good(name, wanted ? 'registered' : 'not used here');
}

function trackedPlaintext(tree: GitPlace): Check {
  const name = 'plaintext in git';
  const tracked = (answer(tree, ['ls-files', '-z', '--', ...PLAINTEXT]) ?? '').split('\0').filter((file) => file !== '');
  if (tracked.length === 0) return good(name, 'no .env file is tracked');
  return failure(name, `git tracks ${tracked.join(', ')}`, 'run `git rm --cached` on it, and change the secrets: every clone has them in its history');
}

function keyFiles(configuration: Configuration | undefined, home: string): string[] {
  if (configuration === undefined) return [];
  const directory = dirname(configuration.file);
  return configuration.keySources.filter((uri) => uri.startsWith('file:')).map((uri) => expandPath(uri.slice('file:'.length), { home, directory }));
}

/** In the work tree, one `git add .` publishes it. Its mode is checked where it is read: a wide one opens nothing. */
function rootKeyCheck(path: string, tree: GitPlace | undefined): Check {
  const name = 'root key file';
  if (!existsSync(path)) return warning(name, `${path} is not there`, 'this machine opens the key ring by another source, or not at all');
  const inside = tree === undefined ? undefined : relative(tree.directory, path);
  if (tree === undefined || inside === undefined || inside.startsWith('..') || isAbsolute(inside)) return good(name, `${path}, outside of the work tree`);
  if (answer(tree, ['ls-files', '--error-unmatch', '--', inside]) !== undefined) {
    return failure(name, `git tracks ${inside}`, 'take it out of git and rotate: whoever has a clone has the root key');
  }
  if (answer(tree, ['check-ignore', '--quiet', '--', inside]) === undefined) return failure(name, `${inside} lies in the work tree, and git does not ignore it`, 'move it out, or add it to .gitignore');
  return warning(name, `${inside} lies in the work tree, and git ignores it`, 'move it out, for example to ~/.config/lockfast, and change key-source');
}
