/** What is wrong with a tenant's files, as far as looking at them tells. */
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { ENCRYPTED_SUFFIX, isEncryptedFile, isTemplateName, USUAL_FILE } from '@lockfast/core/env';

import type { Accounts, Owner } from '../accounts.ts';
import type { Tenant } from '../fleet.ts';
import { readHead, see, type Seen, type SeenTenant } from '../tenant-files.ts';
import { type Finding, octal } from './finding.ts';

const ENCRYPTED_MODE = 0o400;
const PLAINTEXT_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
/** Others may not list or write, the group may not write. To pass through a directory, as a web server does, shows no name in it. */
const FORBIDDEN_OF_DIRECTORY = 0o026;

/** Files that people and editors make of an env file: other environments' ones, copies, what a crash left. */
const LIKE_PLAINTEXT = /^(?:\.env\..+|\.env~|\.env\.sw[a-p]|\.?#\.env.*|\..*\.lockfast-[0-9a-f]{16}\.tmp|\.?env.*\.(?:bak|backup|old|orig|save)|.*\.backup_.*)$/s;

export interface TenantSurroundings {
  readonly accounts: Accounts;
  /** The directory above all tenants, which is not theirs. */
  readonly below: string;
  /** Of the key ring. */
  readonly environment: string;
  /** undefined where nobody can tell. */
  readonly isRunning: boolean | undefined;
}

/** Without opening more than the head of one file. */
export function filesFindings(tenant: Tenant, seen: SeenTenant, around: TenantSurroundings): Finding[] {
  const found = (path: string, kind: Finding['kind'], detail: string, hint: string, repair?: Finding['repair']): Finding => ({ tenant: tenant.name, path, kind, detail, hint, repair });
  if (seen.directory === undefined) return [found(tenant.directory, 'unreadable', seen.refused?.message ?? 'it is not there', seen.refused?.hint ?? 'see `lockfast tenant create`')];
  if (seen.directory.kind !== 'directory') return [found(tenant.directory, 'link', 'it is no directory of its own', 'make it one: a link leads wherever its maker wants')];
  const account = ownerOf(tenant, seen.directory, around.accounts);
  if (account === undefined) return [found(tenant.directory, 'owner', `this machine has no account ${tenant.user}, which the configuration names`, 'make it, or change `user`')];
  return [
    ...directoryFindings(seen.directory, account, tenant, around),
    ...aboveFindings(tenant, around),
    ...(seen.encrypted === undefined && seen.refused?.code === 'permission-denied' ? [] : encryptedFindings(tenant, seen, account, around)),
    ...plainFindings(tenant, seen, around),
    ...(seen.refused === undefined ? [] : [found(seen.encrypted?.path ?? tenant.directory, seen.refused.code === 'permission-denied' ? 'unreadable' : seen.refused.code === 'not-a-file' ? 'link' : 'damaged', seen.refused.message, seen.refused.hint)]),
  ];
}

/** Whose a tenant's files should be. */
export function ownerOf(tenant: Pick<Tenant, 'user'>, directory: Pick<Seen, 'uid' | 'gid'>, accounts: Accounts): Owner | undefined {
  return tenant.user === undefined ? { name: accounts.nameOf(directory.uid), uid: directory.uid, gid: directory.gid } : accounts.named(tenant.user);
}

/** Copies of env files in plaintext. @throws nothing: a directory that can't be listed is a finding */
export function copiesFindings(tenant: Tenant, { below }: Pick<TenantSurroundings, 'below'>): Finding[] {
  let names: readonly string[];
  try {
    names = readdirSync(tenant.directory);
  } catch {
    return [{ tenant: tenant.name, path: tenant.directory, kind: 'unreadable', detail: 'it can not be listed', hint: 'run it as its owner or as root', repair: undefined }];
  }
  return names
    .filter((name) => LIKE_PLAINTEXT.test(name) && !isTemplateName(name) && name !== USUAL_FILE + ENCRYPTED_SUFFIX)
    .flatMap((name) => {
      const path = join(tenant.directory, name);
      const seen = see(path);
      if (seen === undefined || seen.kind !== 'file' || seen.size === 0 || isEncrypted(path)) return [];
      const finding: Finding = { tenant: tenant.name, path, kind: 'plaintext', detail: 'it looks like a copy of an env file in plaintext', hint: 'remove it, or encrypt it with `lockfast env encrypt`', repair: undefined };
      return [finding, ...tooWide(seen, PLAINTEXT_MODE, below, tenant.name)];
    });
}

function directoryFindings(directory: Seen, account: Owner, tenant: Tenant, { accounts, below }: TenantSurroundings): Finding[] {
  const { path, mode, uid } = directory;
  const findings: Finding[] = [];
  if ((mode & FORBIDDEN_OF_DIRECTORY) !== 0) {
    const to = mode & ~FORBIDDEN_OF_DIRECTORY;
    findings.push({ tenant: tenant.name, path, kind: 'mode', detail: `${octal(mode)}: ${(mode & 0o022) !== 0 ? 'others may put files into it' : 'others may list it'}`, hint: `chmod ${octal(to)}, or ${octal(DIRECTORY_MODE)} where nobody else passes through`, repair: { kind: 'mode', below, from: mode, to } });
  }
  // Root's own directory is safe, as long as the tenant's user gets in.
  const fits = uid === account.uid || (uid === 0 && (mode & 0o001) !== 0);
  if (!fits) findings.push(wrongOwner(directory, account, tenant.name, accounts, below));
  return findings;
}

/** Whoever may write above the tenant's directory can put another tenant's in its place, under the hands of root. */
function aboveFindings({ name, directory }: Tenant, { accounts, below }: TenantSurroundings): Finding[] {
  const trusted = [0, see(below)?.uid];
  const findings: Finding[] = [];
  for (let path = dirname(directory); path.startsWith(`${below}/`); path = dirname(path)) {
    const seen = see(path);
    if (seen === undefined || (trusted.includes(seen.uid) && (seen.mode & 0o022) === 0)) continue;
    const who = trusted.includes(seen.uid) ? 'others' : accounts.nameOf(seen.uid);
    findings.push({ tenant: name, path, kind: 'owner', detail: `${who} may put another directory in the place of the tenant's`, hint: 'give it to root, mode 0711, or let the setting `path` end in {tenant}', repair: undefined });
  }
  return findings;
}

function encryptedFindings(tenant: Tenant, { encrypted, header, plain, directory }: SeenTenant, account: Owner, { accounts, below, environment }: TenantSurroundings): Finding[] {
  const path = tenant.encryptedFile;
  const found = (kind: Finding['kind'], detail: string, hint: string, repair?: Finding['repair']): Finding => ({ tenant: tenant.name, path, kind, detail, hint, repair });
  if (encrypted === undefined) {
    if (directory === undefined) return [];
    return [plain?.kind === 'file' ? found('not-encrypted', 'there is no encrypted file, only a plaintext one', `lockfast tenant import ${tenant.name}`) : found('not-encrypted', 'there is no env file', `lockfast tenant create ${tenant.name}`)];
  }
  if (encrypted.kind !== 'file') return [found('link', 'it is no regular file', 'find out who made it, and remove it')];
  const findings: Finding[] = [];
  if (encrypted.mode !== ENCRYPTED_MODE && encrypted.mode !== PLAINTEXT_MODE) {
    findings.push(found('mode', `${octal(encrypted.mode)}, not ${octal(ENCRYPTED_MODE)}`, `chmod ${octal(ENCRYPTED_MODE)}`, { kind: 'mode', below, from: encrypted.mode, to: ENCRYPTED_MODE }));
  }
  // What systemd itself reads for the service may be root's.
  if (encrypted.uid !== account.uid && !(encrypted.uid === 0 && tenant.way !== 'run')) findings.push(wrongOwner(encrypted, account, tenant.name, accounts, below));
  if (encrypted.links > 1) findings.push(found('link', 'it has another name (a hard link)', 'find it with `find / -samefile`, and remove the one that should not be'));
  if (header !== undefined && header.tenant !== tenant.name) findings.push(found('foreign', 'it belongs to another tenant', `put ${tenant.name}'s own file back`));
  if (header !== undefined && header.environment !== environment) findings.push(found('foreign', 'it is of another environment', 'put the file of this environment back'));
  return findings;
}

function plainFindings(tenant: Tenant, { plain, plainTarget, encrypted }: SeenTenant, { below, isRunning }: TenantSurroundings): Finding[] {
  if (plain === undefined || (plain.kind === 'file' && plain.size === 0)) return [];
  const found = (kind: Finding['kind'], detail: string, hint: string, repair?: Finding['repair']): Finding => ({ tenant: tenant.name, path: plain.path, kind, detail, hint, repair });
  if (plain.kind === 'link') {
    // What the way `file` makes: in memory, as long as the service runs.
    if (plainTarget?.path.startsWith('/run/') === true) {
      if (tenant.way === 'file' && isRunning !== false) return [];
      return plainTarget.exists ? [found('plaintext', 'it leads to a plaintext in memory although the service does not run', `lockfast tenant install ${tenant.name}, or remove it`)] : [];
    }
    return [found('plaintext', 'it is a symbolic link to somewhere else', 'encrypt what it leads to, and remove it')];
  }
  if (plain.kind !== 'file') return [found('link', 'it is no regular file', 'find out who made it, and remove it')];
  const [detail, hint] = encrypted === undefined ? ['it is not encrypted', `lockfast tenant import ${tenant.name}`] : ['plaintext beside its encrypted file', 'it is removed by --fix where the encrypted file holds the same; else compare: lockfast env diff'];
  return [found('plaintext', detail, hint, encrypted === undefined ? undefined : { kind: 'plaintext' }), ...tooWide(plain, PLAINTEXT_MODE, below, tenant.name)];
}

function tooWide({ path, mode }: Seen, most: number, below: string, tenant: string): Finding[] {
  if ((mode & ~most) === 0) return [];
  const to = mode & most;
  return [{ tenant, path, kind: 'mode', detail: `${octal(mode)}: others may ${(mode & 0o044) === 0 ? 'write or run' : 'read'} it`, hint: `chmod ${octal(to)}`, repair: { kind: 'mode', below, from: mode, to } }];
}

function wrongOwner({ path, uid }: Seen, account: Owner, tenant: string, accounts: Accounts, below: string): Finding {
  return {
    tenant,
    path,
    kind: 'owner',
    detail: `belongs to ${accounts.nameOf(uid)}, not to ${account.name}`,
    hint: `as root: chown ${account.name}`,
    repair: { kind: 'owner', below, from: uid, uid: account.uid, gid: account.gid },
  };
}

function isEncrypted(path: string): boolean {
  try {
    return isEncryptedFile(readHead(path, 64));
  } catch {
    return false;
  }
}
