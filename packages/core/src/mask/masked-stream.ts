/** Masks one stream of bytes, piece by piece. Two streams need two of them: what one ends with the other does not go on with. */
import { HeldBytes } from './held-bytes.ts';
import type { Matcher, MatchListener } from './matcher.ts';

/** What stands for a secret, however long it is. It is shorter than any needle: masked once more, it stays. */
export const MASK = '***';
const MASK_BYTES = Buffer.from(MASK, 'latin1');

/** Of a secret that is not complete: fewer bytes are given on when the stream pauses or ends. */
const LEAST_CUT_BYTES = 6;
/** More than any secret that is masked as a whole word, and the byte before it. */
const REMEMBERED = 8;

export interface Needles {
  /** Another one when secrets were added. */
  readonly matcher: Matcher;
  /** Counts a mask. */
  masked(): void;
}

/**
 * What comes out is the same however the input is cut. Held back is the longest end of it that may still become a secret;
 * and a short one, which is masked only as a word, until the byte after it is known.
 */
export class MaskedStream {
  readonly #needles: Needles;
  #matcher: Matcher;
  #state = 0;
  /** How many bytes came, and how many of them are answered. */
  #position = 0;
  #answered = 0;
  readonly #held = new HeldBytes();
  /** Not answered yet: in order, apart from each other. From the first to behind the last byte. */
  readonly #found: [from: number, to: number][] = [];
  /** A word that ends where the input does. */
  #word: [from: number, to: number] | undefined;
  /** What was answered last is a mask. */
  #inMask = false;
  /** The last bytes that came before this piece. */
  #before: Uint8Array = new Uint8Array(0);

  constructor(needles: Needles) {
    this.#needles = needles;
    this.#matcher = needles.matcher;
  }

  /** How many bytes are held back. */
  get held(): number {
    return this.#held.length;
  }

  /** @returns what is certain now, often the piece itself; `piece` may be written over afterwards, and is then no more what was returned */
  write(piece: Uint8Array): Uint8Array {
    if (piece.length === 0) return piece;
    this.#take(this.#needles.matcher);
    const untouched = this.#held.length === 0;
    this.#held.push(piece);
    this.#scan(piece, this.#position);
    this.#position += piece.length;
    this.#remember(piece);
    const certain = this.#position - this.#matcher.heldIn(this.#state);
    const upTo = Math.min(certain, this.#word?.[0] ?? certain);
    if (untouched && upTo === this.#position && this.#found.length === 0) {
      this.#held.take(piece.length);
      this.#answered = upTo;
      this.#inMask = false;
      return piece;
    }
    const answer = this.#answer(upTo);
    this.#held.ownLast();
    return answer;
  }

  /**
   * Nothing came for a while: a prompt may wait for an answer. What is held back is given on, or masked where it is more
   * than a few bytes of a secret. If the secret goes on after all, the rest of it is masked.
   */
  pause(): Uint8Array {
    return this.#finish(LEAST_CUT_BYTES);
  }

  /** The input has ended, perhaps in the middle of a secret. */
  end(): Uint8Array {
    return this.#finish(LEAST_CUT_BYTES);
  }

  /** The input has ended, and was not cut: what only begins like a secret is none. */
  endWhole(): Uint8Array {
    return this.#finish(Infinity);
  }

  #finish(leastCut: number): Uint8Array {
    if (this.#held.length >= leastCut) this.#add(this.#answered, this.#position);
    else if (this.#word !== undefined) this.#add(...this.#word);
    this.#word = undefined;
    return this.#answer(this.#position);
  }

  /** Secrets may be added while the stream flows: what is held back is looked through again. */
  #take(matcher: Matcher): void {
    if (matcher === this.#matcher) return;
    this.#matcher = matcher;
    this.#state = 0;
    this.#word = undefined;
    if (this.#held.length > 0) this.#scan(this.#held.copied(), this.#answered);
  }

  /** @param start where in the input `text` begins */
  #scan(text: Uint8Array, start: number): void {
    const byteAt = (at: number): number | undefined => (at >= start ? text[at - start] : this.#before[at - this.#position + this.#before.length]);
    if (this.#word !== undefined) {
      if (!isOfWord(text[0])) this.#add(...this.#word);
      this.#word = undefined;
    }
    const listener: MatchListener = {
      found: (end, length) => this.#add(start + end - length, start + end),
      foundWhole: (end, length) => {
        const to = start + end;
        if (isOfWord(byteAt(to - length - 1))) return;
        if (end === text.length) this.#word ??= [to - length, to];
        else if (!isOfWord(text[end])) this.#add(to - length, to);
      },
    };
    this.#state = this.#matcher.scan(text, this.#state, listener);
  }

  /** What begins before the last ones takes them in; what touches the last one is one with it. */
  #add(from: number, to: number): void {
    let start = from;
    for (let last = this.#found.at(-1); last !== undefined && last[1] >= start; last = this.#found.at(-1)) {
      start = Math.min(start, last[0]);
      this.#found.pop();
    }
    this.#found.push([start, to]);
  }

  #answer(upTo: number): Uint8Array {
    const parts: Uint8Array[] = [];
    let done = 0;
    for (const [from, to] of this.#found) {
      if (from >= upTo) break;
      this.#copy(from, parts);
      this.#cover(Math.min(to, upTo), parts);
      if (to > upTo) break;
      done++;
    }
    this.#found.splice(0, done);
    this.#copy(upTo, parts);
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  #copy(upTo: number, parts: Uint8Array[]): void {
    if (upTo <= this.#answered) return;
    parts.push(...this.#held.take(upTo - this.#answered));
    this.#answered = upTo;
    this.#inMask = false;
  }

  #cover(upTo: number, parts: Uint8Array[]): void {
    if (upTo <= this.#answered) return;
    this.#held.take(upTo - this.#answered);
    this.#answered = upTo;
    if (this.#inMask) return;
    parts.push(MASK_BYTES);
    this.#inMask = true;
    this.#needles.masked();
  }

  #remember(piece: Uint8Array): void {
    this.#before = piece.length >= REMEMBERED ? Uint8Array.prototype.slice.call(piece, -REMEMBERED) : Buffer.concat([this.#before, piece]).subarray(-REMEMBERED);
  }
}

/** Also a byte of a letter beyond ASCII. */
function isOfWord(byte: number | undefined): boolean {
  return byte !== undefined && (byte >= 0x80 || (byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 90) || byte === 95 || (byte >= 97 && byte <= 122));
}
