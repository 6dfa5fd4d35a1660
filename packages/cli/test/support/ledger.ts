/** What the ledger of a test's project holds, read from its file. */
import { openSqliteLedger, parseEntry, type LedgerEntry } from '@lockfast/ledger';

import type { Project } from './project.ts';

const LEDGER = '.lockfast/ledger.db';

/** The setting that the project's configuration needs; it stands before all tables. */
export const LEDGER_SETTING = `ledger = "sqlite:${LEDGER}"\n`;

export async function ledgerEntries(project: Project): Promise<LedgerEntry[]> {
  const store = await openSqliteLedger(project.path(LEDGER));
  try {
    const entries: LedgerEntry[] = [];
    for (let page = await store.read(1, 10_000); page.length > 0; page = await store.read(page.at(-1)!.seq + 1, 10_000)) {
      entries.push(...page.map(({ entry }) => parseEntry(entry)));
    }
    return entries;
  } finally {
    await store.close();
  }
}
