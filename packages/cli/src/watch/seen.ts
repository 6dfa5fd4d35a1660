/** One look at this machine for the watch: no key is opened, and nothing is decrypted. */
import { ENCRYPTED_SUFFIX, parseFile } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { readRegularFile } from '@lockfast/core/files';
import { keyIdOf } from '@lockfast/core/formats';
import type { Finding } from '@lockfast/fleet';
import type { LedgerStore } from '@lockfast/ledger';
import { checkpointSize } from '@lockfast/ledger/witnesses';
import type { Seen, SeenUse, SeenWitness } from '@lockfast/watch';

import { configuredEnvFiles } from '../env-files.ts';
import { rotationDueIn } from '../key/schedule.ts';
import { configuredWitnesses, stateOf } from '../ledger/witnesses.ts';
import { readRing } from '../ring-document.ts';
import type { Session } from '../session.ts';
import { generalFindings, survey } from '../tenant/audit.ts';
import { allTenants } from '../tenant/fleet-of.ts';
import { unitStates } from '../tenant/unit-states.ts';
import type { Workspace } from '../workspace.ts';

/** @param ledgerRefusal the code with which the ledger takes nothing. @param witnesses what was heard of them last */
export async function lookAround(workspace: Workspace, session: Session, now: number, ledgerRefusal: string | undefined, witnesses: readonly SeenWitness[]): Promise<Seen> {
  const { configuration } = workspace;
  const ring = ringOf(configuration.keyring);
  const tenants = configuration.fleet === undefined ? [] : orNone(() => allTenants(workspace));
  const states = await unitStates(tenants, session);
  const findings = configuration.fleet === undefined ? generalFindings(workspace, session) : survey(tenants, states, true, workspace, session);
  const files = configuredEnvFiles(configuration);
  return {
    ring,
    rotation: 'code' in ring ? undefined : rotationDueIn(ring, configuration, now),
    services: tenants.flatMap(({ name, service }) => {
      const state = states.get(name);
      return service === undefined || state === undefined ? [] : [{ tenant: name, unit: service, active: state.active, sub: state.sub, restarts: state.restarts }];
    }),
    findings: [...findings, ...plainFiles(files, workspace, findings)],
    witnesses,
    uses: usesOf(files.filter(isEncryptedName)),
    ledgerRefusal,
  };
}

/** Asked all at once; each has an end of its own. */
export async function hearWitnesses(workspace: Workspace, session: Session, store: LedgerStore): Promise<readonly SeenWitness[]> {
  const origin = (await store.newestCheckpoint())?.origin;
  const states = await Promise.all(
    configuredWitnesses(workspace, session).map((witness) =>
      stateOf(witness, async () => {
        const note = origin === undefined ? undefined : await witness.newest(origin);
        return note === undefined ? (witness.readable ? 0 : undefined) : checkpointSize(note, witness.name);
      }),
    ),
  );
  return states.map(({ witness, size, error }) => ({ name: witness, size, code: error?.code }));
}

function ringOf(path: string): ReturnType<typeof readRing> | { readonly code: string } {
  try {
    return readRing(path);
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    return { code: error.code === 'not-found' ? 'ring-missing' : error.code };
  }
}

/** Where they can't be listed the audit of one of them says so. */
function orNone<T>(list: () => T[]): T[] {
  try {
    return list();
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    return [];
  }
}

/** Of the project itself: a tenant's are findings of its audit already. */
function plainFiles(files: readonly string[], workspace: Workspace, known: readonly Finding[]): Finding[] {
  const paths = new Set(known.map(({ path }) => path));
  return files
    .filter((path) => !isEncryptedName(path) && workspace.tenantOf(path) === undefined && !paths.has(path))
    .map((path) => ({ tenant: undefined, path, kind: 'plaintext', detail: 'it is not encrypted', hint: `lockfast env encrypt ${path}`, repair: undefined }));
}

function isEncryptedName(path: string): boolean {
  return path.endsWith(ENCRYPTED_SUFFIX);
}

/** Each value names its key, so that counting them takes none. What can't be read is a finding elsewhere. */
function usesOf(files: readonly string[]): readonly SeenUse[] {
  const uses = new Map<string, { files: number; values: number }>();
  const of = (key: string): { files: number; values: number } => {
    let use = uses.get(key);
    if (use === undefined) uses.set(key, (use = { files: 0, values: 0 }));
    return use;
  };
  for (const path of files) {
    try {
      const { header, lines } = parseFile(readRegularFile(path, 'refuse').bytes, path);
      of(header.key).files += 1;
      for (const { value } of lines) of(keyIdOf(value)).values += 1;
    } catch (error) {
      if (!(error instanceof LockfastError)) throw error;
    }
  }
  return [...uses].map(([key, use]) => ({ key, ...use }));
}
