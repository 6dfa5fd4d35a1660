/** Stands between a job and its server, numbers the statements of all its connections, and cuts the connection at one of them. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

import { type CutMoment, type Protocol, ReplyEnd } from '@lockfast/testkit';

/** Messages that ask: of PostgreSQL a simple query, and the Parse that an extended one begins with; of MySQL COM_QUERY, COM_STMT_PREPARE and COM_STMT_EXECUTE. */
const QUESTIONS: Readonly<Record<Protocol, ReadonlySet<number>>> = { postgres: new Set([0x51, 0x50]), mysql: new Set([0x03, 0x16, 0x17]) };

export class NumberedCuts {
  /** On 127.0.0.1. */
  readonly port: number;
  readonly #server: Server;
  readonly #protocol: Protocol;
  readonly #sockets = new Set<Socket>();
  readonly #cuts: { readonly at: number; readonly moment: CutMoment }[] = [];
  /** The statements so far. */
  readonly seen: string[] = [];
  /** Those at which a connection was cut. */
  readonly struck: string[] = [];

  private constructor(server: Server, protocol: Protocol, port: number) {
    this.#server = server;
    this.#protocol = protocol;
    this.port = port;
  }

  /** @param port of the server, on 127.0.0.1 */
  static async before(port: number, protocol: Protocol): Promise<NumberedCuts> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const cuts = new NumberedCuts(server, protocol, (server.address() as { readonly port: number }).port);
    server.on('connection', (client) => cuts.#pass(client, connect(port, '127.0.0.1')));
    return cuts;
  }

  /** @param at the number of the statement, from 1, counted from now on */
  cut(at: number, moment: CutMoment): void {
    this.#cuts.push({ at: this.seen.length + at, moment });
  }

  /** Cuts that were not reached. */
  forget(): void {
    this.#cuts.length = 0;
    this.struck.length = 0;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
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
    let reply: ReplyEnd | undefined;
    const questions = this.#protocol === 'postgres' ? new PostgresMessages() : new MysqlMessages();
    client.on('data', (data: Buffer) => {
      for (const { type, body } of questions.in(data)) {
        if (!QUESTIONS[this.#protocol].has(type)) continue;
        const text = body.toString('latin1').replaceAll('\0', ' ').trim().slice(0, 60);
        this.seen.push(text);
        const cut = this.#cuts.find(({ at }) => at === this.seen.length);
        if (cut === undefined) continue;
        this.struck.push(`${cut.moment} ${text}`);
        if (cut.moment === 'before') {
          end();
          return;
        }
        reply = new ReplyEnd(this.#protocol);
      }
      upstream.write(data);
    });
    upstream.on('data', (data: Buffer) => {
      if (reply === undefined) client.write(data);
      else if (reply.reached(data)) end();
    });
  }
}

interface Message {
  readonly type: number;
  readonly body: Buffer;
}

/** One byte of type, four of length. The first message of a connection has no type. */
class PostgresMessages {
  #rest: Buffer = Buffer.alloc(0);
  #typed = false;

  in(data: Buffer): Message[] {
    this.#rest = Buffer.concat([this.#rest, data]);
    const found: Message[] = [];
    for (;;) {
      const head = this.#typed ? 1 : 0;
      if (this.#rest.length < head + 4) return found;
      const end = head + this.#rest.readUInt32BE(head);
      if (this.#rest.length < end) return found;
      if (this.#typed) found.push({ type: this.#rest[0]!, body: this.#rest.subarray(5, end) });
      this.#typed = true;
      this.#rest = this.#rest.subarray(end);
    }
  }
}

/** Three bytes of length, one of order: a command's first packet is number 0, and begins with its type. */
class MysqlMessages {
  #rest: Buffer = Buffer.alloc(0);

  in(data: Buffer): Message[] {
    this.#rest = Buffer.concat([this.#rest, data]);
    const found: Message[] = [];
    for (;;) {
      if (this.#rest.length < 5) return found;
      const end = 4 + this.#rest.readUIntLE(0, 3);
      if (this.#rest.length < end) return found;
      if (this.#rest[3] === 0) found.push({ type: this.#rest[4]!, body: this.#rest.subarray(5, end) });
      this.#rest = this.#rest.subarray(end);
    }
  }
}
