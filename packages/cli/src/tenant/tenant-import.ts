/**
 * Takes over one tenant that runs from a plaintext env file. Each step asks what is there and does the rest, so that the
 * journal only says which way it goes. Forward: backup, encrypted file, no plaintext, access, drop-in, restart. Back, when
 * one of them fails or the service is not well: all of it in reverse.
 */
import { lutimesSync } from 'node:fs';
import { join } from 'node:path';

import { encryptFile, MOST_FILE_BYTES, openEnvFile, plaintextOf, readEnvFile, readPlaintextFile } from '@lockfast/core/env';
import type { Dialect } from '@lockfast/core/env/dialects';
import { LockfastError } from '@lockfast/core/errors';
import { identityOf, readRegularFile, removeDurably, systemFailure, withFileLock, writeDurably } from '@lockfast/core/files';
import type { AuditOutcome } from '@lockfast/core/ports';
import {
  Accounts,
  endJournal,
  type FleetSettings,
  type ImportJournal,
  installTenant,
  isReachedWithoutLinks,
  see,
  type ServiceManager,
  setMode,
  setOwner,
  type Tenant,
  tenantsBase,
  uninstallTenant,
  writeJournal,
} from '@lockfast/fleet';

import type { Session } from '../session.ts';
import type { Workspace } from '../workspace.ts';
import { installationOf } from './installation.ts';
import { openLayer, valued } from './tenant-layers.ts';
import { removeLink } from './remove-link.ts';
import { restarted } from './restart.ts';
import { isKept, keepPlaintext, keptCopy, keptPlaintext } from './tenant-backup.ts';
import { isRunning } from './unit-states.ts';

export interface ImportPlace {
  readonly workspace: Workspace;
  readonly session: Session;
  readonly fleet: FleetSettings;
  /** Where the journals are. */
  readonly journals: string;
  /** undefined where services are not managed. */
  readonly manager: ServiceManager | undefined;
  readonly dialect: Dialect;
}

/** What became of a tenant. */
export interface ImportedTenant {
  readonly tenant: string;
  readonly backup: string;
  /** What its service is now, for people; null without one. */
  readonly service: string | null;
  /** Why it has its plaintext back; null where it is encrypted. */
  readonly because: string | null;
}

/** The ledger must be written before anything goes on, in either direction. */
const STOPS: ReadonlySet<string> = new Set(['ledger-unavailable', 'ledger-rewound', 'ledger-missing', 'ledger-tampered', 'not-permitted']);

/**
 * What is to be done with a tenant, before anything is.
 *
 * @returns undefined where there is no plaintext
 * @throws LockfastError `not-a-file`, `conflict` for a file that has another name or differs from the encrypted one, `service-missing`, `permission-denied`
 */
export async function beginImport(tenant: Tenant, backup: string, { workspace, fleet, manager }: ImportPlace): Promise<Omit<ImportJournal, 'format'> | undefined> {
  const plain = see(tenant.plainFile);
  if (plain === undefined || plain.kind === 'link') return undefined;
  if (!isReachedWithoutLinks({ path: tenant.plainFile, below: tenantsBase(fleet.path) })) throw new LockfastError('not-a-file', `${tenant.plainFile} can not be opened, or is reached through a link`, 'run it as its owner or as root; a link leads wherever its maker wants');
  const { file } = readPlaintextFile(tenant.plainFile);
  if (file.links > 1) throw new LockfastError('conflict', `${tenant.plainFile} has another name (a hard link), which would stay in plaintext`, 'find it with `find / -samefile`, and remove it');
  refuseForeignOwner(tenant, file.uid);
  const wasEncrypted = identityOf(tenant.encryptedFile) !== undefined;
  if (wasEncrypted) await refuseDifference(tenant, file.bytes, workspace);
  const state = manager === undefined || tenant.service === undefined ? undefined : (await manager.states([tenant.service]))[0]!;
  if (state !== undefined && state.load !== 'loaded') throw new LockfastError('service-missing', `systemd knows no unit ${tenant.service!}, or can not load it (${state.load})`, 'check the setting `service`, or leave it out');
  return {
    tenant: tenant.name,
    started: new Date().toISOString(),
    direction: 'forward',
    because: null,
    backup,
    plain: { mode: file.mode, uid: file.uid, gid: file.gid, changedMs: plain.changed },
    directoryMode: see(tenant.directory)!.mode,
    wasEncrypted,
    wasRunning: isRunning(state) === true && state!.active !== 'deactivating',
  };
}

