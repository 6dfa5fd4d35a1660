import type { Configuration } from './configuration.ts';

/**
 * The variables that may hold a root key, used now or not, the ledger's password, or what alerts are sent with: no other program has business with
 * them, the one of `run` included.
 *
 * @param recorded URIs of the key sources that the key ring names
 */
export function ownVariables({ keySources, namedSources, ledgerVariable, alerts }: Configuration, recorded: readonly string[] = []): string[] {
  const ledger = ['LOCKFAST_LEDGER', ...(ledgerVariable === undefined ? [] : [ledgerVariable])];
  const channels = alerts.channels.flatMap(({ webhook = '', slack = '', secret = '', password = '' }) => [webhook, slack, secret, password]);
  return [...ledger, ...namedIn([...keySources, ...namedSources, ...channels, ...recorded])];
}

/**
 * Those, and the ones with a database's password or a Fernet key: they are the application's, too, so `run` hands them on.
 * A program that has nothing to do with the application gets none of them.
 */
export function secretVariables(configuration: Configuration, recorded: readonly string[] = []): string[] {
  const { databases, columns } = configuration;
  const urls = Object.values(databases).map(({ url }) => url);
  return [...ownVariables(configuration, recorded), ...namedIn([...urls, ...columns.flatMap((column) => column['fernet-keys'] ?? [])])];
}

function namedIn(uris: readonly string[]): string[] {
  return uris.filter((uri) => uri.startsWith('env:')).map((uri) => uri.slice('env:'.length));
}
