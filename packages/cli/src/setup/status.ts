import { type Dirent, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

import { isEncryptedFile, readEnvFile } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { identityOf, readRegularFile } from '@lockfast/core/files';

import type { Arguments } from '../arguments.ts';
import type { Session } from '../session.ts';
import { counted } from '../terminal.ts';
import { ENCRYPTED_SUFFIX, USUAL_FILE, Workspace } from '../workspace.ts';

interface FileStatus {
  readonly file: string;
  readonly tenant: string;
  readonly state: 'encrypted' | 'plaintext' | 'unreadable';
  readonly key?: string;
  readonly revision?: number;
  /** What is wrong with it, if anything. */
  readonly problem?: string;
}

/** Deeper than this nobody keeps the env files of one project; and node_modules is nobody's. */
const DEPTH = 4;
const SKIPPED = new Set(['node_modules', '.git', '.lockfast']);
const TEMPLATES = /\.(example|sample|template|dist)$/;

export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const ring = await workspace.ring();
  const root = dirname(workspace.configuration.file);
  const paths = [...new Set([...envFiles(root, DEPTH), ...tenantDirectories(workspace.configuration.tenantPath).flatMap((directory) => envFiles(directory, 1))])];
  const files = await Promise.all(paths.map((path) => inspect(path, root, workspace)));
  const problems = files.filter(({ problem }) => problem !== undefined);
  if (args.flag('json')) {
    const keys = ring.keys.map(({ id, state, created }) => ({ id, state, created }));
    session.terminal.json({ environment: ring.environment, generation: ring.version.generation, keys, backup: ring.backup, files, ok: problems.length === 0 });
  } else {
    print(session, ring, files);
  }
  return problems.length === 0 ? 0 : 1;
}

function print({ terminal }: Session, ring: Awaited<ReturnType<Workspace['ring']>>, files: readonly FileStatus[]): void {
  terminal.line(`Environment ${ring.environment}, key ring generation ${ring.version.generation}, ${counted(ring.keys.length, 'key')}, ${counted(ring.sources.length, 'key source')}, active key ${ring.active().id}`);
  if (files.length === 0) terminal.line('No env files here.');
  else {
    terminal.line();
    terminal.table(
      ['FILE', 'TENANT', 'STATE', 'KEY', 'REVISION', 'PROBLEM'],
      files.map(({ file, tenant, state, key, revision, problem }) => [file, tenant === '' ? '-' : tenant, state, key ?? '-', revision === undefined ? '-' : String(revision), problem ?? '']),
    );
    terminal.line();
  }
  const newest = ring.keys.map(({ created }) => created).toSorted().at(-1)!;
  if (ring.backup === null) terminal.warn('there is no recovery backup: when the root key is lost, everything encrypted is lost: copy the root key to a safe place');
  else if (ring.backup < newest) terminal.warn(`the recovery backup of ${ring.backup.slice(0, 10)} is older than the newest key: it can not open what that key encrypts`);
}

async function inspect(path: string, root: string, workspace: Workspace): Promise<FileStatus> {
  const file = relative(root, path).startsWith('..') ? path : relative(root, path);
  const tenant = workspace.tenantOf(path) ?? '';
  if (!path.endsWith(ENCRYPTED_SUFFIX)) {
    const both = identityOf(path + ENCRYPTED_SUFFIX) !== undefined;
    return { file, tenant, state: 'plaintext', problem: both ? 'plaintext beside its encrypted file' : `not encrypted: lockfast env encrypt${file === USUAL_FILE ? '' : ` ${file}`}` };
  }
  try {
    const scope = await workspace.scope(path, undefined);
    const { header } = readEnvFile(path, scope, file);
    const old = header.key !== scope.ring.active().id;
    return { file, tenant, state: 'encrypted', key: header.key, revision: header.revision, ...(old ? { problem: 'under a key that is not the active one' } : {}) };
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    return { file, tenant, state: 'unreadable', problem: error.code };
  }
}

function envFiles(directory: string, depth: number): string[] {
  const found: string[] = [];
  for (const entry of entriesOf(directory)) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) {
      if (depth > 1 && !SKIPPED.has(entry.name)) found.push(...envFiles(path, depth - 1));
    } else if (isEnvName(entry.name) && (!entry.name.endsWith(ENCRYPTED_SUFFIX) || isOurs(path))) found.push(path);
  }
  return found.toSorted();
}

function isEnvName(name: string): boolean {
  return name === '.env' || (name.startsWith('.env.') && name !== '.env.keys' && !TEMPLATES.test(name)) || name.endsWith('.env.encrypted') || name.endsWith('.env');
}

/** A file that only has the suffix, another tool's for example, is none of ours. */
function isOurs(path: string): boolean {
  try {
    const { bytes } = readRegularFile(path, 'follow');
    return bytes.length === 0 || isEncryptedFile(bytes);
  } catch {
    return true;
  }
}

function tenantDirectories(pattern: string | undefined): string[] {
  if (pattern === undefined) return [];
  const [before, after] = pattern.split('{tenant}') as [string, string];
  return entriesOf(before)
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `${before}${name}${after}`);
}

function entriesOf(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    return [];
  }
}
