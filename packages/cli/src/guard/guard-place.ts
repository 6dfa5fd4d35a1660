/** The repository that is meant, the configuration if there is one, and where the guard's own files lie. */
import { dirname, join, relative, sep } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { type GitPlace, repositoryRoot } from '@lockfast/guard';

import type { Arguments } from '../arguments.ts';
import type { GuardSettings } from '../configuration.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';

export interface GuardPlace {
  /** The root of the repository. */
  readonly git: GitPlace;
  /** undefined where there is no lockfast.toml: then only what needs none is looked for. */
  readonly workspace: Workspace | undefined;
  readonly settings: GuardSettings;
  readonly ignoreFile: string;
}

/** @throws LockfastError `not-found` outside of a repository; `config-invalid` */
export function guardPlace(args: Arguments, session: Session): GuardPlace {
  const workspace = configured(args, session);
  const root = repositoryRoot(session);
  const home = workspace === undefined ? root : dirname(workspace.configuration.file);
  return {
    git: { directory: root, environment: session.environment },
    workspace,
    settings: workspace?.configuration.guard ?? { encrypted: 'committed', file: join(root, '.lockfast/guard.json'), public: [] },
    ignoreFile: join(isBelow(root, home) ? home : root, '.lockfast/guard-ignore.toml'),
  };
}

/** One of the whole machine (/etc/lockfast) has no place for what a repository ignores. */
function isBelow(root: string, directory: string): boolean {
  const inside = relative(root, directory);
  return inside === '' || (!inside.startsWith(`..${sep}`) && inside !== '..' && !inside.startsWith('/'));
}

function configured(args: Arguments, session: Session): Workspace | undefined {
  try {
    return new Workspace(args, session);
  } catch (error) {
    if (error instanceof LockfastError && error.code === 'config-missing' && args.text('config') === undefined) return undefined;
    throw error;
  }
}
