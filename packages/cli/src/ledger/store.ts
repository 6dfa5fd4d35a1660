/** The configured ledger, for reading: as it is, also when it contradicts what was signed, for that is when it is read. */
import { LockfastError } from '@lockfast/core/errors';
import { type LedgerStore, openSqliteLedger } from '@lockfast/ledger';

import { ledgerFile, openPostgres } from '../ledger-place.ts';
import type { Workspace } from '../workspace.ts';

/** @throws LockfastError `ledger-missing`, `ledger-unavailable`, `ledger-tampered` */
export async function openStore(workspace: Workspace): Promise<LedgerStore> {
  const place = configuredLedger(workspace);
  const file = ledgerFile(place);
  return file === undefined ? openPostgres(place) : openSqliteLedger(file);
}

/** As the configuration names it. @throws LockfastError `ledger-missing` */
export function configuredLedger({ configuration: { ledger } }: Workspace): string {
  if (ledger === undefined) throw new LockfastError('ledger-missing', 'lockfast.toml names no ledger', 'add ledger = "sqlite:.lockfast/ledger.db" to it, then run `lockfast ledger create`');
  return ledger;
}