/** Goes on in the direction of the journal until the tenant is wholly encrypted, or wholly as it was. @throws LockfastError when it can do neither: the journal stays */
export async function finishImport(tenant: Tenant, begun: Omit<ImportJournal, 'format'>, place: ImportPlace): Promise<ImportedTenant> {
  const journal = await writeJournal(place.journals, begun, place.workspace.stateDirectory);
  if (journal.direction === 'back') return goBack(tenant, journal, journal.because ?? 'it was not finished', place);
  try {
    const variables = await encryptTenant(tenant, journal, place);
    const service = await startEncrypted(tenant, journal, variables, place);
    await record(tenant, place, { outcome: 'success' });
    endJournal(place.journals, journal);
    return { tenant: tenant.name, backup: journal.backup, service, because: null };
  } catch (error) {
    if (!(error instanceof LockfastError) || STOPS.has(error.code)) throw error;
    return goBack(tenant, journal, error.message, place);
  }
}

/** @returns the tenant's variables, for its health check */
async function encryptTenant(tenant: Tenant, journal: ImportJournal, { workspace, fleet, dialect }: ImportPlace): Promise<ReadonlyMap<string, string>> {
  const { encryptedFile, plainFile, name } = tenant;
  const backup = { directory: workspace.configuration.backups.directory, name: journal.backup, path: plainFile, started: journal.started };
  const own = await workspace.encrypting(
    encryptedFile,
    name,
    async (scope) => {
      const present = see(plainFile)?.kind === 'file' ? readPlaintextFile(plainFile) : undefined;
      if (!isKept(backup)) {
        if (present === undefined) throw new LockfastError('not-found', `${plainFile} is gone`, 'restore it from a backup');
        await keepPlaintext(backup, present.file.bytes, scope);
      }
      const kept = keptPlaintext(backup, scope);
      // Reads back what it wrote, compares, and only then removes the plaintext.
      if (present !== undefined) await encryptFile(present, encryptedFile, scope);
      return valued(kept, dialect);
    },
    { what: 'import' },
  );
  giveToOwner(tenant, fleet);
  const shared = fleet.extends === undefined || identityOf(fleet.extends) === undefined ? undefined : await openLayer(fleet.extends, name, workspace, dialect);
  return new Map([...(shared?.variables ?? []), ...own]);
}

function giveToOwner({ encryptedFile, directory, user }: Tenant, fleet: FleetSettings): void {
  const below = tenantsBase(fleet.path);
  const owner = user === undefined ? see(directory)! : new Accounts().required(user);
  if (process.geteuid?.() === 0) setOwner({ path: encryptedFile, below, uid: owner.uid, gid: owner.gid });
  setMode({ path: encryptedFile, below, mode: 0o400 });
  const { mode } = see(directory)!;
  if ((mode & 0o026) !== 0) setMode({ path: directory, below, mode: mode & ~0o026 });
}

/** @throws LockfastError `service-failed` */
async function startEncrypted(tenant: Tenant, { wasRunning }: ImportJournal, variables: ReadonlyMap<string, string>, { workspace, session, manager }: ImportPlace): Promise<string | null> {
  if (manager === undefined || tenant.service === undefined) return null;
  await installTenant(tenant, installationOf(workspace, session), manager);
  if (!wasRunning) return 'did not run, and was not started';
  const { well, why } = await restarted(tenant, manager, variables);
  if (!well) throw new LockfastError('service-failed', `${tenant.service} is not well: ${why}`, `see why: journalctl -u ${tenant.service}`);
  return `restarted, ${why}`;
}

