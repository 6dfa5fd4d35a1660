/** A stream of Node's that masks what flows through it. */
import { Transform, type TransformCallback } from 'node:stream';

import type { MaskedStream } from './masked-stream.ts';
import type { Masker } from './masker.ts';

/**
 * @param pauseMs how long nothing comes until what is held back is given on, for prompts that wait for an answer. Without
 *   it, that happens at the end alone.
 */
export class MaskTransform extends Transform {
  readonly #stream: MaskedStream;
  readonly #pauseMs: number | undefined;
  #pausing: NodeJS.Timeout | undefined;

  constructor(masker: Masker, pauseMs?: number) {
    super({ decodeStrings: true });
    this.#stream = masker.stream();
    this.#pauseMs = pauseMs;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    clearTimeout(this.#pausing);
    const certain = this.#stream.write(chunk);
    if (certain.length > 0) this.push(certain);
    if (this.#pauseMs !== undefined && this.#stream.held > 0) this.#pausing = setTimeout(() => this.push(this.#stream.pause()), this.#pauseMs);
    done();
  }

  override _flush(done: TransformCallback): void {
    clearTimeout(this.#pausing);
    done(null, this.#stream.end());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#pausing);
    done(error);
  }
}
