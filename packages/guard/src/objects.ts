import { once } from 'node:events';

import { LockfastError } from '@lockfast/core/errors';

import { askGit, gitMissing, type GitPlace, startGit } from './git.ts';

export interface GitObject {
  readonly id: string;
  readonly kind: string;
  readonly bytes: Buffer;
}

/** The kind and size of each object, in their order; those that are not there are left out. */
export function objectKinds(place: GitPlace, ids: readonly string[]): { readonly id: string; readonly kind: string; readonly size: number }[] {
  if (ids.length === 0) return [];
  const lines = askGit(place, ['cat-file', '--batch-check=%(objectname) %(objecttype) %(objectsize)', '--buffer'], `${ids.join('\n')}\n`).toString('latin1').split('\n');
  return lines.flatMap((line) => {
    const [, id, kind, size] = /^([0-9a-f]+) (commit|tree|blob|tag) ([0-9]+)$/.exec(line) ?? [];
    return id === undefined ? [] : [{ id, kind: kind!, size: Number(size) }];
  });
}

/**
 * The objects with these ids, in order, as one `git cat-file --batch` hands them out. One that is missing is left out.
 *
 * @throws LockfastError `tool-missing`, `tool-failed`
 */
export async function* readObjects(place: GitPlace, ids: readonly string[]): AsyncGenerator<GitObject> {
  if (ids.length === 0) return;
  const child = startGit(place, ['cat-file', '--batch', '--buffer']);
  const ended = Promise.withResolvers<number | null>();
  ended.promise.catch(() => {}); // awaited below, and there is no reading before
  child.once('error', (error) => ended.reject(gitMissing(error)));
  child.once('close', (status: number | null) => ended.resolve(status));
  child.stdin.on('error', () => {}); // its status says more
  child.stdin.end(`${ids.join('\n')}\n`);
  const input = new Input(child.stdout);
  try {
    for (;;) {
      const head = await input.line();
      if (head === undefined) break;
      const [id, kind, size] = head.split(' ');
      if (size === undefined) continue; // `ID missing`
      const bytes = await input.take(Number(size));
      await input.take(1);
      yield { id: id!, kind: kind!, bytes };
    }
    if ((await ended.promise) !== 0) throw new LockfastError('tool-failed', 'git cat-file failed', 'look whether the repository is whole: git fsck');
  } finally {
    child.stdout.destroy();
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, 'close').catch(() => {});
  }
}

/** Cuts a stream into lines and byte counts. */
class Input {
  readonly #chunks: AsyncIterator<Buffer>;
  #held: Buffer[] = [];
  #size = 0;

  constructor(stream: AsyncIterable<Buffer>) {
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  /** Without its newline; undefined at the end. */
  async line(): Promise<string | undefined> {
    for (;;) {
      const all = this.#joined();
      const end = all.indexOf(0x0a);
      if (end !== -1) {
        this.#held = [all.subarray(end + 1)];
        this.#size = all.length - end - 1;
        return all.toString('latin1', 0, end);
      }
      if (!(await this.#more())) return undefined;
    }
  }

  async take(size: number): Promise<Buffer> {
    while (this.#size < size) if (!(await this.#more())) throw new LockfastError('tool-failed', 'git cat-file ended early', 'look whether the repository is whole: git fsck');
    const all = this.#joined();
    this.#held = [all.subarray(size)];
    this.#size = all.length - size;
    return all.subarray(0, size);
  }

  async #more(): Promise<boolean> {
    const { value, done } = await this.#chunks.next();
    if (done === true) return false;
    this.#held.push(value);
    this.#size += value.length;
    return true;
  }

  #joined(): Buffer {
    if (this.#held.length !== 1) this.#held = [Buffer.concat(this.#held)];
    return this.#held[0]!;
  }
}
