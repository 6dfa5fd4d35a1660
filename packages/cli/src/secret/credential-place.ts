/** What a rotation of a credential works with, out of a workspace. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { plaintextOf, readEnvFile, USUAL_FILE } from '@lockfast/core/env';
import { readEnv } from '@lockfast/core/env/dialects';
import { systemClock } from '@lockfast/core/ports';
import { existingTenant, type ServiceManager, type Tenant } from '@lockfast/fleet';
import type { CredentialPlace, FleetFile, RotationStep } from '@lockfast/fleet/credential-rotation';

import type { Arguments } from '../arguments.ts';
import { currentActor } from '../actor.ts';
import { encryptedEnvFiles } from '../env-files.ts';
import type { Session } from '../session.ts';
import { fleetOf } from '../tenant/fleet-of.ts';
import type { Workspace } from '../workspace.ts';

/** One rotation at a time. Whoever comes second is told at once. */
export const DO_NOT_WAIT = 0;

/** Where the records of credential rotations lie: beside the key ring. */
export function credentialRecords({ configuration }: Pick<Workspace, 'configuration'>): string {
  return join(dirname(configuration.keyring), 'credential-rotations');
}

/** What is locked while one is going on. */
export function rotationLock(workspace: Workspace): string {
  return join(credentialRecords(workspace), 'rotation');
}

/** Opens the key ring. @param told gets how far it is */
export async function credentialPlace(args: Arguments, workspace: Workspace, manager: ServiceManager | undefined, told: (step: RotationStep) => void): Promise<CredentialPlace> {
  const fleet = fleetOf(workspace);
  let ring = await workspace.ring();
  return {
    ring: () => ring,
    freshRing: async () => (ring = await workspace.freshRing()),
    records: credentialRecords(workspace),
    backups: workspace.configuration.backups.directory,
    stateDirectory: workspace.stateDirectory,
    audit: await workspace.audit(),
    clock: systemClock,
    manager,
    tenant: (name) => existingTenant(fleet, name),
    variables: (tenant) => variablesOf(tenant, args, workspace),
    told,
  };
}

/** Every encrypted env file of the tenants, and the shared one; those that are nobody's; and tenants' directories that can't be listed. */
export function fleetFiles(workspace: Workspace): { readonly ours: readonly FleetFile[]; readonly others: readonly string[]; readonly unlisted: readonly FleetFile[] } {
  const { extends: shared } = fleetOf(workspace);
  const ours: FleetFile[] = [];
  const others: string[] = [];
  const unlisted: FleetFile[] = [];
  const miss = (path: string): void => {
    const tenant = workspace.tenantOf(join(path, USUAL_FILE));
    if (tenant !== undefined) unlisted.push({ path, tenant });
  };
  for (const path of encryptedEnvFiles(workspace.configuration, miss)) {
    const tenant = path === shared ? '' : workspace.tenantOf(path);
    if (tenant === undefined) others.push(path);
    else ours.push({ path, tenant });
  }
  return { ours, others, unlisted };
}

/**
 * What a killed run was at, nobody can tell any more; that it was killed, we can: while this one has the lock no other one
 * is at a rotation of these records.
 */
export async function closeInterrupted(workspace: Workspace, session: Session, id: string): Promise<void> {
  const ledger = await workspace.ledger();
  if (ledger === undefined) return;
  const { host } = currentActor(session);
  const left = (await ledger.openIntents()).filter(({ entry: { details, actor } }) => details?.['rotation'] === id && actor.host === host);
  await ledger.conclude(left.map(({ intent }) => ({ intent, outcome: 'interrupted' })));
}

/** All layers, for a health check that names some of them. */
async function variablesOf(tenant: Tenant, args: Arguments, workspace: Workspace): Promise<ReadonlyMap<string, string>> {
  const variables = new Map<string, string>();
  for (const file of workspace.layers(tenant.name)) {
    if (!existsSync(file)) continue;
    const opened = await workspace.decrypting(file, tenant.name, (scope) => readEnvFile(file, scope), { details: { for: 'health check' } });
    for (const [name, value] of readEnv(plaintextOf(opened), workspace.dialect(args)).variables) if (value !== null) variables.set(name, value);
  }
  return variables;
}
