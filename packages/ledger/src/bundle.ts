/** A ledger in one file, to be verified without the machine it is from. JSON Lines; `docs/formats/ledger.md`. */
import { isUtf8 } from 'node:buffer';

import { LockfastError } from '@lockfast/core/errors';
import { canonicalJson, type Json } from '@lockfast/core/formats';

import { HASH_BYTES } from './chain.ts';
import { exactBase64 } from './exact-base64.ts';
import { type LedgerSource, storedLedger } from './ledger-source.ts';
import { isLogId } from './stores/log-id.ts';
import type { LedgerStore, StoredCheckpoint, StoredEntry } from './stores/store.ts';

const BUNDLE_FORMAT = 'lockfast-ledger-bundle/1';

/** Above any entry: a path and a reason have a few thousand bytes at most. */
const MOST_LINE_BYTES = 4 * 1024 * 1024;
const MOST_KEYS = 1024;
const MOST_CHECKPOINTS = 10_000_000;
const PAGE_ENTRIES = 500;

interface Header {
  readonly log: string;
  readonly keys: readonly Buffer[];
  readonly checkpoints: number;
  readonly entries: number;
}

/** The lines, each with its newline. Tampered entries go out as they are. @throws LockfastError as the store's methods */
export async function* exportBundle(store: LedgerStore): AsyncGenerator<string> {
  const { logId, publicKeys, checkpoints, pages } = await storedLedger(store);
  const { size } = await store.head();
  const keys = publicKeys.map((key) => key.toString('base64'));
  yield line({ format: BUNDLE_FORMAT, log: logId, keys, checkpoints: checkpoints.length, entries: size });
  for (const { size: of, origin, note } of checkpoints) yield line({ size: of, origin, note });
  for await (const page of pages) {
    for (const stored of page) {
      // Others append meanwhile.
      if (stored.seq > size) return;
      yield entryLine(stored);
    }
  }
}

/**
 * Opens a bundle. Its entries are read as the pages of the source are asked for.
 *
 * @param chunks the file, in pieces of any size
 * @param where how errors name it
 * @throws LockfastError `malformed` when it is no bundle, `unsupported-format`, `ledger-tampered` for a line that is not as
 *   one was written, here and from the pages
 */
export async function openBundle(chunks: AsyncIterable<Uint8Array>, where: string): Promise<LedgerSource> {
  const lines = new LineReader(chunks, where);
  const { log, keys, checkpoints: count, entries } = parseHeader(await lines.next(), where);
  const checkpoints: StoredCheckpoint[] = [];
  while (checkpoints.length < count) checkpoints.push(parseCheckpointLine(await lines.next(), lines));
  return { logId: log, publicKeys: keys, checkpoints, pages: pagesOf(lines, entries) };
}

