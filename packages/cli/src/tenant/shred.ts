/**
 * Crypto-shredding of a tenant: its own secret is destroyed in the ring, durably and on record, before the first file goes.
 * Killed at any point, the same command finishes: what the ring says of a destroyed secret tells what is left to remove.
 */
import { audited } from '@lockfast/core/audited';
import { LockfastError } from '@lockfast/core/errors';
import { removeDurably, shownPath, withFileLock } from '@lockfast/core/files';
import { isDestroyed, isTenantName, type KeyRing } from '@lockfast/core/keyring';

import { requireApproval } from '../approvals.ts';
import type { Arguments } from '../arguments.ts';
import { declaredIndexes } from '../column/blind-index/declared-indexes.ts';
import { confirmByName } from '../confirm.ts';
import { refuseDuringRotation } from '../key/move.ts';
import { reasonOf } from '../reason.ts';
import { withRotationLock } from '../key/rotate.ts';
import { failuresOnRecord } from '../on-record.ts';
import { listed } from '../listed.ts';
import { openStore } from '../ledger/store.ts';
import { requireRole } from '../permission.ts';
import { changeRing } from '../ring-file.ts';
import type { Session } from '../session.ts';
import { counted, shownMinute, type Terminal } from '../terminal.ts';
import { Workspace } from '../workspace.ts';
import { certificateEvent, COVERED, readCertificates } from './certificate-entry.ts';
import { columnsOfTenant, type ColumnOfTenant, coveredRows, isCovered, whatIndexTells, whatStays } from './tenant-columns.ts';
import { findTenantFiles, lookInto, type TenantFile } from './tenant-files.ts';

interface Plan {
  readonly tenant: string;
  /** When its secret was destroyed by a run before; undefined while it has one. */
  readonly destroyed: string | undefined;
  /** What is removed: encrypted files and kept copies. */
  readonly files: readonly TenantFile[];
  readonly plaintext: readonly string[];
  readonly unread: readonly string[];
  /** When the last recovery backup was written that has the secret, or null. */
  readonly backup: string | null;
  readonly columns: readonly ColumnOfTenant[];
  /** Ids of the blind indexes over those that are covered. */
  readonly indexes: readonly string[];
}

export async function run(args: Arguments, session: Session): Promise<number> {
  const [tenant] = args.operands as [string];
  if (!isTenantName(tenant)) throw new LockfastError('usage', 'tenant shred: that is no tenant name', 'use a name of 1 to 255 bytes');
  const workspace = new Workspace(args, session);
  const asked = { operation: 'tenant-shred', object: tenant, tenant, reason: reasonOf(args) };
  await requireRole(workspace, session, 'admin', asked);
  const planned = (): Promise<Plan> =>
    failuresOnRecord(workspace, asked, async () => {
      const ring = await workspace.freshRing();
      const plan = planOf(workspace, ring, ring.tenantSpelt(tenant));
      const declared = declaredIndexes(workspace.configuration);
      const columns = await columnsOfTenant(workspace, ring, tenant, session);
      const covered = columns.filter(isCovered).map(({ column }) => column.id);
      return { ...plan, columns, indexes: declared.filter(({ source }) => covered.includes(source.id)).map(({ id }) => id) };
    });
  if (args.flag('dry-run')) {
    report(args, session, await planned(), 'would be', workspace);
    return 0;
  }
  return withRotationLock(workspace, async () => {
    refuseDuringRotation(workspace);
    const plan = await planned();
    const event = { ...asked, object: plan.tenant, tenant: plan.tenant };
    if (plan.destroyed === undefined || plan.files.length > 0) {
      confirmByName(args, session, `destroy the key of the tenant ${shownPath(tenant)} and remove ${counted(plan.files.length, 'encrypted file')} of it${endedRows(plan)}`, tenant);
    }
    if (plan.destroyed === undefined) {
      await changeRing(workspace, event, async (old) => {
        const changed = old.withTenantSecretDestroyed(plan.tenant);
        // Last: nobody is asked to approve what can't be done anyway.
        await requireApproval(workspace, session, old, event);
        return changed;
      });
    }
    if (plan.files.length > 0) await removeAll(workspace, plan, event);
    await certify(workspace, session, plan, event);
    report(args, session, plan, 'was', workspace);
    return 0;
  });
}

