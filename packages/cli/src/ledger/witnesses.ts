/** The witnesses of the configuration, and the checkpoint that they get. */
import { LockfastError } from '@lockfast/core/errors';
import { openWitness, type Witness } from '@lockfast/ledger/witnesses';

import type { Configuration } from '../configuration.ts';
import { ledgerFile } from '../ledger-place.ts';
import { secretVariables } from '../secret-variables.ts';
import type { Session } from '../session.ts';
import type { Workspace } from '../workspace.ts';

/** @throws LockfastError `config-invalid` */
export function configuredWitnesses({ configuration, stateDirectory }: Workspace, session: Session): readonly Witness[] {
  const around = { environment: withoutKeys(session.environment, configuration), stateDirectory, ledgerFile: ledgerFile(configuration.ledger ?? '') };
  return configuration.witnesses.map((settings) => openWitness(settings, around));
}

/** The programs that witnesses run have no business with a root key, or with the ledger's password. */
function withoutKeys(environment: Session['environment'], configuration: Configuration): Session['environment'] {
  const names = new Set(secretVariables(configuration));
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !names.has(name) && !name.startsWith('LOCKFAST_')));
}

/** How a witness stands to the ledger, or why that is not known. */
export interface WitnessState {
  readonly witness: string;
  /** How many entries it holds the root of. */
  readonly size?: number;
  readonly warning?: string;
  readonly error?: { readonly code: LockfastError['code']; readonly message: string; readonly hint: string };
}

/** Asks one witness; a failure is its state, and the next one is asked all the same. */
export async function stateOf(witness: Witness, ask: () => Promise<number | undefined>): Promise<WitnessState> {
  const state = { witness: witness.name, ...(witness.warning === undefined ? {} : { warning: witness.warning }) };
  try {
    const size = await ask();
    return size === undefined ? state : { ...state, size };
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    const { code, message, hint } = error;
    return { ...state, error: { code, message, hint } };
  }
}
