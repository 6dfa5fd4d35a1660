import { basename, dirname, resolve } from 'node:path';

import { type Change, changesBetween, type Entry, isEncryptedFile, openEnvFile, splitEntries } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { shownPath } from '@lockfast/core/files';

import type { Arguments } from '../arguments.ts';
import { git, workTree } from '../git.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';
import { readEither } from './reading.ts';

const SIGNS = { added: '+', removed: '-', changed: '~', moved: '>' } as const;

export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const file = args.text('file') ?? workspace.usualEncryptedFile(args.text('tenant'));
  const after = splitEntries(await readEither(file, workspace, args.text('tenant')));
  const against = args.text('against');
  const before = against === undefined ? await atRevision(file, args, session, workspace) : splitEntries(await readEither(against, workspace, args.text('tenant')));
  const changes = changesBetween(before, after);
  if (args.flag('json')) session.terminal.json({ file, changes: changes.map(({ name, what }) => (name === '' ? { what: 'text' } : { name, what })) });
  else print(changes, file, session);
  return 0;
}

async function atRevision(file: string, args: Arguments, session: Session, workspace: Workspace): Promise<Entry[]> {
  const path = resolve(session.directory, file);
  const revision = args.operands[0] ?? 'HEAD';
  if (revision.startsWith('-')) throw new LockfastError('usage', 'env diff: a revision does not begin with a dash', 'see: lockfast env diff --help');
  const place = { ...session, directory: dirname(path) };
  if (workTree(place) === undefined) {
    throw new LockfastError('not-found', `${file} is not in a git repository`, 'name a file to compare with: lockfast env diff --against FILE');
  }
  const bytes = git(place, ['show', '--no-textconv', `${revision}:./${basename(path)}`]);
  if (!isEncryptedFile(bytes)) return splitEntries(bytes);
  const opened = await workspace.decrypting(file, args.text('tenant'), (scope) => openEnvFile(bytes, scope, `${basename(file)} at ${revision}`), { details: { revision } });
  return [...opened.entries];
}

function print(changes: readonly Change[], file: string, { terminal }: Session): void {
  if (changes.length === 0) terminal.line(`${shownPath(file)}: no difference`);
  for (const { name, what } of changes) {
    const line = `${SIGNS[what]} ${name === '' ? 'comments and blank lines changed' : `${name} ${what}`}`;
    terminal.line(what === 'added' ? terminal.green(line) : what === 'removed' ? terminal.red(line) : line);
  }
}