/** @throws LockfastError `no-such-key` where the tenant has no secret of its own, and files or no trace of one */
function planOf(workspace: Workspace, ring: KeyRing, tenant: string): Omit<Plan, 'columns' | 'indexes'> {
  const found = findTenantFiles(workspace);
  const own = found.files.filter((file) => file.tenant === tenant);
  const gone = ring.tenants.filter((record) => record.tenant === tenant).filter(isDestroyed);
  const destroyed = ring.tenantSecretId(tenant) === undefined ? gone.map((record) => record.destroyed).toSorted().at(-1) : undefined;
  if (destroyed === undefined && ring.tenantSecretId(tenant) === undefined) throw noOwnKey(tenant);
  const files = destroyed === undefined ? own : own.filter(({ secret, identity }) => secret !== null || isOlder(identity.mtimeNs, destroyed));
  // A tenant of that name that came after it: nothing of what was shredded is left, and its own files have no key to destroy.
  if (destroyed !== undefined && files.length === 0 && own.length > 0) throw noOwnKey(tenant);
  const created = ring.tenants.filter((record) => record.tenant === tenant).map((record) => record.created).toSorted().at(-1)!;
  const plaintext = found.plaintext.filter((file) => file.tenant === tenant).map(({ path }) => path);
  const backup = ring.backup !== null && ring.backup >= created && (destroyed === undefined || ring.backup < destroyed) ? ring.backup : null;
  return { tenant, destroyed, files, plaintext, unread: found.unread, backup };
}

/** `, which makes 12 rows of users.phone unreadable`. */
function endedRows({ columns }: Plan): string {
  const covered = columns.filter(isCovered);
  if (covered.length === 0) return '';
  const rows = covered.reduce((sum, one) => sum + (coveredRows(one) ?? 0), 0);
  const unknown = covered.some((one) => coveredRows(one) === undefined);
  return `, which makes ${unknown ? 'at least ' : ''}${counted(rows, 'row')} of ${listed(covered.map(({ column }) => column.id))} unreadable`;
}

async function onRecord(workspace: Workspace, tenant: string, columns: readonly string[]): ReturnType<typeof readCertificates> {
  const store = await openStore(workspace);
  try {
    return await readCertificates(store, tenant, columns);
  } finally {
    await store.close();
  }
}

/** Writes the certificate, unless a run before has, and nothing was removed, and no column counted, since. */
async function certify(workspace: Workspace, session: Session, plan: Plan, { reason }: { readonly reason: string | undefined }): Promise<void> {
  const { tenant, columns, files, plaintext, backup } = plan;
  const ledger = await workspace.audit();
  if (ledger === undefined) {
    session.terminal.note('no certificate: lockfast.toml names no ledger');
    return;
  }
  const ring = await workspace.ring();
  const last = ring.tenants.filter(isDestroyed).filter((record) => record.tenant === tenant).toSorted((a, b) => (a.destroyed < b.destroyed ? -1 : 1)).at(-1)!;
  const { certificates, exports } = await onRecord(workspace, tenant, columns.filter(isCovered).map(({ column }) => column.id));
  // A ring that was put back may have had the key again: its second end is another one.
  const before = certificates.findLast(({ entry: { details } }) => details?.['key'] === last.id && details['destroyed'] === last.destroyed)?.entry.details;
  const nowCounted = columns.some((one) => coveredRows(one) !== undefined && typeof before?.[`${COVERED}${one.column.id}`] === 'string');
  if (before !== undefined && files.length === 0 && !nowCounted) return;
  await ledger.record({
    ...certificateEvent({
      tenant,
      secret: last.id,
      created: last.created,
      destroyed: last.destroyed,
      files: files.length,
      plaintextFiles: plaintext.length,
      neverDerived: files.filter(({ secret }) => secret === null).length,
      columns,
      backup,
      exports,
    }),
    environment: workspace.configuration.environment,
    reason,
  });
  await workspace.signKeyChange(ring);
}

/** Files that a killed run left are older than the end of the key; those of a tenant of the same name that came later are not. */
function isOlder(mtimeNs: bigint, time: string): boolean {
  return mtimeNs / 1_000_000n < BigInt(Date.parse(time));
}

async function removeAll(workspace: Workspace, { tenant, files }: Plan, { reason }: { readonly reason: string | undefined }): Promise<void> {
  const { environment } = workspace.configuration;
  const event = { operation: 'tenant-files-remove', object: tenant, tenant, environment, reason, details: { files: files.length } };
  await audited(await workspace.audit(), event, async () => {
    for (const file of files) await withFileLock(workspace.stateDirectory, file.path, () => remove(file));
  });
}

