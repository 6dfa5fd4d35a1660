/** Stands between a job and PostgreSQL, numbers the statements of all its connections, and cuts the connection at one of them. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

import type { CutMoment } from '@lockfast/testkit';

/** Of the frontend's messages: a simple query, and the Parse that an extended one begins with. */
const QUESTIONS: ReadonlySet<number> = new Set([0x51, 0x50]);
const READY = 0x5a;

export class NumberedCuts {
  /** On 127.0.0.1. */
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #cuts: { readonly at: number; readonly moment: CutMoment }[] = [];
  /** The statements so far. */
  readonly seen: string[] = [];
  /** Those at which a connection was cut. */
  readonly struck: string[] = [];

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  /** @param port of the server, on 127.0.0.1 */
  static async before(port: number): Promise<NumberedCuts> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const cuts = new NumberedCuts(server, (server.address() as { readonly port: number }).port);
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
    let replyCut = false;
    // The first message of a connection has no type.
    const questions = new Messages(4);
    client.on('data', (data: Buffer) => {
      for (const { type, body } of questions.in(data)) {
        if (!QUESTIONS.has(type)) continue;
        const text = body.toString('latin1').replaceAll('\0', ' ').trim().slice(0, 60);
        this.seen.push(text);
        const cut = this.#cuts.find(({ at }) => at === this.seen.length);
        if (cut === undefined) continue;
        this.struck.push(`${cut.moment} ${text}`);
        if (cut.moment === 'before') {
          end();
          return;
        }
        replyCut = true;
      }
      upstream.write(data);
    });
    const replies = new Messages(0);
    upstream.on('data', (data: Buffer) => {
      const done = replies.in(data).some(({ type }) => type === READY);
      if (!replyCut) client.write(data);
      else if (done) end();
    });
  }
}

/** Messages of the protocol: one byte of type, four of length. */
class Messages {
  #rest: Buffer = Buffer.alloc(0);
  #untyped: number;

  constructor(untyped: number) {
    this.#untyped = untyped;
  }

  in(data: Buffer): { readonly type: number; readonly body: Buffer }[] {
    this.#rest = Buffer.concat([this.#rest, data]);
    const found: { readonly type: number; readonly body: Buffer }[] = [];
    for (;;) {
      const head = this.#untyped > 0 ? 0 : 1;
      if (this.#rest.length < head + 4) return found;
      const end = head + this.#rest.readUInt32BE(head);
      if (this.#rest.length < end) return found;
      if (head === 1) found.push({ type: this.#rest[0]!, body: this.#rest.subarray(5, end) });
      else this.#untyped = 0;
      this.#rest = this.#rest.subarray(end);
    }
  }
}
