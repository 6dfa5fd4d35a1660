import type { Configuration } from './configuration.ts';

/**
 * The variables that may hold a root key, used now or not, or the ledger's password: no other program has business with them.
 *
 * @param recorded URIs of the key sources that the key ring names
 */
export function secretVariables({ keySources, namedSources, ledgerVariable }: Configuration, recorded: readonly string[] = []): string[] {
  const ledger = ['LOCKFAST_LEDGER', ...(ledgerVariable === undefined ? [] : [ledgerVariable])];
  return [...ledger, ...[...keySources, ...namedSources, ...recorded].filter((uri) => uri.startsWith('env:')).map((uri) => uri.slice('env:'.length))];
}