/** Only what is still a file of that tenant. */
function remove({ path, kind, tenant, secret }: TenantFile): void {
  try {
    // Looked at again: two names of one file change each other's times.
    const now = lookInto(path, kind);
    if (now?.tenant === tenant && now.secret === secret) removeDurably(path, now.identity);
  } catch (error) {
    if (!(error instanceof LockfastError) || error.code !== 'not-found') throw error;
  }
}

function report(args: Arguments, { terminal }: Session, plan: Plan, done: 'was' | 'would be', { configuration }: Workspace): void {
  const { tenant, destroyed, files, plaintext, unread, backup, columns, indexes } = plan;
  const covered = columns.filter(isCovered);
  const staying = columns.flatMap((one) => {
    const what = whatStays(one);
    return [...(what === undefined ? [] : [{ id: one.column.id, why: what }]), ...(isCovered(one) ? one.indexes.map((id) => ({ id, why: whatIndexTells(one) })) : [])];
  });
  const never = files.filter(({ secret }) => secret === null);
  if (args.flag('json')) {
    const paths = (some: readonly TenantFile[]): string[] => some.map(({ path }) => path);
    terminal.json({ tenant, dryRun: done !== 'was', destroyedBefore: destroyed ?? null, removed: paths(files), columns: covered.map((one) => ({ id: one.column.id, rows: coveredRows(one) ?? null })), notCovered: { columns: staying, neverDerived: paths(never), plaintext, unread, recoveryBackup: backup } });
    return;
  }
  const removed = `${counted(files.length, 'encrypted file')} ${done === 'was' ? 'removed' : 'would be removed'}`;
  terminal.line(`${shownPath(tenant)}: ${destroyed === undefined ? `its key ${done} destroyed` : `its key was destroyed at ${shownMinute(destroyed)}`}; ${removed}`);
  if (done !== 'was') for (const { path } of files) terminal.line(`  ${shownPath(path)}`);
  terminal.line('covered: every copy of a file that its key took part in, in git, in backups, on any machine: this key ring decrypts none of them');
  for (const one of covered) {
    const rows = coveredRows(one);
    terminal.line(`covered: ${rows === undefined ? 'its values' : `${counted(rows, 'row')} of it`} in ${one.column.id}, and in every copy of the database${rows === undefined ? `, not counted: ${one.error!.message}` : ''}; to empty them: lockfast column clear ${one.column.id} --shredded`);
  }
  terminal.line('not covered:');
  terminal.line('  copies of the key ring from before, with a root key that opens them: in git history, snapshots, on other machines; `lockfast key rotate --root` gives the ring a new root key, then destroy the old one and its shares');
  terminal.line(`  recovery backups from before${backup === null ? '' : `, such as that of ${shownMinute(backup)}`}: make a new one with \`lockfast key backup\`, and destroy those`);
  if (covered.length > 0) terminal.line('  copies of the database from before its values were under its key: they decrypt as long as their data key lives, or are plaintext');
  for (const { id, why } of staying) terminal.line(`  ${id}: ${why}`);
  sayNeverDerived(never, terminal);
  terminal.line('  plaintext: what programs, logs and people have of it');
  for (const path of plaintext) terminal.line(`    ${shownPath(path)}`);
  if (indexes.length > 0) terminal.line(`  blind indexes over its values: whoever has the index key can test guesses by them; to empty them: lockfast column index build ${indexes.join(' ')}`);
  if (done === 'was' && configuration.ledger !== undefined) terminal.line(`lockfast tenant certificate ${shownPath(tenant)} shows what is on record of it`);
  for (const path of unread) terminal.warn(`${shownPath(path)} could not be read: look whether it is of this tenant`);
}

function sayNeverDerived(files: readonly TenantFile[], terminal: Terminal): void {
  const keys = [...new Set(files.map(({ key }) => key))];
  const how = keys.map((key) => `lockfast key retire ${key}, lockfast key destroy ${key}`).join('; ');
  terminal.line(`  copies from before it had a key of its own: they decrypt as long as their data key lives${files.length === 0 ? '' : `; ${counted(files.length, 'such file')} stood here; lockfast key rotate, then ${how}`}`);
  for (const { path } of files) terminal.line(`    ${shownPath(path)}`);
}

function noOwnKey(tenant: string): LockfastError {
  return new LockfastError(
    'no-such-key',
    `the tenant ${shownPath(tenant)} has no key of its own in the key ring: there is nothing to destroy that would end all copies of its files`,
    `first \`lockfast tenant own-key ${shownPath(tenant)}\`, which encrypts its files with one; older copies stay readable until \`lockfast key rotate\` and \`lockfast key destroy\``,
  );
}
