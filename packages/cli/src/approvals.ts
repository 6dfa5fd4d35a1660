/**
 * The second person: with `[approvals] key = 2` one person asks for a change of keys, another one approves it, and then
 * it may be done, once. Requests wait in `approvals.json` beside the key ring, sealed under the ring's own key: who can
 * not open the ring can not make, approve or alter one. A seal that does not fit makes the file count as empty.
 *
 * A request is for one version of the ring: any change of the ring ends it, the one that was asked for included. So an
 * old copy of the file that is put back approves nothing again.
 */
import { createHash, randomInt } from 'node:crypto';
import { dirname, join } from 'node:path';

import { audited } from '@lockfast/core/audited';
import { LockfastError } from '@lockfast/core/errors';
import { type Expected, identityOf, ownerOf, readRegularFile, withFileLock, writeDurably } from '@lockfast/core/files';
import { canonicalJson, type Json, parseJson } from '@lockfast/core/formats';
import type { KeyRing } from '@lockfast/core/keyring';
import type { AuditEvent } from '@lockfast/core/ports';

import { type Person, personBehind, refuse } from './permission.ts';
import type { Session } from './session.ts';
import { shownMinute } from './terminal.ts';
import type { Workspace } from './workspace.ts';

const FORMAT = 'lockfast-approvals/1';
/** What may be asked for of an older ring. */
export const ACCEPT_OLDER = 'key-accept-older';

const LIFE_MS = 24 * 3_600_000;
const MODE = 0o600;
const MOST_BYTES = 1024 * 1024;

/** Somebody did something: asked, or approved. */
interface Act {
  readonly by: string;
  readonly uid: number;
  /** ISO 8601, UTC, milliseconds. */
  readonly time: string;
}

export interface ApprovalRequest {
  readonly id: string;
  readonly operation: string;
  readonly object: string;
  readonly details: NonNullable<AuditEvent['details']>;
  readonly reason: string | null;
  /** The version of the ring that it is for. */
  readonly generation: number;
  readonly asked: Act;
  readonly approved: Act | null;
}

/**
 * Lets a change of keys go ahead that a second person has approved, and takes that approval: it serves once. Without
 * one it keeps the request. Call it where nothing is changed yet and nothing else can refuse: last before the change.
 *
 * @param ring as it is before the change
 * @param change two are the same where operation, object and details are
 * @throws LockfastError `approval-needed`; `not-permitted` where nobody can tell who asks
 */
export async function requireApproval(workspace: Workspace, session: Session, ring: KeyRing, change: AuditEvent): Promise<void> {
  if (workspace.configuration.approvals.key !== 2) return;
  const person = await certainPerson(workspace, session, change);
  await changeRequests(workspace, ring, async ({ open, write }) => {
    const request = open.find((one) => isFor(one, change));
    const others = open.filter((one) => one !== request);
    if (request === undefined || request.approved === null) {
      const waiting = request ?? newRequest(change, ring, person);
      if (request === undefined) await audited(await workspace.audit(), recordOf('key-approval-request', waiting, workspace), () => write([...others, waiting]));
      throw new LockfastError(
        'approval-needed',
        `${session.command} waits for a second person: ${waiting.asked.by} asked for it at ${shownMinute(waiting.asked.time)}`,
        `somebody else approves it within 24 hours with: lockfast key approve ${waiting.id}; then run this again`,
      );
    }
    await audited(await workspace.audit(), recordOf('key-approval-use', request, workspace), () => write(others));
  });
}

/**
 * Approves a request.
 *
 * @param sure gets the request before it is approved, and throws if it is not meant
 * @throws LockfastError `not-found`; `not-permitted` for whoever asked for it, and where nobody can tell who approves
 */
export async function approveRequest(workspace: Workspace, session: Session, id: string, sure: (request: ApprovalRequest) => void): Promise<ApprovalRequest> {
  const person = await certainPerson(workspace, session, { operation: 'key-approve', object: 'request' });
  const { ring, requests } = await waitingRequests(workspace);
  const wanted = findRequest(requests, id);
  const record = recordOf('key-approve', wanted, workspace);
  if (wanted.asked.uid === person.uid) {
    await refuse(workspace, record, new LockfastError('not-permitted', `${person.name} asked for this, and can not approve it, too`, 'ask somebody else to approve it'));
  }
  sure(wanted);
  return changeRequests(workspace, ring, async ({ open, write }) => {
    const request = findRequest(open, id);
    const approved = { ...request, approved: actOf(person) };
    await audited(await workspace.audit(), record, () => write(open.map((one) => (one === request ? approved : one))));
    return approved;
  });
}

/**
 * What can be approved, and the ring that it is for. An older ring than one that was seen opens for one thing: to approve
 * that it is gone on with, where the request is about this very ring.
 *
 * @throws LockfastError as `Workspace.anyRing`
 */
export async function waitingRequests(workspace: Workspace): Promise<{ readonly ring: KeyRing; readonly requests: readonly ApprovalRequest[] }> {
  try {
    const ring = await workspace.ring();
    return { ring, requests: openRequests(workspace, ring) };
  } catch (error) {
    if (!(error instanceof LockfastError) || error.code !== 'ring-older') throw error;
    const ring = await workspace.anyRing();
    const requests = openRequests(workspace, ring).filter(({ operation, details }) => operation === ACCEPT_OLDER && details['digest'] === ring.version.digest);
    return { ring, requests };
  }
}

