import { LockfastError } from '@lockfast/core/errors';

/** `127.0.0.1:9469`, `[::1]:9469`, `localhost:9469`; `:9469` and `9469` are of this machine alone. @throws LockfastError `usage` */
export function listenAddress(text: string): { readonly host: string; readonly port: number } {
  const [, ipv6, name, port] = /^(?:\[([0-9A-Fa-f:.]+)\]:|([A-Za-z0-9.-]*):)?([0-9]{1,5})$/.exec(text) ?? [];
  if (port === undefined || Number(port) > 65_535) throw new LockfastError('usage', '--listen takes HOST:PORT', 'for example 127.0.0.1:9469, or :9469 for the same');
  return { host: ipv6 ?? (name === undefined || name === '' ? '127.0.0.1' : name), port: Number(port) };
}
