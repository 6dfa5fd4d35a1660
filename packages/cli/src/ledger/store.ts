/** The configured ledger, for reading: as it is, also when it contradicts what was signed, for that is when it is read. */
import { LockfastError } from '@lockfast/core/errors';
import { type LedgerStore, openSqliteLedger } from '@lockfast/ledger';

import type { Workspace } from '../workspace.ts';

/** @throws LockfastError `ledger-missing`, `ledger-unavailable`, `ledger-tampered` */
export async function openStore(workspace: Workspace): Promise<LedgerStore> {
  const place = configuredLedger(workspace);
  if (place.startsWith('sqlite:')) return openSqliteLedger(place.slice('sqlite:'.length));
  const { openPostgresLedger } = await import('@lockfast/ledger/stores/postgres');
  return openPostgresLedger(place);
}

/** As the configuration names it. @throws LockfastError `ledger-missing` */
export function configuredLedger({ configuration: { ledger } }: Workspace): string {
  if (ledger === undefined) throw new LockfastError('ledger-missing', 'lockfast.toml names no ledger', 'add ledger = "sqlite:.lockfast/ledger.db" to it, then run `lockfast ledger create`');
  return ledger;
}

/** The file of a ledger that is one. */
export function ledgerFile(place: string): string | undefined {
  return place.startsWith('sqlite:') ? place.slice('sqlite:'.length) : undefined;
}