/** The requests that wait, or are approved and not used yet. */
function openRequests(workspace: Workspace, ring: KeyRing): readonly ApprovalRequest[] {
  const path = approvalsFile(workspace);
  if (identityOf(path) === undefined) return [];
  return unsealRequests(readRegularFile(path, 'refuse', MOST_BYTES).bytes.toString('utf8'), ring).filter((request) => isOpen(request, ring, Date.now()));
}

/** Whether it still counts: for 24 hours, and for the ring that it was asked for. */
export function isOpen({ asked, generation }: ApprovalRequest, ring: KeyRing, now: number): boolean {
  // A clock that was set back must not make it live on for as long as it was set back.
  return generation === ring.version.generation && Math.abs(now - Date.parse(asked.time)) < LIFE_MS;
}

/** The text of the file. */
export function sealRequests(requests: readonly ApprovalRequest[], ring: KeyRing): string {
  const seal = ring.seal(sealBinding(requests, ring));
  return `${JSON.stringify({ format: FORMAT, requests, seal }, null, 2)}\n`;
}

/** The requests of a file; none when it is not sealed under this ring's own key. */
export function unsealRequests(text: string, ring: KeyRing): readonly ApprovalRequest[] {
  try {
    const { format, requests, seal } = parseJson(text) as unknown as { format: unknown; requests: readonly ApprovalRequest[]; seal: string };
    if (format !== FORMAT) return [];
    return ring.isSealed(seal, sealBinding(requests, ring)) ? requests : [];
  } catch {
    return [];
  }
}

function sealBinding(requests: readonly ApprovalRequest[], ring: KeyRing): Buffer {
  const digest = createHash('sha256').update(canonicalJson(requests as unknown as Json)).digest('base64url');
  return Buffer.from(canonicalJson([FORMAT, ring.version.ring, digest]), 'utf8');
}

interface Requests {
  readonly open: readonly ApprovalRequest[];
  readonly write: (requests: readonly ApprovalRequest[]) => void;
}

/** Under the lock, which is the ring's own: both lie in one directory. What is no longer open goes with the next write. */
async function changeRequests<T>(workspace: Workspace, ring: KeyRing, change: (requests: Requests) => Promise<T>): Promise<T> {
  const path = approvalsFile(workspace);
  return withFileLock(workspace.stateDirectory, path, async () => {
    const expected: Expected = identityOf(path) ?? 'absent';
    const open = openRequests(workspace, ring);
    // Whoever may open the ring must be able to read what waits, also after root wrote it.
    const owner = ownerOf(workspace.configuration.keyring);
    return change({ open, write: (requests) => writeDurably({ path, bytes: Buffer.from(sealRequests(requests, ring)), mode: MODE, owner, expected }) });
  });
}

function approvalsFile({ configuration }: Workspace): string {
  return join(dirname(configuration.keyring), 'approvals.json');
}

/** @throws LockfastError `not-permitted`: two persons can only be told apart where each is known */
async function certainPerson(workspace: Workspace, session: Session, event: AuditEvent): Promise<Person & { readonly uid: number }> {
  const person = personBehind(session);
  if (person.certain && person.uid !== undefined) return { ...person, uid: person.uid };
  return refuse(
    workspace,
    event,
    new LockfastError('not-permitted', `${session.command}: nobody can tell which person this is, and two are needed`, 'run it from a login of your own, with sudo where it needs root'),
  );
}

function newRequest({ operation, object, details = {}, reason }: AuditEvent, ring: KeyRing, person: Person & { readonly uid: number }): ApprovalRequest {
  return { id: newRequestId(), operation, object, details, reason: reason ?? null, generation: ring.version.generation, asked: actOf(person), approved: null };
}

/** No secret: it only has to be another one each time, and easy to type. */
function newRequestId(): string {
  return Array.from({ length: 8 }, () => 'abcdefghijkmnpqrstuvwxyz23456789'[randomInt(32)]).join('');
}

function actOf({ name, uid }: Person & { readonly uid: number }): Act {
  return { by: name, uid, time: new Date().toISOString() };
}

function findRequest(open: readonly ApprovalRequest[], id: string): ApprovalRequest {
  const request = open.find((one) => one.id === id);
  if (request !== undefined) return request;
  throw new LockfastError('not-found', 'there is no such request', 'it ends after 24 hours, and with every change of the key ring: `lockfast key approve` lists those that wait');
}

function isFor(request: ApprovalRequest, { operation, object, details = {} }: AuditEvent): boolean {
  return request.operation === operation && request.object === object && canonicalJson(request.details) === canonicalJson(details);
}

/** What the ledger says of it; the change itself gets a record of its own. */
function recordOf(operation: string, { id, operation: change, object, reason, asked, approved }: ApprovalRequest, { configuration }: Workspace): AuditEvent {
  const details = { request: id, change, askedBy: asked.by, ...(approved === null ? {} : { approvedBy: approved.by }) };
  return { operation, object, environment: configuration.environment, reason: reason ?? undefined, details };
}
