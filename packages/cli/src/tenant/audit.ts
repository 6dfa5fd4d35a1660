import { existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

import { audited } from '@lockfast/core/audited';
import { encryptFile, plaintextOf, readEnvFile, readPlaintextFile } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { Accounts, copiesFindings, filesFindings, type Finding, isTenantName, namesIn, octal, placeFindings, repairAccess, seeTenant, type Tenant, tenantDirectories, tenantOf, tenantsBase, unitFindings, type UnitState, variableFindings } from '@lockfast/fleet';
import { expandPath } from '@lockfast/keys';

import type { Arguments } from '../arguments.ts';
import { findRotationBackups } from '../backup/rotation-backup.ts';
import { EXIT_STATUS } from '../exit-status.ts';
import { failureJson } from '../failure-json.ts';
import { requireRole } from '../permission.ts';
import type { Session } from '../session.ts';
import { counted } from '../terminal.ts';
import { Workspace } from '../workspace.ts';
import { fleetOf, namedTenants } from './fleet-of.ts';
import { isRunning, unitStates } from './unit-states.ts';

interface Judged {
  readonly finding: Finding;
  /** What became of it with --fix. */
  readonly state: 'open' | 'fixed' | 'refused';
  /** Why it was refused. */
  readonly why?: string;
}

/** Looks at who may read what, and what lies open. Without --fix nothing is changed, and nothing is decrypted at all. */
export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const fix = args.flag('fix');
  const tenants = namedTenants(workspace, args.operands);
  const event = { operation: 'tenant-audit', object: workspace.configuration.file, environment: workspace.configuration.environment };
  await requireRole(workspace, session, fix ? 'operator' : 'auditor', event);
  const findings = survey(tenants, await unitStates(tenants, session), args.operands.length === 0, workspace, session);
  const judged: Judged[] = [];
  for (const finding of findings) judged.push(fix ? await repaired(finding, workspace, session) : { finding, state: 'open' });
  const left = judged.filter(({ state }) => state !== 'fixed').length;
  await (await workspace.audit())?.record({ ...event, outcome: 'success', details: { tenants: tenants.length, findings: findings.length, fixed: findings.length - left } });
  return report(judged, tenants.length, left, args, session);
}

/** @param states of their services, as `unitStates` gives them. @param whole whether what all tenants depend on is looked at, too */
export function survey(tenants: readonly Tenant[], states: ReadonlyMap<string, UnitState>, whole: boolean, workspace: Workspace, session: Session): Finding[] {
  const fleet = fleetOf(workspace);
  const { environment } = workspace.configuration;
  const around = { accounts: new Accounts(), below: tenantsBase(fleet.path), environment };
  const shared = sharedNames(fleet.extends);
  return [
    ...(whole ? [...generalFindings(workspace, session), ...namelessFindings(fleet.path)] : []),
    ...tenants.flatMap((tenant) => {
      const state = states.get(tenant.name);
      const seen = seeTenant(tenant);
      const files = filesFindings(tenant, seen, { ...around, isRunning: isRunning(state) });
      if (seen.directory?.kind !== 'directory') return files;
      const damaged = files.some(({ kind }) => kind === 'damaged');
      return [...files, ...copiesFindings(tenant, around), ...(damaged ? [] : variableFindings(tenant, shared)), ...unitFindings(tenant, state?.files ?? [])];
    }),
  ];
}

/** A directory beside the tenants' that can be none by its name is in no list: nobody would see the plaintext in it. */
function namelessFindings(pattern: string): Finding[] {
  return tenantDirectories(pattern)
    .filter((directory) => !isTenantName(tenantOf(pattern, directory)!))
    .map((directory) => join(directory, '.env'))
    .filter((path) => existsSync(path))
    .map((path) => ({ tenant: undefined, path, kind: 'plaintext', detail: 'it is not encrypted, and its directory is no tenant by its name', hint: 'use letters, digits, dots, dashes and underscores in the name; then lockfast tenant import', repair: undefined }));
}

/** undefined where they can't be had: then nothing is known to be missing. */
function sharedNames(path: string | undefined): ReadonlySet<string> | undefined {
  if (path === undefined || !existsSync(path)) return new Set();
  try {
    return namesIn(path);
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    return undefined;
  }
}

