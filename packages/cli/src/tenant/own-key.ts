import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';

import { reencryptFiles } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { shownPath } from '@lockfast/core/files';
import { isDestroyed, isTenantName, type KeyRing } from '@lockfast/core/keyring';
import { tenantDirectory } from '@lockfast/fleet/tenant-path';
import { needsWork } from '@lockfast/core/rotation';

import { requireApproval } from '../approvals.ts';
import type { Arguments } from '../arguments.ts';
import { listed } from '../listed.ts';
import { refuseDuringRotation } from '../key/move.ts';
import { reasonOf } from '../reason.ts';
import { withRotationLock } from '../key/rotate.ts';
import { failuresOnRecord } from '../on-record.ts';
import { requireRole } from '../permission.ts';
import { changeRing } from '../ring-file.ts';
import type { Session } from '../session.ts';
import { counted, grouped } from '../terminal.ts';
import { Workspace } from '../workspace.ts';
import { columnsWithOwnKeys, tenantsInColumns } from './tenant-columns.ts';
import { findTenantFiles, type TenantFile } from './tenant-files.ts';

/** How many files share one commit of the ledger. */
const BATCH = 64;

/** Gives tenants a secret of their own, and encrypts their files with it. Killed at any point, the same command finishes. */
export async function run(args: Arguments, session: Session): Promise<number> {
  const { operands } = args;
  const fromColumns = args.flag('from-columns');
  if ([args.flag('all'), fromColumns, operands.length > 0].filter(Boolean).length !== 1) {
    throw new LockfastError('usage', 'tenant own-key: it takes names of tenants, or --all, or --from-columns', 'see `lockfast status` for the tenants');
  }
  const workspace = new Workspace(args, session);
  const found = findTenantFiles(workspace);
  const inColumns = fromColumns ? await countInColumns(workspace, args, session) : new Map<string, number>();
  const ended = fromColumns ? await endedTenants(inColumns.keys(), workspace) : [];
  const names = fromColumns ? [...inColumns.keys()].filter((name) => !ended.includes(name)).toSorted() : args.flag('all') ? [...new Set(found.files.map(({ tenant }) => tenant))].filter((name) => name !== '').toSorted() : [...new Set(operands)];
  for (const name of operands) refuseUnknown(workspace, name, found.files);
  const event = {
    operation: 'tenant-own-key',
    object: names.length === 1 ? names[0]! : counted(names.length, 'tenant'),
    ...(names.length === 1 ? { tenant: names[0] } : {}),
    reason: reasonOf(args),
    // An approval is for exactly these, and whoever gives it sees the first of them.
    details: { tenants: names.length, names: listed(names.map((name) => shownPath(name))), digest: createHash('sha256').update(names.join('\n')).digest('base64url') },
  };
  await requireRole(workspace, session, 'admin', event);
  if (args.flag('dry-run')) {
    plan(args, session, names, ended, inColumns, await failuresOnRecord(workspace, event, () => workspace.ring()));
    return 0;
  }
  return withRotationLock(workspace, async () => {
    refuseDuringRotation(workspace);
    const present = await failuresOnRecord(workspace, event, () => workspace.freshRing());
    // Its files name their tenant exactly; in columns a UUID is one in either case, and one key is enough.
    const spelt = (name: string): string => (found.files.some(({ tenant }) => tenant === name) ? name : present.tenantSpelt(name));
    const without = names.filter((name) => present.tenantSecretId(spelt(name)) === undefined);
    const ring =
      without.length === 0
        ? present
        : await changeRing(workspace, event, async (old) => {
            const changed = old.withTenantSecrets(without);
            // Last: nobody is asked to approve what can't be done anyway.
            await requireApproval(workspace, session, old, event);
            return changed;
          });
    const mine = new Set(names);
    const todo = found.files.filter(({ kind, tenant, path }) => kind === 'file' && mine.has(tenant) && needsWork(path, ring, ring.active().id));
    await reencryptAll(todo, ring, workspace);
    const backups = found.files.filter(({ kind, tenant, secret }) => kind === 'backup' && mine.has(tenant) && secret === null);
    report(args, session, { names, without, ended, files: todo, backups, columns: columnsWithOwnKeys(workspace).map(({ id }) => id), ring });
    return 0;
  });
}

function refuseUnknown(workspace: Workspace, name: string, files: readonly TenantFile[]): void {
  const { fleet } = workspace.configuration;
  if (!isTenantName(name)) throw new LockfastError('usage', 'tenant own-key: that is no tenant name', 'use a name of 1 to 255 bytes');
  if (files.some(({ tenant }) => tenant === name) || (fleet !== undefined && existsSync(tenantDirectory(fleet.path, name)))) return;
  // It may have rows only, or get its first one when it has a key.
  if (columnsWithOwnKeys(workspace).length > 0) return;
  throw new LockfastError('not-found', `there is neither a file nor a directory of the tenant ${shownPath(name)}`, 'see `lockfast status` for the tenants');
}