async function goBack(tenant: Tenant, journal: ImportJournal, because: string, place: ImportPlace): Promise<ImportedTenant> {
  const { workspace, session, fleet, manager, journals, dialect } = place;
  const { name, plainFile, encryptedFile, service } = tenant;
  const going = await writeJournal(journals, { ...journal, direction: 'back', because }, workspace.stateDirectory);
  const backup = { directory: workspace.configuration.backups.directory, name: going.backup };
  if (manager !== undefined && service !== undefined) {
    // Stopped first: what it has in memory must not outlive the drop-in that cleans it up.
    if (going.wasRunning) await manager.stop(service).catch(() => {});
    await uninstallTenant(tenant, installationOf(workspace, session), manager, 'stays');
  }
  removeLink(plainFile);
  let variables: ReadonlyMap<string, string> = new Map();
  if (isKept(backup)) {
    const copy = keptCopy(backup);
    const { bytes } = readRegularFile(copy, 'refuse', MOST_FILE_BYTES);
    const opened = await workspace.decrypting(copy, name, (scope) => openEnvFile(bytes, scope, copy), { details: { what: 'import-undone' } });
    const plaintext = plaintextOf(opened);
    variables = valued(plaintext, dialect);
    await restorePlaintext(plainFile, plaintext, going, workspace.stateDirectory);
    const identity = going.wasEncrypted ? undefined : identityOf(encryptedFile);
    if (identity !== undefined) await withFileLock(workspace.stateDirectory, encryptedFile, () => removeDurably(encryptedFile, identity));
  }
  if (see(tenant.directory)?.mode !== going.directoryMode) setMode({ path: tenant.directory, below: tenantsBase(fleet.path), mode: going.directoryMode });
  const health = going.wasRunning && manager !== undefined && service !== undefined ? await restarted(tenant, manager, variables) : undefined;
  await record(tenant, place, { outcome: 'failure', code: 'rolled-back' });
  endJournal(journals, going);
  return { tenant: name, backup: going.backup, service: health === undefined ? null : `restarted with its plaintext, ${health.why}`, because };
}

/** Over nothing but an empty place: what somebody has put there meanwhile is newer. */
async function restorePlaintext(path: string, bytes: Buffer, { plain: { mode, uid, gid, changedMs } }: ImportJournal, stateDirectory: string): Promise<void> {
  await withFileLock(stateDirectory, path, () => {
    const present = identityOf(path) === undefined ? undefined : readRegularFile(path, 'refuse');
    if (present === undefined) writeDurably({ path, bytes, mode, owner: { uid, gid }, expected: 'absent' });
    else if (!present.bytes.equals(bytes)) return;
    try {
      lutimesSync(path, changedMs / 1000, changedMs / 1000);
    } catch (error) {
      throw systemFailure(error, `${path} was written, but its time was not put back`, 'write-failed');
    }
  });
}

async function record({ name, directory }: Tenant, { workspace }: ImportPlace, outcome: AuditOutcome): Promise<void> {
  await (await workspace.audit())?.record({ operation: 'tenant-import', object: directory, tenant: name, environment: workspace.configuration.environment, ...outcome });
}

function refuseForeignOwner({ plainFile, user }: Tenant, uid: number): void {
  const self = process.geteuid?.();
  const account = user === undefined ? undefined : new Accounts().required(user);
  if (self === 0 || (uid === self && (account === undefined || account.uid === self))) return;
  throw new LockfastError('permission-denied', `${plainFile} belongs to another user than this one, or should`, 'run it as root');
}

async function refuseDifference({ name, plainFile, encryptedFile }: Tenant, plaintext: Buffer, workspace: Workspace): Promise<void> {
  const opened = await workspace.decrypting(encryptedFile, name, (scope) => readEnvFile(encryptedFile, scope));
  if (plaintextOf(opened).equals(plaintext)) return;
  throw new LockfastError('conflict', `${plainFile} and ${encryptedFile} hold different things`, `compare them with lockfast env diff ${encryptedFile} --against ${plainFile}, then remove one, or encrypt the plaintext with lockfast env encrypt`);
}

/** Where the journals are: beside the key ring. */
export function importsDirectory(keyringDirectory: string): string {
  return join(keyringDirectory, 'imports');
}
