import { dirname, join, relative } from 'node:path';

import { checkHeader, ENCRYPTED_SUFFIX, readSummedHeader, USUAL_FILE } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { identityOf } from '@lockfast/core/files';
import { openRotation } from '@lockfast/core/rotation';

import type { Arguments } from '../arguments.ts';
import { configuredEnvFiles } from '../env-files.ts';
import { rotationDueIn, scheduleLine } from '../key/schedule.ts';
import { rotationsDirectory } from '../rotations-directory.ts';
import { unfinishedRotation } from '../secret/unfinished-rotation.ts';
import type { Session } from '../session.ts';
import { counted } from '../terminal.ts';
import { Workspace } from '../workspace.ts';

interface FileStatus {
  readonly file: string;
  readonly tenant: string;
  readonly state: 'encrypted' | 'plaintext' | 'unreadable';
  readonly key?: string;
  /** Whether a key of the tenant's own took part in it, besides. */
  readonly ownKey?: boolean;
  readonly revision?: number;
  /** What is wrong with it, if anything. */
  readonly problem?: string;
}

export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const ring = await workspace.ring();
  const root = dirname(workspace.configuration.file);
  const { configuration } = workspace;
  const unlisted: FileStatus[] = [];
  const paths = configuredEnvFiles(configuration, (directory) => {
    const tenant = workspace.tenantOf(join(directory, USUAL_FILE));
    // One of the project's own that this account can't list, such as a database's, is no tenant's.
    if (tenant !== undefined) unlisted.push({ file: directory, tenant, state: 'unreadable', problem: 'the directory can not be listed' });
  });
  const files = [...(await Promise.all(paths.map((path) => inspect(path, root, workspace)))), ...unlisted];
  const due = rotationDueIn(ring, configuration, Date.now());
  const rotation = openRotation(rotationsDirectory(workspace));
  const credential = unfinishedRotation(workspace);
  const ledger = await ledgerStatus(workspace, files);
  const ok = files.every(({ problem }) => problem === undefined) && !due.overdue && rotation === undefined && credential === undefined && ledger.problem === undefined;
  if (args.flag('json')) {
    const keys = ring.keys.map(({ id, state, created }) => ({ id, state, created }));
    session.terminal.json({ environment: ring.environment, generation: ring.version.generation, keys, backup: ring.backup, files, rotation: rotation?.id ?? null, credentialRotation: credential?.id ?? null, due, ledger, columns: configuration.columns.length, blindIndexes: configuration.blindIndexes.length, ok });
  } else {
    print(session, ring, files);
    session.terminal.line(scheduleLine(ring, configuration, Date.now()));
    session.terminal.line(ledger.place === null ? 'No ledger: what is done with the keys is not recorded.' : `Ledger ${ledger.place}${ledger.entries === undefined ? '' : `, ${ledger.entries} entries`}`);
    if (configuration.columns.length > 0) session.terminal.line(`${counted(configuration.columns.length, 'encrypted column')} in databases: see lockfast column status`);
    for (const index of ring.indexKeys.filter(({ state }) => state === 'staged' || state === 'older').map((key) => key.index)) session.terminal.line(`The blind index ${index} is being rotated: see lockfast column index status`);
    if (ledger.problem !== undefined) session.terminal.warn(ledger.problem);
    if (rotation !== undefined) session.terminal.warn(`the rotation ${rotation.id} of ${rotation.started.slice(0, 10)} is not finished: run lockfast key rotate`);
    if (credential !== undefined) session.terminal.warn(credential.warning);
  }
  return ok ? 0 : 1;
}

interface LedgerStatus {
  readonly place: string | null;
  readonly entries?: number;
  readonly problem?: string;
}

/** What was just opened is on record, too, as one look. A ledger that can't be written is what a status has to tell. */
async function ledgerStatus(workspace: Workspace, files: readonly FileStatus[]): Promise<LedgerStatus> {
  const { configuration } = workspace;
  if (configuration.ledger === undefined) return { place: null };
  const place = configuration.ledger.startsWith('sqlite:') ? configuration.ledger.slice('sqlite:'.length) : 'in PostgreSQL';
  try {
    const ledger = (await workspace.ledger())!;
    const unreadable = files.filter(({ state }) => state === 'unreadable').length;
    await ledger.record({ operation: 'status', object: configuration.file, environment: configuration.environment, outcome: 'success', details: { files: files.length, unreadable } });
    return { place: ledger.store.place, entries: (await ledger.store.head()).size };
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    return { place, problem: `${error.message}: ${error.hint}` };
  }
}

function print({ terminal }: Session, ring: Awaited<ReturnType<Workspace['ring']>>, files: readonly FileStatus[]): void {
  terminal.line(`Environment ${ring.environment}, key ring generation ${ring.version.generation}, ${counted(ring.keys.length, 'key')}, ${counted(ring.sources.length, 'key source')}, active key ${ring.active().id}`);
  if (files.length === 0) terminal.line('No env files here.');
  else {
    terminal.line();
    terminal.table(
      ['FILE', 'TENANT', 'STATE', 'KEY', 'REVISION', 'PROBLEM'],
      files.map(({ file, tenant, state, key, ownKey, revision, problem }) => [file, tenant === '' ? '-' : tenant, state, key === undefined ? '-' : ownKey === true ? `${key}, own` : key, revision === undefined ? '-' : String(revision), problem ?? '']),
    );
    terminal.line();
  }
  const newest = ring.keys.map(({ created }) => created).toSorted().at(-1)!;
  if (ring.backup === null) terminal.warn('there is no recovery backup: when the root key is lost, everything encrypted is lost: make one with `lockfast key backup FILE`');
  else if (ring.backup < newest) terminal.warn(`the recovery backup of ${ring.backup.slice(0, 10)} is older than the newest key, and can not open what that key encrypts: make a new one with \`lockfast key backup FILE\``);
}

/** Its checksum and its header: that nobody altered it on purpose, `env verify` proves. */
async function inspect(path: string, root: string, workspace: Workspace): Promise<FileStatus> {
  const inside = relative(root, path);
  const file = inside.startsWith('..') ? path : inside;
  const scope = await workspace.scope(path, undefined);
  const { tenant } = scope;
  if (!path.endsWith(ENCRYPTED_SUFFIX)) {
    const both = identityOf(path + ENCRYPTED_SUFFIX) !== undefined;
    return { file, tenant, state: 'plaintext', problem: both ? 'plaintext beside its encrypted file' : `not encrypted: lockfast env encrypt${file === USUAL_FILE ? '' : ` ${file}`}` };
  }
  try {
    const header = readSummedHeader(path);
    checkHeader(header, scope, file);
    const old = header.key !== scope.ring.active().id;
    return { file, tenant, state: 'encrypted', key: header.key, ownKey: header.tenantSecret !== null, revision: header.revision, ...(old ? { problem: 'under a key that is not the active one' } : {}) };
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    return { file, tenant, state: 'unreadable', problem: error.code };
  }
}
