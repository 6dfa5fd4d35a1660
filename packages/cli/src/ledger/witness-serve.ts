import { hostname } from 'node:os';
import { resolve } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { readRegularFile } from '@lockfast/core/files';
import { systemClock } from '@lockfast/core/ports';
import { openWitnessKey, parseOrigins, startWitnessServer, witnessVerifierKey } from '@lockfast/ledger/witnesses';

import type { Arguments } from '../arguments.ts';
import type { Session } from '../session.ts';
import { stateDirectory } from '../workspace.ts';

/** Needs neither project nor key ring: a witness is of use because it is elsewhere. */
export async function run(args: Arguments, session: Session): Promise<number> {
  const { terminal, directory } = session;
  const [listen, keyFile, originsFile, state] = ['listen', 'key', 'origins', 'state'].map((name) => {
    const value = args.text(name);
    if (value === undefined || value === '') throw new LockfastError('usage', `ledger witness serve: --${name} is missing`, 'it needs --listen, --key, --origins and --state');
    return value;
  }) as [string, string, string, string];
  const address = listenAddress(listen);
  const originsPath = resolve(directory, originsFile);
  const origins = parseOrigins(readRegularFile(originsPath, 'follow', 2 ** 20).bytes.toString('utf8'), originsPath);
  const key = await openWitnessKey(resolve(directory, keyFile), args.text('name') ?? hostname(), stateDirectory(session));
  const report = (error: unknown): void => terminal.note(error instanceof LockfastError ? `${error.message}: ${error.hint}` : `a request failed: ${error instanceof Error ? error.constructor.name : 'unknown'}`);
  const server = await startWitnessServer(address, key, origins, resolve(directory, state), systemClock, report);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => server.stop());
  if (key.made) terminal.note(`made the key ${resolve(directory, keyFile)}: it is the witness, keep it and its state together`);
  terminal.line(`key: ${witnessVerifierKey(key)}`);
  terminal.line(`listening on ${server.url} for ${origins.size} origin${origins.size === 1 ? '' : 's'}`);
  await server.stopped;
  return 0;
}

/** `127.0.0.1:7380`, `[::1]:7380`, `localhost:7380`. @throws LockfastError `usage` */
function listenAddress(text: string): { host: string; port: number } {
  const [, ipv6, name, port] = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})$/.exec(text) ?? [];
  const host = ipv6 ?? name;
  if (host === undefined || Number(port) > 65_535) throw new LockfastError('usage', 'ledger witness serve: --listen takes ADDR:PORT', 'for example 127.0.0.1:7380 or [::1]:7380');
  return { host, port: Number(port) };
}
