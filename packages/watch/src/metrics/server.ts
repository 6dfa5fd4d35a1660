/** The metrics over HTTP: one path, GET alone, and never more than what the last round saw. */
import type { AddressInfo } from 'node:net';

import { LockfastError } from '@lockfast/core/errors';

import { PROMETHEUS_TYPE } from './prometheus.ts';

const MOST_CONNECTIONS = 32;

export interface MetricsServer {
  /** For example `http://127.0.0.1:9469/metrics`. */
  readonly url: string;
  stop(): Promise<void>;
}

/** @param text gives the metrics as they are now. @throws LockfastError `busy`, `permission-denied`, `usage` when it can't listen there */
export async function startMetricsServer({ host, port }: { readonly host: string; readonly port: number }, text: () => string): Promise<MetricsServer> {
  // Late: only a watch that listens has a use for it.
  const { createServer } = await import('node:http');
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5000, maxHeaderSize: 8192 }, (request, response) => {
    const found = request.url?.split('?')[0] === '/metrics';
    const status = !found ? 404 : request.method === 'GET' || request.method === 'HEAD' ? 200 : 405;
    response.writeHead(status, { 'content-type': status === 200 ? PROMETHEUS_TYPE : 'text/plain', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', ...(status === 405 ? { allow: 'GET, HEAD' } : {}) });
    response.end(status === 200 ? text() : `${status}\n`);
  });
  server.maxConnections = MOST_CONNECTIONS;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(port, host, resolve);
  try {
    await promise;
  } catch (error) {
    throw refused(error, host, port);
  }
  const { address, port: bound, family } = server.address() as AddressInfo;
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}/metrics`,
    stop: async () => {
      const stopped = Promise.withResolvers<void>();
      server.close(() => stopped.resolve());
      server.closeAllConnections();
      await stopped.promise;
    },
  };
}

function refused(error: unknown, host: string, port: number): LockfastError {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') return new LockfastError('busy', `${host}:${port} is in use`, 'choose another port', error);
  if (code === 'EACCES') return new LockfastError('permission-denied', `${host}:${port} may not be listened on`, 'choose a port above 1023', error);
  return new LockfastError('usage', `${host}:${port} is no address of this machine`, 'write it as 127.0.0.1:9469', error);
}
