import { LockfastError } from '@lockfast/core/errors';
import type { AuditEvent } from '@lockfast/core/ports';

import { EXIT_STATUS } from './exit-status.ts';
import type { Workspace } from './workspace.ts';

/**
 * Does what comes before the intent: the key ring is opened, a passphrase is tried, to see whether what was asked for can
 * be done at all. That keys were tried and did not open is on record all the same.
 *
 * @param workspace undefined where there is no configuration yet, and so no ledger
 * @param event what was about to be done
 * @throws LockfastError what `action` throws; `ledger-unavailable` where the ledger can't be had, before `action` starts
 */
export async function failuresOnRecord<T>(workspace: Workspace | undefined, event: AuditEvent, action: () => T | Promise<T>): Promise<T> {
  const sink = await workspace?.audit();
  try {
    return await action();
  } catch (error) {
    // Wrong words on the command line, or no terminal to ask on: nothing was tried.
    if (error instanceof LockfastError && EXIT_STATUS[error.code] !== EXIT_STATUS.usage) {
      // The failure itself is what to report.
      await sink?.record({ ...event, environment: event.environment ?? workspace?.configuration.environment, outcome: 'failure', code: error.code }).catch(() => {});
    }
    throw error;
  }
}
