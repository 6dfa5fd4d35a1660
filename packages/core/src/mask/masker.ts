/** The secrets that are open, and what is masked because of them. */
import { innerSecrets } from './inner-secrets.ts';
import { MaskedStream, type Needles } from './masked-stream.ts';
import { Matcher } from './matcher.ts';
import { type Unmaskable, unmaskable } from './maskable.ts';
import { needlesOf } from './needle.ts';

export interface NotMasked {
  readonly name: string;
  readonly reason: Unmaskable;
}

/**
 * A net for accidents, and no wall: who can run code can print a secret so that nobody finds it. One for a process; each
 * stream that is masked gets a state of its own from it.
 */
export class Masker implements Needles {
  readonly #values = new Map<string, string>();
  readonly #names = new Set<string>();
  #matcher: Matcher | undefined;
  #count = 0;

  /** @param secrets names and values, such as an environment's */
  constructor(secrets: Iterable<readonly [name: string, value: string]> = []) {
    this.addAll(secrets);
  }

  /** From now on: what was given on already is not taken back. Values that were added before stay masked. */
  addAll(secrets: Iterable<readonly [name: string, value: string]>): void {
    for (const [name, value] of secrets) {
      this.#names.add(name);
      if (value.trim() !== '') this.#values.set(`${name}\0${value}`, value);
    }
    this.#matcher = undefined;
  }

  add(name: string, value: string): void {
    this.addAll([[name, value]]);
  }

  /** How many masks were written. */
  get count(): number {
    return this.#count;
  }

  /** The secrets that would mask too much, or nothing. Names alone. */
  get notMasked(): NotMasked[] {
    return [...this.#values].flatMap(([key, value]) => {
      const reason = unmaskable(value, this.#names);
      return reason === undefined ? [] : [{ name: key.slice(0, key.indexOf('\0')), reason }];
    });
  }

  /** Made when it is needed. */
  get matcher(): Matcher {
    this.#matcher ??= new Matcher([...this.#maskable()].flatMap(needlesOf));
    return this.#matcher;
  }

  masked(): void {
    this.#count++;
  }

  stream(): MaskedStream {
    return new MaskedStream(this);
  }

  /** A text that is complete. */
  text(text: string): string {
    const bytes = Buffer.from(text, 'utf8');
    const masked = this.bytes(bytes);
    // A text with half a character in it would not come back as it was.
    return masked === bytes ? text : Buffer.from(masked).toString('utf8');
  }

  /** Bytes that are complete. @returns `bytes` itself where nothing is masked */
  bytes(bytes: Uint8Array): Uint8Array {
    const before = this.#count;
    const stream = this.stream();
    const answers = [stream.write(bytes), stream.endWhole()];
    return this.#count === before ? bytes : Buffer.concat(answers);
  }

  /** Each once: old and new values, and what many variables share. */
  #maskable(): Set<string> {
    const found = new Set<string>();
    for (const value of this.#values.values()) {
      for (const secret of [value, ...innerSecrets(value)]) if (unmaskable(secret, this.#names) === undefined) found.add(secret.trim());
    }
    return found;
  }
}
