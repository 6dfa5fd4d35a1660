import { LockfastError } from '@lockfast/core/errors';
import { ensureDirectory, withFileLock } from '@lockfast/core/files';
import type { Tenant } from '@lockfast/fleet';
import { type CredentialPlace, type CredentialRotation, inTheWay, isOpenRotation, Journal, openCredentialRotation, readCredentialRotations, type RotatedService, rollBack } from '@lockfast/fleet/credential-rotation';

import type { Arguments } from '../arguments.ts';
import { confirm } from '../confirm.ts';
import { refuseOutsideWindow } from '../key/maintenance-window.ts';
import { reasonOf } from '../reason.ts';
import { personBehind, requireRole } from '../permission.ts';
import type { Session } from '../session.ts';
import { allTenants } from '../tenant/fleet-of.ts';
import { counted, shownMinute } from '../terminal.ts';
import { Workspace } from '../workspace.ts';
import { closeInterrupted, credentialRecords, DO_NOT_WAIT, rotationLock } from './credential-place.ts';
import { carryOut, rotationEvent } from './going-on.ts';
import { prepareRotationLog } from './rotation-log.ts';
import { listed } from '../listed.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const records = credentialRecords(workspace);
  const [id] = args.operands as [string];
  const reason = reasonOf(args) ?? null;
  await requireRole(workspace, session, 'operator', { operation: 'secret-rollback', object: 'rotation', ...(reason === null ? {} : { reason }) });
  ensureDirectory(records);
  return withFileLock(
    workspace.stateDirectory,
    rotationLock(workspace),
    async () => {
      const record = found(records, id);
      const { maintenanceWindow } = workspace.configuration;
      refuseOutsideWindow(maintenanceWindow, new Date(), args.flag('force'));
      confirm(args, session, `Give ${record.names.join(' ')} (${record.scope}) its value before ${record.id} again, in ${counted(record.files.length, 'file')}?`);
      prepareRotationLog(workspace);
      if (isOpenRotation(record)) await closeInterrupted(workspace, session, record.id);
      const event = { ...rotationEvent({ ...record, reason }, isOpenRotation(record)), operation: 'secret-rollback' };
      return carryOut(event, args, session, workspace, (place) => goBack(record, reason, args, session, workspace, place));
    },
    DO_NOT_WAIT,
  );
}

/** @throws LockfastError `not-found`, `conflict` */
function found(records: string, id: string): CredentialRotation {
  const record = readCredentialRotations(records).find((one) => one.id === id);
  if (record === undefined) throw new LockfastError('not-found', 'there is no rotation of that id', 'see `lockfast secret history`');
  if (record.status === 'rolled-back') throw new LockfastError('conflict', `the rotation ${id} was rolled back already`, 'there is nothing to do');
  const open = openCredentialRotation(records);
  if (open !== undefined && open.id !== id) throw new LockfastError('conflict', `the rotation ${open.id} is open`, `finish it first with lockfast secret rotate --resume, or roll it back: lockfast secret rollback ${open.id}`);
  return record;
}

async function goBack(record: CredentialRotation, reason: string | null, args: Arguments, session: Session, workspace: Workspace, place: CredentialPlace): Promise<CredentialRotation> {
  const force = args.flag('force');
  const journal = await Journal.open(place.records, record, () => place.ring(), workspace.stateDirectory);
  const time = new Date(place.clock.now()).toISOString();
  const orderedBack = { actor: personBehind(session).name, reason, time, overwrite: force };
  if (isOpenRotation(record)) {
    journal.update({ status: 'rolling-back', orderedBack });
    return rollBack(journal, place);
  }
  const { lost, changed } = await inTheWay(journal, place);
  if (lost.length > 0) throw new LockfastError('not-found', `the copies from before ${record.id} are gone: ${listed(lost)}`, 'give the old value anew: lockfast secret rotate');
  if (changed.length > 0 && !force) throw new LockfastError('conflict', `it was changed since in ${listed(changed)}`, 'with --force the value from before the rotation takes the place of that, too');
  if (record.revokeAfter !== null && time > record.revokeAfter && !force) {
    throw new LockfastError('conflict', `the old value may be revoked: its time was out at ${shownMinute(record.revokeAfter)}`, 'make sure that it works where it was issued, then run it with --force');
  }
  const services = await servicesNow(record, place);
  refuseOutsideWindows(services, allTenants(workspace), force);
  journal.update({ status: 'rolling-back', orderedBack, ended: null, failures: [], services });
  return rollBack(journal, place);
}

/** Those that run now read the old value again; what does not run is not started. */
async function servicesNow({ services }: CredentialRotation, { manager }: CredentialPlace): Promise<RotatedService[]> {
  if (manager === undefined || services.length === 0) return [];
  const states = await manager.states(services.map(({ unit }) => unit));
  return services.map((service, i): RotatedService => {
    const { load, active, mainPid } = states[i]!;
    const was = load !== 'loaded' ? 'missing' : active === 'active' || active === 'reloading' || active === 'activating' ? 'up' : 'down';
    return { ...service, was, mainPid, state: 'restarting', why: null, durationMs: null };
  });
}

function refuseOutsideWindows(services: readonly RotatedService[], tenants: readonly Tenant[], force: boolean): void {
  for (const { tenant, was } of services) if (was === 'up') refuseOutsideWindow(tenants.find(({ name }) => name === tenant)?.window, new Date(), force);
}
