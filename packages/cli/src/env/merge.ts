import { mergeFiles, openEnvFile, type OpenedEnvFile, replaceFile, type Side, type WriteScope } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { readRegularFile } from '@lockfast/core/files';

import type { Arguments } from '../arguments.ts';
import { callableAs } from '../called-as.ts';
import { git } from '../git.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  if (args.flag('install')) return install(session);
  const [basePath, oursPath, theirsPath] = args.operands;
  if (basePath === undefined || oursPath === undefined || theirsPath === undefined) {
    throw new LockfastError('usage', 'env merge: it takes BASE OURS THEIRS, or --install', 'see: lockfast env merge --help');
  }
  const workspace = new Workspace(args, session);
  const tenant = args.text('tenant') ?? tenantIn(oursPath);
  const prefer = args.text('prefer') as Side | undefined;
  const { conflicts, revision } = await workspace.encrypting(oursPath, tenant, (scope) => merge([basePath, oursPath, theirsPath], prefer, scope));
  for (const name of new Set(conflicts)) session.terminal.note(`${name === '' ? 'a comment' : name}: both sides changed it, ${prefer ?? 'ours'} was taken`);
  session.terminal.note(`merged, revision ${revision}`);
  return 0;
}

async function merge(
  [basePath, oursPath, theirsPath]: readonly [string, string, string],
  prefer: Side | undefined,
  scope: WriteScope,
): Promise<{ readonly conflicts: readonly string[]; readonly revision: number }> {
  const ours = readRegularFile(oursPath, 'refuse');
  const [left, right] = [openEnvFile(ours.bytes, scope, 'our side'), openEnvFile(readRegularFile(theirsPath, 'follow').bytes, scope, 'their side')];
  const base = readBase(basePath, left, (bytes) => openEnvFile(bytes, scope, 'the base'));
  const { bytes, conflicts } = mergeFiles(base, left, right, prefer ?? 'ours', scope);
  if (conflicts.length > 0 && prefer === undefined) {
    const names = [...new Set(conflicts.map((name) => name || 'a comment'))].join(', ');
    throw new LockfastError('merge-conflict', `both sides changed ${names}, differently`, 'merge with --prefer ours or theirs, then set what is wrong with `lockfast env set`');
  }
  const { header } = await replaceFile(oursPath, bytes, ours.identity, scope);
  return { conflicts, revision: header.revision };
}

/** Git gives an empty base where both sides added the file. */
function readBase(path: string, ours: OpenedEnvFile, open: (bytes: Buffer) => OpenedEnvFile): OpenedEnvFile {
  const { bytes } = readRegularFile(path, 'follow');
  if (bytes.length > 0) return open(bytes);
  return { ...ours, bytes, header: { ...ours.header, revision: 1 }, lines: [], entries: [] };
}

/** Git hands over temporary files: whose they are only their headers say, and all three must agree. */
function tenantIn(path: string): string | undefined {
  const { bytes } = readRegularFile(path, 'refuse');
  const [, tenant] = / tenant=([^ ]*) /.exec(bytes.subarray(0, 1024).toString('latin1')) ?? [];
  try {
    return tenant === undefined || tenant === '' ? undefined : decodeURIComponent(tenant);
  } catch {
    return undefined;
  }
}

function install(session: Session): number {
  git(session, ['config', 'merge.lockfast.name', 'encrypted env files, by line']);
  git(session, ['config', 'merge.lockfast.driver', `${callableAs(session.environment['PATH'])} env merge %O %A %B`]);
  session.terminal.line('merge driver registered in this clone; .gitattributes must say which files: *.encrypted -text merge=lockfast');
  return 0;
}
