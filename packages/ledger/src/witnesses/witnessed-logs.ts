/** What a witness remembers of each log, and the rules by which it goes on. C2SP tlog-witness, `add-checkpoint`. */
import { join } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { readRegularFile, writeDurably } from '@lockfast/core/files';
import type { Clock } from '@lockfast/core/ports';
import { Turns } from '@lockfast/core/turns';

import type { Checkpoint } from '../checkpoint-text.ts';
import { parseCheckpoint } from '../checkpoint.ts';
import { verifyConsistency } from '../merkle-tree.ts';
import { cosign, verifyNote } from '../signed-note.ts';
import { checkpointFile, heldCheckpoint, MOST_NOTE_BYTES } from './checkpoint-file.ts';
import type { Origins } from './origins.ts';
import type { WitnessKey } from './witness-key.ts';

const STATE_MODE = 0o600;
const MOST_PROOF_LINES = 63;

/** The answer to a request: its status, and what its body is. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  /** The body is a size. */
  readonly isSize?: boolean;
}

interface AddCheckpoint {
  readonly oldSize: number;
  readonly proof: readonly Buffer[];
  readonly note: string;
}

export class WitnessedLogs {
  readonly #origins: Origins;
  readonly #key: WitnessKey;
  readonly #state: string;
  readonly #clock: Clock;
  /** Of the requests of each origin. */
  readonly #turns = new Map<string, Turns>();

  /**
   * @param state the directory with one file for each origin: the newest checkpoint that was cosigned
   * @throws LockfastError `witness-failed` when one of them is damaged: served without it, the witness could go back
   */
  constructor(origins: Origins, key: WitnessKey, state: string, clock: Clock) {
    this.#origins = origins;
    this.#key = key;
    this.#state = state;
    this.#clock = clock;
    for (const origin of origins.keys()) this.#held(origin);
  }

  /** @throws LockfastError when the state can't be read or written; then nothing was cosigned */
  async add(body: string): Promise<Answer> {
    const request = parseRequest(body);
    const checkpoint = request === undefined ? undefined : checkpointOf(request.note);
    if (request === undefined || checkpoint === undefined) return { status: 400, body: 'this is no add-checkpoint request\n' };
    const keys = this.#origins.get(checkpoint.origin);
    if (keys === undefined) return { status: 404, body: 'unknown origin\n' };
    if (!isSigned(request.note, keys)) return { status: 403, body: 'not signed by a key of this origin\n' };
    if (request.oldSize > checkpoint.size) return { status: 400, body: 'the old size is above the new one\n' };
    return this.#turnsOf(checkpoint.origin).take(() => this.#advance(request, checkpoint));
  }

  /** Nothing in it waits: checking and writing are one step. */
  #advance({ oldSize, proof, note }: AddCheckpoint, checkpoint: Checkpoint): Answer {
    const held = this.#held(checkpoint.origin);
    const size = held?.size ?? 0;
    if (oldSize !== size) return conflict(size);
    if (oldSize === checkpoint.size && held !== undefined && !Buffer.from(held.root).equals(checkpoint.root)) return conflict(size);
    if (!isProven(oldSize, proof, held, checkpoint)) return { status: 422, body: 'the consistency proof does not hold\n' };
    // On the disk before it is signed: after a crash in between, the witness knows more than it told, never less.
    const path = this.#file(checkpoint.origin);
    writeDurably({ path, bytes: Buffer.from(note, 'utf8'), mode: STATE_MODE, expected: 'anything' });
    return { status: 200, body: cosign(note, this.#key.name, this.#key.privateKey, Math.floor(this.#clock.now() / 1000)) };
  }

  #turnsOf(origin: string): Turns {
    const turns = this.#turns.get(origin) ?? new Turns();
    this.#turns.set(origin, turns);
    return turns;
  }

  #held(origin: string): Checkpoint | undefined {
    const path = this.#file(origin);
    let note: string;
    try {
      note = readRegularFile(path, 'refuse', MOST_NOTE_BYTES).bytes.toString('utf8');
    } catch (error) {
      if (error instanceof LockfastError && error.code === 'not-found') return undefined;
      throw error;
    }
    return heldCheckpoint(note, path);
  }

  #file(origin: string): string {
    return join(this.#state, checkpointFile(origin));
  }
}

function conflict(size: number): Answer {
  return { status: 409, body: `${size}\n`, isSize: true };
}

function isProven(oldSize: number, proof: readonly Buffer[], held: Checkpoint | undefined, { size, root }: Checkpoint): boolean {
  if (held === undefined || oldSize === 0 || oldSize === size) return proof.length === 0;
  return verifyConsistency(oldSize, size, held.root, root, proof);
}

function parseRequest(body: string): AddCheckpoint | undefined {
  const end = body.indexOf('\n\n');
  if (end === -1) return undefined;
  const [first = '', ...lines] = body.slice(0, end).split('\n');
  const oldSize = /^old (0|[1-9][0-9]{0,15})$/.exec(first)?.[1];
  if (oldSize === undefined || !Number.isSafeInteger(Number(oldSize)) || lines.length > MOST_PROOF_LINES) return undefined;
  // 32 bytes in base64; the last character before `=` has two bits that must be 0.
  if (!lines.every((line) => /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(line))) return undefined;
  return { oldSize: Number(oldSize), proof: lines.map((line) => Buffer.from(line, 'base64')), note: body.slice(end + 2) };
}

function checkpointOf(note: string): Checkpoint | undefined {
  try {
    return parseCheckpoint(note);
  } catch {
    return undefined;
  }
}

function isSigned(note: string, keys: Parameters<typeof verifyNote>[1]): boolean {
  try {
    return verifyNote(note, keys).length > 0;
  } catch {
    return false;
  }
}
