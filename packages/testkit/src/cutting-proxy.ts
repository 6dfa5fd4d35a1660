/** Stands between a program and its database server, and cuts the connection where it hurts. Without TLS. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** `before`: the server never sees the statement. `after`: it has done it, and the reply is lost. */
export type CutMoment = 'before' | 'after';

/** What the server speaks. */
export type Protocol = 'postgres' | 'mysql';

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
    let reply: PostgresReply | MysqlReply | undefined;
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
        reply = this.#protocol === 'postgres' ? new PostgresReply() : new MysqlReply();
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

/** Follows the server's messages (one byte of type, four of length) up to "Z": ready for the next question, so this one is done. */
class PostgresReply {
  #rest: Buffer = Buffer.alloc(0);

  reached(data: Buffer): boolean {
    this.#rest = Buffer.concat([this.#rest, data]);
    while (this.#rest.length >= 5) {
      if (this.#rest[0] === 0x5a) return true;
      const length = 1 + this.#rest.readUInt32BE(1);
      if (this.#rest.length < length) return false;
      this.#rest = this.#rest.subarray(length);
    }
    return false;
  }
}

/**
 * Follows the server's packets (three bytes of length, one of order) up to the end of one answer: OK or ERR, or the second EOF of a
 * result. Rows don't begin with 0xfe in a packet as short as an EOF is.
 */
class MysqlReply {
  #rest: Buffer = Buffer.alloc(0);
  #packets = 0;
  #ends = 0;

  reached(data: Buffer): boolean {
    this.#rest = Buffer.concat([this.#rest, data]);
    while (this.#rest.length >= 5) {
      const length = this.#rest.readUIntLE(0, 3);
      if (this.#rest.length < 4 + length) return false;
      const first = this.#rest[4]!;
      this.#packets += 1;
      if (first === 0xff || (first === 0x00 && this.#packets === 1)) return true;
      if (first === 0xfe && length < 9 && (this.#ends += 1) === 2) return true;
      this.#rest = this.#rest.subarray(4 + length);
    }
    return false;
  }
}