/** What is wrong with what all tenants, and projects without tenants, depend on. */
export function generalFindings({ configuration }: Workspace, { home }: Session): Finding[] {
  const { file, keyring, keySources, fleet, backups } = configuration;
  const directory = dirname(file);
  const keys = keySources.filter((uri) => /^(?:file|passphrase):[^#]/.test(uri)).map((uri) => expandPath(uri.replace(/^[a-z]+:/, ''), { home, directory }));
  const shared = fleet?.extends;
  return [
    ...placeFindings({ path: file, forbidden: 0o022, harm: 'others may change what is read and run' }),
    ...placeFindings({ path: keyring, forbidden: 0o022, harm: 'others may replace the key ring' }),
    ...keys.flatMap((path) => placeFindings({ path, forbidden: 0o377, harm: 'a root key is for its owner to read alone' })),
    ...(shared === undefined ? [] : sharedFindings(shared)),
    ...placeFindings({ path: backups.directory, forbidden: 0o077, harm: 'others may look into the backups' }),
    ...backupFindings(backups.directory),
  ];
}

/** The tenants' users read it, by their group at most. */
function sharedFindings(path: string): Finding[] {
  const found = (kind: Finding['kind'], detail: string, hint: string): Finding => ({ tenant: undefined, path, kind, detail, hint, repair: undefined });
  const plain = path.replace(/\.encrypted$/, '');
  const missing = existsSync(path) ? [] : [found('not-encrypted', 'what all tenants share is not there', `lockfast env encrypt ${plain}`)];
  const open = plain !== path && existsSync(plain) ? [{ ...found('plaintext', 'what all tenants share lies there in plaintext', `lockfast env encrypt ${plain}`), path: plain }] : [];
  return [...missing, ...open, ...unusableFindings(path, found), ...placeFindings({ path, forbidden: 0o137, harm: 'others may read or change what all tenants share' })];
}

/** Every tenant depends on it: one that does not open stops all of them at their next start. */
function unusableFindings(path: string, found: (kind: Finding['kind'], detail: string, hint: string) => Finding): Finding[] {
  try {
    if (existsSync(path)) namesIn(path);
    return [];
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    return [found(error.code === 'permission-denied' ? 'unreadable' : error.code === 'not-a-file' ? 'link' : 'damaged', error.message, error.hint)];
  }
}

function backupFindings(directory: string): Finding[] {
  try {
    return findRotationBackups(directory).strangers.map(({ path, problem }) => ({ tenant: undefined, path, kind: 'backup', detail: `no backup that Lockfast made: ${problem}`, hint: 'look whether it holds plaintext, and remove it', repair: undefined }));
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    return [{ tenant: undefined, path: directory, kind: 'unreadable', detail: error.message, hint: error.hint, repair: undefined }];
  }
}

/** Each one on record. What can't be repaired is no failure of the others. */
async function repaired(finding: Finding, workspace: Workspace, session: Session): Promise<Judged> {
  const { repair, path, tenant, kind } = finding;
  if (repair === undefined) return { finding, state: 'open' };
  try {
    if (repair.kind === 'plaintext') return await withoutPlaintext(finding, workspace, session);
    const details = repair.kind === 'mode' ? { what: kind, from: octal(repair.from), to: octal(repair.to) } : { what: kind, from: repair.from, to: repair.uid };
    await audited(await workspace.audit(), { operation: 'tenant-repair', object: path, tenant, environment: workspace.configuration.environment, details }, () => repairAccess(path, repair));
    return { finding, state: 'fixed' };
  } catch (error) {
    if (!(error instanceof LockfastError) || error.code === 'ledger-unavailable' || error.code === 'ledger-rewound') throw error;
    return { finding, state: 'refused', why: `${error.message}: ${error.hint}` };
  }
}

/**
 * Only a plaintext whose every byte the encrypted file holds, and that no service reads: one that was started without
 * Lockfast would not come up again.
 */
async function withoutPlaintext(finding: Finding, workspace: Workspace, session: Session): Promise<Judged> {
  const { path, tenant: name } = finding;
  const [tenant] = namedTenants(workspace, [name!]) as [Tenant];
  const state = (await unitStates([tenant], session)).get(tenant.name);
  if (tenant.service !== undefined && state?.files.some((file) => file.endsWith('lockfast.conf')) !== true) {
    return { finding, state: 'refused', why: `it is not known that ${tenant.service} does without it: lockfast tenant install ${tenant.name}` };
  }
  const target = tenant.encryptedFile;
  const plaintext = readPlaintextFile(path);
  if (plaintext.file.links > 1) return { finding, state: 'refused', why: 'it has another name (a hard link), which would stay' };
  let same = false;
  await workspace.encrypting(
    target,
    tenant.name,
    async (scope) => {
      same = plaintextOf(readEnvFile(target, scope)).equals(plaintext.file.bytes);
      if (same) await encryptFile(plaintext, target, scope);
    },
    { what: 'plaintext' },
  );
  return same ? { finding, state: 'fixed' } : { finding, state: 'refused', why: `the encrypted file holds something else: compare with lockfast env diff ${target} --against ${path}` };
}

function report(judged: readonly Judged[], tenants: number, left: number, args: Arguments, { terminal, directory }: Session): number {
  const failure = left === 0 ? undefined : new LockfastError('tenant-findings', `${counted(left, 'finding')} in ${counted(tenants, 'tenant')}`, args.flag('fix') ? 'put right what is left as the table says' : 'put right what can be with --fix, and the rest as the table says');
  if (args.flag('json')) {
    const findings = judged.map(({ finding: { tenant, path, kind, detail, hint }, state, why }) => ({ tenant: tenant ?? null, path, kind, detail, hint, fixed: state === 'fixed', ...(why === undefined ? {} : { refused: why }) }));
    terminal.json({ ok: failure === undefined, tenants, findings, ...failureJson(failure) });
  } else if (judged.length === 0) {
    terminal.line(`${counted(tenants, 'tenant')}, no findings`);
  } else {
    const shown = (path: string): string => (relative(directory, path).startsWith('..') ? path : relative(directory, path) || '.');
    terminal.table(
      ['TENANT', 'WHAT', 'PATH', 'FINDING'],
      judged.map(({ finding: { tenant, kind, path, detail, hint }, state, why }) => [tenant ?? '-', kind, shown(path), state === 'fixed' ? `${detail}: fixed` : `${detail}: ${why === undefined ? hint : `not fixed: ${why}`}`]),
    );
    if (failure === undefined) terminal.line(`${counted(judged.length, 'finding')}, all fixed`);
  }
  if (failure !== undefined) terminal.note(`${failure.message}: ${failure.hint}`);
  return failure === undefined ? 0 : EXIT_STATUS[failure.code];
}
