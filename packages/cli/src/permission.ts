/** Who may do what: `[roles]` of the configuration, and the person whom the operating system names. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

import { LockfastError } from '@lockfast/core/errors';
import type { AuditEvent } from '@lockfast/core/ports';

import { currentActor } from './actor.ts';
import type { Role } from './configuration.ts';
import type { Session } from './session.ts';
import type { Workspace } from './workspace.ts';

/** The person behind the process. */
export interface Person {
  readonly name: string;
  /** Undefined for a name that the system does not know. */
  readonly uid: number | undefined;
  /** False for a root process that nobody is known to have logged in or called sudo for: it may be anybody. */
  readonly certain: boolean;
}

/**
 * Which roles may do what a role is asked for. Looking at files, usage and ledger is for all of them; but whoever
 * changes keys does not thereby read values, and whoever reads values changes no keys.
 */
const SUFFICIENT: Readonly<Record<Role, readonly Role[]>> = { admin: ['admin'], operator: ['operator'], auditor: ['admin', 'operator', 'auditor'] };

/** By absolute path: what stands in PATH or in the working directory must not say who may change keys. */
const ID = '/usr/bin/id';
const GETENT = '/usr/bin/getent';

const DESCRIBED: Readonly<Record<Role, string>> = { admin: 'an admin', operator: 'an operator', auditor: 'an auditor' };

/**
 * Without a `[roles]` table everybody may, and what only a role that the table does not list may do. Else the person must
 * be named, or be in a named group; a refusal is on record before it is thrown.
 *
 * @param event what was about to be done
 * @throws LockfastError `not-permitted`
 */
export async function requireRole(workspace: Workspace, session: Session, role: Role, event: AuditEvent): Promise<void> {
  const { roles } = workspace.configuration;
  if (roles === undefined || (role !== 'admin' && roles[role] === undefined)) return;
  const person = personBehind(session);
  if (SUFFICIENT[role].some((sufficient) => isNamed(person, roles[sufficient] ?? []))) return;
  await refuse(
    workspace,
    event,
    new LockfastError('not-permitted', `${session.command}: ${person.name} is not ${DESCRIBED[role]}`, `ask one of those that [roles] in lockfast.toml names; whoever uses sudo counts, not root`),
  );
}

/** Throws `error`, after the refusal is on record. Where it can't be recorded, it is a refusal all the same, and says so. */
export async function refuse(workspace: Workspace, event: AuditEvent, error: LockfastError): Promise<never> {
  try {
    const sink = await workspace.audit();
    await sink?.record({ ...event, environment: workspace.configuration.environment, outcome: 'refused', code: error.code });
  } catch (failure) {
    if (!(failure instanceof LockfastError)) throw failure;
    throw new LockfastError(error.code, `${error.message}; this was not recorded, since ${failure.message}`, error.hint, failure);
  }
  throw error;
}

/**
 * Whoever logged in, which the kernel keeps through `su` and `sudo`; else who called sudo; else the account of the
 * process. SUDO_USER counts for root alone: everybody can set it for a process of their own.
 */
export function personBehind(session: Session): Person {
  const { user, uid, sudo, login } = currentActor(session);
  if (login !== undefined && login !== uid) return { name: nameOf(login), uid: login, certain: true };
  if (login === undefined && sudo !== undefined) {
    const behind = uidOf(sudo);
    return { name: sudo, uid: behind, certain: behind !== undefined };
  }
  return { name: user, uid, certain: login !== undefined || uid !== 0 };
}

/** Whether names, and groups as `@group`, hold that account of this machine, or one that it does not know by name. */
export function isListed(name: string, names: readonly string[]): boolean {
  const groups = names.some((one) => one.startsWith('@'));
  return isNamed({ name, uid: groups ? uidOf(name) : undefined, certain: true }, names);
}

/** Names are compared as they are: another case is another user. */
function isNamed(person: Person, names: readonly string[]): boolean {
  if (names.includes(person.name)) return true;
  const groups = names.filter((name) => name.startsWith('@')).map((name) => name.slice(1));
  if (groups.length === 0) return false;
  const gids = new Set(groupsOf(person));
  return groups.some((group) => {
    const gid = gidOf(group);
    return gid !== undefined && gids.has(gid);
  });
}

/** By number: a name with a space in it would read as two groups in what `id -Gn` prints. */
function groupsOf({ name, uid }: Person): readonly number[] {
  if (uid === undefined) return [];
  if (uid === process.getuid?.()) return [process.getegid!(), ...process.getgroups!()];
  return numbers(ask(ID, ['-G', '--', name]));
}

function gidOf(group: string): number | undefined {
  if (!/^[^:\s-][^:\n]*$/.test(group)) return undefined;
  return gidIn(readDatabase('/etc/group'), group) ?? gidIn(ask(GETENT, ['group', group]), group);
}

function gidIn(database: string, group: string): number | undefined {
  const line = database.split('\n').find((one) => one.startsWith(`${group}:`));
  return line === undefined ? undefined : numbers(line.split(':')[2] ?? '')[0];
}

function uidOf(name: string): number | undefined {
  return numbers(ask(ID, ['-u', '--', name]))[0];
}

function nameOf(uid: number): string {
  const name = ask(ID, ['-un', '--', String(uid)]).trim();
  return name === '' ? `uid ${uid}` : name;
}

function numbers(text: string): number[] {
  return text.split(/\s+/).filter((word) => /^[0-9]{1,10}$/.test(word)).map(Number);
}

/** What the program prints; nothing where it is missing or fails: who is not known to be in a group is not in it. */
function ask(program: string, args: readonly string[]): string {
  try {
    return execFileSync(program, args, { env: { LC_ALL: 'C' }, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 10_000 });
  } catch {
    return '';
  }
}

function readDatabase(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