/** @throws LockfastError `rotation-incomplete` naming the files that could not be done; all others are */
async function reencryptAll(files: readonly TenantFile[], ring: KeyRing, workspace: Workspace): Promise<void> {
  const ledger = await workspace.audit();
  const { environment } = workspace.configuration;
  const left: string[] = [];
  for (let from = 0; from < files.length; from += BATCH) {
    const batch = files.slice(from, from + BATCH);
    const intents = (await ledger?.intend(batch.map(({ path, tenant }) => ({ operation: 're-encrypt', object: path, tenant, environment, keyId: ring.active().id })))) ?? [];
    // Nothing is kept of them: a copy from before would outlive the tenant's key.
    const failures = await reencryptFiles(batch, { ring, stateDirectory: workspace.stateDirectory }, () => {});
    const codes = failures.map((error) => (error === undefined ? undefined : error instanceof LockfastError ? error.code : 'internal'));
    batch.forEach(({ path }, i) => {
      if (codes[i] !== undefined) left.push(`${shownPath(path)} (${codes[i]})`);
    });
    await ledger?.conclude(intents.map((intent, i) => ({ intent, ...(codes[i] === undefined ? { outcome: 'success' as const } : { outcome: 'failure' as const, code: codes[i] }) })));
  }
  if (left.length === 0) return;
  throw new LockfastError('rotation-incomplete', `not under its tenant's own key yet: ${listed(left)}; all other files are`, 'mend or remove these files, then run this again');
}

interface Done {
  readonly names: readonly string[];
  /** Those that had no secret before. */
  readonly without: readonly string[];
  /** Those that were left out, since their key was destroyed. */
  readonly ended: readonly string[];
  readonly files: readonly TenantFile[];
  /** Kept copies that are not under a tenant's secret. */
  readonly backups: readonly TenantFile[];
  /** Ids of the columns whose values are to be under tenants' own keys. */
  readonly columns: readonly string[];
  readonly ring: KeyRing;
}

/** Rows by tenant, in the columns that are under tenants' own keys. Whose rows there are is an auditor's to see, and on record. */
async function countInColumns(workspace: Workspace, args: Arguments, session: Session): Promise<ReadonlyMap<string, number>> {
  const columns = columnsWithOwnKeys(workspace);
  if (columns.length === 0) throw new LockfastError('config-invalid', `${workspace.configuration.file} declares no column whose values are under tenants' own keys`, 'add tenant-key = "own" and tenant = "org_id" to its [[columns]]: see docs/guides/erasure.md');
  const event = { operation: 'tenant-own-key', object: columns.map(({ id }) => id).join(' '), reason: reasonOf(args) };
  await requireRole(workspace, session, 'admin', event);
  return await failuresOnRecord(workspace, event, async () => tenantsInColumns(workspace, await workspace.ring(), session));
}

/** Those whose key was destroyed, and who have no other: rows that nobody can read any more are no reason to give them one. */
async function endedTenants(names: Iterable<string>, workspace: Workspace): Promise<string[]> {
  const ring = await workspace.ring();
  return [...names].filter((name) => ring.tenantSecretId(ring.tenantSpelt(name)) === undefined && ring.tenants.some((record) => record.tenant === ring.tenantSpelt(name) && isDestroyed(record))).toSorted();
}

/** What would be done. */
function plan(args: Arguments, { terminal }: Session, names: readonly string[], ended: readonly string[], rows: ReadonlyMap<string, number>, ring: KeyRing): void {
  const tenants = [...names, ...ended].toSorted().map((tenant) => ({ tenant, rows: rows.get(tenant) ?? null, hasKey: ring.tenantSecretId(ring.tenantSpelt(tenant)) !== undefined, destroyed: ended.includes(tenant) }));
  const without = tenants.filter(({ hasKey, destroyed }) => !hasKey && !destroyed).length;
  if (args.flag('json')) {
    terminal.json({ dryRun: true, tenants, without });
    return;
  }
  terminal.table(['TENANT', 'ROWS', 'KEY'], tenants.map((one) => [shownPath(one.tenant), one.rows === null ? '-' : grouped(one.rows), one.destroyed ? 'was destroyed' : one.hasKey ? 'has one' : 'would get one']));
  terminal.line(`${grouped(without)} of ${counted(tenants.length, 'tenant')} would get a key of ${without === 1 ? 'its' : 'their'} own; nothing was changed`);
  sayEnded(ended, terminal);
}

function sayEnded(ended: readonly string[], terminal: Session['terminal']): void {
  if (ended.length > 0) terminal.line(`left out, since its key was destroyed: ${listed(ended)}; one that comes back gets a key by its name: lockfast tenant own-key NAME`);
}

function report(args: Arguments, { terminal }: Session, { names, without, ended, files, backups, columns, ring }: Done): void {
  if (args.flag('json')) {
    terminal.json({ tenants: names, made: without, leftOut: ended, files: files.map(({ path }) => path), backupsWithout: backups.map(({ path }) => path), generation: ring.version.generation });
    return;
  }
  terminal.line(`${counted(without.length, 'tenant')} got a key of ${without.length === 1 ? 'its' : 'their'} own; ${counted(files.length, 'file')} encrypted anew with it`);
  sayEnded(ended, terminal);
  if (backups.length > 0) terminal.line(`${counted(backups.length, 'backup')} from before stay readable without it: lockfast backup prune removes them in time`);
  if (columns.length > 0) terminal.line(`values in columns come under it with: lockfast column rotate ${columns.join(' ')}, or encrypt`);
  if (without.length + files.length > 0) terminal.line('next: bring key ring and files to every machine; make a new recovery backup with lockfast key backup');
}