async function* pagesOf(lines: LineReader, count: number): AsyncGenerator<readonly StoredEntry[]> {
  let page: StoredEntry[] = [];
  for (let read = 0; read < count; read++) {
    try {
      page.push(parseEntryLine(await lines.next(), lines));
    } catch (error) {
      // What came before it is looked at first: it may show more.
      if (page.length > 0) yield page;
      throw error;
    }
    if (page.length < PAGE_ENTRIES) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
  if ((await lines.next()) !== undefined) throw lines.bad('there are more entries than the first line says');
}

function line(value: Json): string {
  return `${canonicalJson(value)}\n`;
}

function entryLine({ seq, entry, chain, mac }: StoredEntry): string {
  const members = { seq, entry: entry.toString('base64'), chain: chain.toString('base64') };
  return line(mac === undefined ? members : { ...members, mac: mac.toString('base64') });
}

function parseHeader(text: string | undefined, where: string): Header {
  const value = text === undefined ? undefined : canonicalObject(text);
  const format = value?.['format'];
  if (typeof format !== 'string' || !format.startsWith('lockfast-ledger-bundle/')) {
    throw new LockfastError('malformed', `${where} is no ledger bundle`, 'name a file that `lockfast ledger export` wrote');
  }
  if (format !== BUNDLE_FORMAT) throw new LockfastError('unsupported-format', `${where} has a format that this Lockfast does not know`, 'upgrade Lockfast on this machine');
  const { log, keys, checkpoints, entries } = value!;
  const raw = Array.isArray(keys) && keys.length <= MOST_KEYS ? keys.map((key) => (typeof key === 'string' ? exactBase64(key) : undefined)) : undefined;
  if (Object.keys(value!).length !== 5 || !isLogId(log) || raw === undefined || !raw.every((key) => key?.length === HASH_BYTES) || !isCount(checkpoints, MOST_CHECKPOINTS) || !isCount(entries, Number.MAX_SAFE_INTEGER)) {
    throw new LockfastError('ledger-tampered', `${where}, line 1: this is not as a bundle begins`, 'export the ledger again');
  }
  return { log, keys: raw as Buffer[], checkpoints, entries };
}

function parseCheckpointLine(text: string | undefined, lines: LineReader): StoredCheckpoint {
  if (text === undefined) throw lines.bad('it ends before the last checkpoint');
  const value = canonicalObject(text);
  const { size, origin, note } = value ?? {};
  if (value === undefined || Object.keys(value).length !== 3 || !isCount(size, Number.MAX_SAFE_INTEGER) || typeof origin !== 'string' || typeof note !== 'string') throw lines.bad('this is no checkpoint');
  return { size, origin, note };
}

/** By its exact form: a million of them is a usual ledger. */
function parseEntryLine(text: string | undefined, lines: LineReader): StoredEntry {
  if (text === undefined) throw lines.bad('it ends before the last entry');
  const [, chain, entry, mac, seq] = /^\{"chain":"([A-Za-z0-9+/=]*)","entry":"([A-Za-z0-9+/=]*)"(?:,"mac":"([A-Za-z0-9+/=]*)")?,"seq":(0|[1-9][0-9]{0,15})\}$/.exec(text) ?? [];
  if (chain === undefined || entry === undefined || !Number.isSafeInteger(Number(seq))) throw lines.bad('this is no entry');
  const [chainBytes, entryBytes, macBytes] = [chain, entry, mac ?? ''].map(exactBase64);
  if (chainBytes === undefined || entryBytes === undefined || macBytes === undefined) throw lines.bad('this is no entry');
  return { seq: Number(seq), entry: entryBytes, chain: chainBytes, ...(mac === undefined ? {} : { mac: macBytes }) };
}

/** Undefined for anything but one object in canonical form. */
function canonicalObject(text: string): { readonly [name: string]: Json } | undefined {
  try {
    const value = JSON.parse(text) as Json;
    // A member that is named twice does not come back.
    return value !== null && typeof value === 'object' && !Array.isArray(value) && canonicalJson(value) === text ? (value as { readonly [name: string]: Json }) : undefined;
  } catch {
    return undefined;
  }
}

function isCount(value: Json | undefined, most: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most;
}

/** Lines of ASCII or UTF-8 out of pieces. */
class LineReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #where: string;
  /** What was read and belongs to no line yet, in order. */
  #parts: Buffer[] = [];
  #bytes = 0;
  #chunk: Buffer = Buffer.alloc(0);
  #line = 0;

  constructor(chunks: AsyncIterable<Uint8Array>, where: string) {
    this.#chunks = chunks[Symbol.asyncIterator]();
    this.#where = where;
  }

  /** Without its newline; undefined at the end. @throws LockfastError `ledger-tampered` for one too long, or without an end */
  async next(): Promise<string | undefined> {
    this.#line += 1;
    for (;;) {
      const end = this.#chunk.indexOf(0x0a);
      const part = end === -1 ? this.#chunk : this.#chunk.subarray(0, end);
      this.#bytes += part.length;
      if (this.#bytes > MOST_LINE_BYTES) throw this.bad(`it has more than ${MOST_LINE_BYTES} bytes`);
      this.#parts.push(part);
      if (end !== -1) {
        this.#chunk = this.#chunk.subarray(end + 1);
        return this.#take();
      }
      const { value, done } = await this.#chunks.next();
      if (done === true) {
        if (this.#bytes > 0) throw this.bad('it is cut short');
        return undefined;
      }
      this.#chunk = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    }
  }

  bad(what: string): LockfastError {
    return new LockfastError('ledger-tampered', `${this.#where}, line ${this.#line}: ${what}`, 'it was changed or cut after it was exported: export the ledger again, or take another copy');
  }

  #take(): string {
    const bytes = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#bytes = 0;
    if (!isUtf8(bytes)) throw this.bad('it is no text');
    return bytes.toString('utf8');
  }
}
