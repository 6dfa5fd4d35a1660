/** Stands between a program and its database server, and cuts the connection where it hurts. Without TLS. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

import { type Protocol, ReplyEnd } from './reply-end.ts';

/** `before`: the server never sees the statement. `after`: it has done it, and the reply is lost. */
export type CutMoment = 'before' | 'after';

interface Cut {
  readonly moment: CutMoment;
  readonly sql: Buffer;
}

export class CuttingProxy {
  /** On 127.0.0.1. */
  readonly port: number;
  readonly #server: Server;
  readonly #protocol: Protocol;
  readonly #sockets = new Set<Socket>();
  readonly #cuts: Cut[] = [];
  #struck = 0;

  private constructor(server: Server, protocol: Protocol, port: number) {
    this.#server = server;
    this.#protocol = protocol;
    this.port = port;
  }

  /** @param port of the server, on 127.0.0.1 */
  static async before(port: number, protocol: Protocol = 'postgres'): Promise<CuttingProxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no free port');
    const proxy = new CuttingProxy(server, protocol, address.port);
    server.on('connection', (client) => proxy.#pass(client, connect(port, '127.0.0.1')));
    return proxy;
  }

  /** How many connections were cut at a statement. */
  get struck(): number {
    return this.#struck;
  }

  /** Cuts the next connection that sends this text, once. Several wait for their turn, in this order. @param sql of PostgreSQL a statement ends in NUL: `COMMIT\0` is not part of READ COMMITTED */
  cut(moment: CutMoment, sql: string): void {
    this.#cuts.push({ moment, sql: Buffer.from(sql) });
  }

  /** Cuts every connection that there is now. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cutAll();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #pass(client: Socket, upstream: Socket): void {
    const end = (): void => {
      for (const socket of [client, upstream]) {
        socket.destroy();
        this.#sockets.delete(socket);
      }
    };
    for (const socket of [client, upstream]) this.#sockets.add(socket.on('error', end).on('close', end));
    // A text may come in two pieces: what could be its first half is looked at again.
    let tail: Buffer = Buffer.alloc(0);
    let reply: ReplyEnd | undefined;
    client.on('data', (data: Buffer) => {
      const [cut] = this.#cuts;
      const seen = Buffer.concat([tail, data]);
      if (cut !== undefined && reply === undefined && seen.includes(cut.sql)) {
        this.#cuts.shift();
        if (cut.moment === 'before') {
          this.#struck += 1;
          end();
          return;
        }
        reply = new ReplyEnd(this.#protocol);
      }
      tail = cut === undefined ? Buffer.alloc(0) : seen.subarray(Math.max(0, seen.length - cut.sql.length + 1));
      upstream.write(data);
    });
    upstream.on('data', (data: Buffer) => {
      if (reply === undefined) client.write(data);
      else if (reply.reached(data)) {
        this.#struck += 1;
        end();
      }
    });
  }
}
