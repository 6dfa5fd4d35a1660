import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { missingForPostgres } from '@lockfast/testkit';

const CONNECTION = fileURLToPath(new URL('../../../ledger/src/stores/postgres-connection.ts', import.meta.url));

/**
 * Why the command can't be tried on PostgreSQL, as a clause for the title of a skipped test. While an idle connection
 * keeps the process alive, no command with such a ledger ends by itself: this goes when the connection is let go.
 */
export function missingForPostgresCommand(): string | undefined {
  return missingForPostgres() ?? (readFileSync(CONNECTION, 'utf8').includes('unref') ? undefined : 'needs a connection that lets the process end');
}
