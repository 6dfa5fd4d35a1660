/** The witness over HTTP. TLS and who may reach it are the business of what stands before it; what it signs is proven. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { ensureDirectory, withFileLock } from '@lockfast/core/files';
import type { Clock } from '@lockfast/core/ports';

import type { Origins } from './origins.ts';
import type { WitnessKey } from './witness-key.ts';
import { type Answer, WitnessedLogs } from './witnessed-logs.ts';

/** At most 63 lines of proof, and a note. */
const MOST_REQUEST_BYTES = 32 * 1024;
const MOST_HEADER_BYTES = 8 * 1024;

/** A whole request takes milliseconds. Who sends it byte by byte gets no more of us than this. */
const REQUEST_MS = 5_000;
const IDLE_MS = 5_000;
const MOST_CONNECTIONS = 128;

const PATH = '/add-checkpoint';

interface Listening {
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
}

export interface WitnessServer {
  /** Where it listens. */
  readonly url: string;
  /** Resolves when it has stopped. */
  readonly stopped: Promise<void>;
  stop(): void;
}

/**
 * Serves until it is stopped. One process at a time works on a state directory.
 *
 * @param state the directory of what it remembers; made when it is missing
 * @param report gets each failure of ours; it holds no word of a request
 * @throws LockfastError `busy` when another one serves from that state; `usage` when the address can't be listened on;
 *   `witness-failed` when the state is damaged
 */
export async function startWitnessServer(listen: Listening, key: WitnessKey, origins: Origins, state: string, clock: Clock, report: (error: unknown) => void): Promise<WitnessServer> {
  ensureDirectory(state);
  const { promise: started, resolve: ready, reject: fail } = Promise.withResolvers<WitnessServer>();
  const { promise: stopped, resolve: end } = Promise.withResolvers<void>();
  const serve = async (): Promise<void> => {
    const logs = new WitnessedLogs(origins, key, state, clock);
    const server = httpServer(logs, report);
    const url = await listening(server, listen);
    const closed = new Promise((resolve) => server.on('close', resolve));
    ready({ url, stopped, stop: () => server.close().closeIdleConnections() });
    await closed;
  };
  // Held for as long as it serves, and given back by the kernel however it ends.
  void withFileLock(state, join(state, 'serving'), serve).catch(fail).finally(end);
  return started;
}

function httpServer(logs: WitnessedLogs, report: (error: unknown) => void): Server {
  const limits = { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS, connectionsCheckingInterval: 500, keepAliveTimeout: IDLE_MS, maxHeaderSize: MOST_HEADER_BYTES };
  const server = createServer(limits, (request, response) => {
    answer(request, logs)
      .catch((error: unknown): Answer => {
        report(error);
        return { status: 500, body: 'the witness failed; nothing was signed\n' };
      })
      .then((result) => send(response, result), report);
  });
  server.maxConnections = MOST_CONNECTIONS;
  // The body may come as slowly as the headers: a socket that takes longer in silence is closed, too.
  server.setTimeout(2 * REQUEST_MS, (socket) => socket.destroy());
  return server;
}

async function answer(request: IncomingMessage, logs: WitnessedLogs): Promise<Answer> {
  if (request.url !== PATH) return { status: 404, body: 'there is only /add-checkpoint\n' };
  if (request.method !== 'POST') return { status: 405, body: 'use POST\n' };
  const body = await bodyOf(request);
  return body === undefined ? { status: 413, body: 'the request is too large\n' } : logs.add(body);
}

/** @returns undefined when it is too large; the rest of it is not read */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > MOST_REQUEST_BYTES) return undefined;
  const chunks: Buffer[] = [];
  let bytes = 0;
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MOST_REQUEST_BYTES) resolve(undefined);
    else chunks.push(chunk);
  });
  request.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
  // It went away; nobody is there for an answer.
  request.on('close', () => resolve(undefined));
  return promise;
}

function send(response: ServerResponse, { status, body, isSize }: Answer): void {
  const type = isSize === true ? 'text/x.tlog.size' : 'text/plain; charset=utf-8';
  // What is left of a body that is too large is not read: the connection can't go on.
  const over = status === 413 ? { connection: 'close' } : {};
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body), ...(status === 405 ? { allow: 'POST' } : {}), ...over });
  response.end(body, () => {
    if (status === 413) response.socket?.destroySoon();
  });
}

async function listening(server: Server, { host, port }: Listening): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen({ host, port, backlog: MOST_CONNECTIONS }, resolve);
  try {
    await promise;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    throw new LockfastError('usage', `the witness can not listen on that address and port${/^E[A-Z]+$/.test(code) ? ` (${code})` : ''}`, 'choose an address of this machine and a free port above 1023', error);
  }
  const { address, port: chosen, family } = server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${chosen}`;
}
