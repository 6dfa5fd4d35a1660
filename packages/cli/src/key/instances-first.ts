/** A key moves when every running application is ready for it: those that report themselves are asked. */
import { LockfastError } from '@lockfast/core/errors';
import type { KeyRing } from '@lockfast/core/keyring';
import type { AuditEvent } from '@lockfast/core/ports';

import type { Arguments } from '../arguments.ts';
import { type FoundInstance, lacking, ofRing, reportedInstances, reportingDatabases, shownInstance } from '../column/reported-instances.ts';
import { listed } from '../listed.ts';
import { reasonOf, requiredReason } from '../reason.ts';
import type { Session } from '../session.ts';
import { counted } from '../terminal.ts';
import type { Workspace } from '../workspace.ts';
import { DESPITE_INSTANCES } from './despite-instances.ts';

const WAY_OUT = `to do it all the same: --${DESPITE_INSTANCES} --reason WHY`;

/** What the record of a move says of it, so that a second person approves that, too. @throws LockfastError `usage` without a reason */
export function despiteInstances(args: Arguments, session: Session): { readonly reason: string | undefined; readonly details?: { readonly despiteInstances: true } } {
  if (!args.flag(DESPITE_INSTANCES)) return { reason: reasonOf(args) };
  return { reason: requiredReason(args, `${session.command} --${DESPITE_INSTANCES}`), details: { despiteInstances: true } };
}

/**
 * Before the key encrypts: an instance without it could not read what the others write.
 *
 * @param id the staged key; undefined: one that is yet to be made
 * @throws LockfastError `invalid-transition` where a live instance lacks it; where they can't be asked what says why
 */
export async function refuseUnlessHeld(workspace: Workspace, ring: KeyRing, id: string | undefined, args: Arguments, session: Session): Promise<void> {
  await ask(workspace, ring, args, session, id ?? 'a new key', (found) => {
    const live = ofRing(found, ring);
    const without = id === undefined ? live : lacking(found, ring, id);
    if (without.length === 0) return undefined;
    const which = shown(without, ({ generation }) => `generation ${generation}`);
    return id === undefined
      ? refusal(without, `${counted(live.length, 'live instance')} would not hold a key that is made and activated in one step: ${which}`, 'make it with `lockfast key create`, bring the key ring to them, then run this again')
      : refusal(without, `the key ${id} is not held by ${without.length} of ${counted(live.length, 'live instance')}: ${which}`, 'bring the key ring to them, wait until `lockfast column instances` shows it, then run this again');
  });
}

/** Before the key is refused: what an instance encrypts with it afterwards, nobody would read. @throws LockfastError `key-in-use`, and as {@link refuseUnlessHeld} */
export async function refuseWhileEncrypting(workspace: Workspace, ring: KeyRing, id: string, args: Arguments, session: Session): Promise<void> {
  await ask(workspace, ring, args, session, id, (found) => {
    const live = ofRing(found, ring);
    const encrypting = live.filter(({ active }) => active === id);
    if (encrypting.length === 0) return undefined;
    const which = shown(encrypting, ({ generation }) => `generation ${generation}`);
    return { instances: encrypting, error: new LockfastError('key-in-use', `${encrypting.length} of ${counted(live.length, 'live instance')} still ${encrypting.length === 1 ? 'encrypts' : 'encrypt'} with the key ${id}: ${which}`, `bring the key ring to them, then \`lockfast column rotate\`, then run this again; ${WAY_OUT}`) };
  });
}

/**
 * Before the older key of a blind index goes: an instance with a key ring from before another one took over writes under it still, and nobody
 * would find that. Only one that has the present ring is known to write under the new one.
 *
 * @throws LockfastError `key-in-use`, and as {@link refuseUnlessHeld}
 */
export async function refuseWhileIndexing(workspace: Workspace, ring: KeyRing, id: string, args: Arguments, session: Session): Promise<void> {
  await ask(workspace, ring, args, session, id, (found) => {
    const live = ofRing(found, ring);
    const behind = live.filter(({ generation }) => generation < ring.version.generation);
    if (behind.length === 0) return undefined;
    const which = shown(behind, ({ generation }) => `generation ${generation}`);
    return { instances: behind, error: new LockfastError('key-in-use', `${behind.length} of ${counted(live.length, 'live instance')} may still write under the index key ${id}, with a key ring from before generation ${ring.version.generation}: ${which}`, `bring the key ring to them, then \`lockfast column index build\`, then run this again; ${WAY_OUT}`) };
  });
}

interface Refusal {
  readonly instances: readonly FoundInstance[];
  readonly error: LockfastError;
}

function refusal(instances: readonly FoundInstance[], message: string, hint: string): Refusal {
  return { instances, error: new LockfastError('invalid-transition', message, `${hint}; ${WAY_OUT}`) };
}

/** Where the command goes ahead all the same, it is on record which instances were not ready, or why they were not asked. */
async function ask(workspace: Workspace, ring: KeyRing, args: Arguments, session: Session, key: string, judge: (found: readonly FoundInstance[]) => Refusal | undefined): Promise<void> {
  const names = reportingDatabases(workspace.configuration);
  if (names.length === 0) return;
  let refused: { readonly error: LockfastError; readonly instances?: readonly FoundInstance[] } | undefined;
  try {
    const found = await reportedInstances(names, workspace, ring, session);
    refused = judge(found);
    if (ofRing(found, ring).length === 0) session.terminal.note(`no live instance has reported itself in ${listed(names)}: none was asked`);
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    refused = { error: new LockfastError(error.code, `nobody can tell whether the running applications are ready for ${key}: ${error.message}`, `${error.hint}; ${WAY_OUT}`, error) };
  }
  if (refused === undefined) return;
  if (!args.flag(DESPITE_INSTANCES)) throw refused.error;
  session.terminal.warn(`${refused.error.message}; it is done all the same`);
  await (await workspace.audit())?.record({ ...overruled(key, refused, workspace), reason: reasonOf(args), outcome: 'success' });
}

function overruled(key: string, { error, instances }: { readonly error: LockfastError; readonly instances?: readonly FoundInstance[] }, { configuration }: Workspace): AuditEvent {
  const details = instances === undefined ? { code: error.code } : { instances: instances.length, which: listed(instances.map(shownInstance)) };
  return { operation: 'key-instances-overruled', object: key, environment: configuration.environment, details };
}

function shown(instances: readonly FoundInstance[], fact: (instance: FoundInstance) => string): string {
  return listed(instances.map((one) => `${shownInstance(one)} (${fact(one)}, ${one.database})`));
}
