/**
 * Many values at once. The commitments of values under one key and nonce prefix come from one call of the cipher, which
 * is what makes a batch faster than its values one by one.
 */
import { LockfastError } from '../errors.ts';
import type { Context } from './context.ts';
import { type Derived, newBody, openBody, readingPrefix, sealBody } from './derived-key.ts';
import type { KeyId } from './key-id.ts';
import { type Encrypted, parseValue } from './lfv1.ts';
import { type Opened, unpack } from './plaintext.ts';
import { COMMITMENT_BYTES, type NoncePrefix, PREFIX_BYTES } from './xaes.ts';

/** Values whose commitments come from one call. More at once would only take more memory. */
const RUN_VALUES = 64;

/** One value of a batch, with its place in it. */
interface Member {
  readonly body: Buffer;
  readonly context: Context;
  readonly index: number;
}

/** Cuts values into runs of one key and nonce prefix. */
class Runs<T extends Member> {
  readonly #finish: (members: readonly T[], derived: Derived, prefix: NoncePrefix, commitments: Buffer) => void;
  #derived: Derived | undefined;
  #prefix: NoncePrefix | undefined;
  #members: T[] = [];

  /** @param finish gets each run, with the commitments of its members, 32 bytes each */
  constructor(finish: (members: readonly T[], derived: Derived, prefix: NoncePrefix, commitments: Buffer) => void) {
    this.#finish = finish;
  }

  add(member: T, derived: Derived, prefix: NoncePrefix): void {
    // A prefix belongs to one key.
    if (this.#prefix !== prefix || this.#members.length === RUN_VALUES) {
      this.end();
      this.#derived = derived;
      this.#prefix = prefix;
    }
    this.#members.push(member);
  }

  /** Finishes the run that is open: after the last value. */
  end(): void {
    const members = this.#members;
    if (members.length === 0) return;
    this.#members = [];
    const derived = this.#derived!;
    const prefix = this.#prefix!;
    this.#finish(members, derived, prefix, derived.xaes.commitments(prefix, members.map(({ body }) => body), PREFIX_BYTES));
  }
}

/** Encrypts many values under one key. All or nothing is the caller's: what is thrown leaves some of them done. */
export class SealingRuns {
  readonly #derived: Derived;
  readonly #runs: Runs<Member & { readonly packed: Buffer }>;

  /** @param done gets the body of each value, with its index */
  constructor(derived: Derived, done: (body: Buffer, index: number) => void) {
    this.#derived = derived;
    this.#runs = new Runs((members, { additionalData }, prefix, commitments) => {
      members.forEach(({ body, packed, context, index }, i) => {
        sealBody(body, prefix, commitments, COMMITMENT_BYTES * i, packed, additionalData.of(context));
        done(body, index);
      });
    });
  }

  /** @param packed is erased once it is encrypted */
  add(packed: Buffer, context: Context, index: number): void {
    const body = newBody(packed);
    const prefix = this.#derived.nonces.draw(packed.length, body);
    this.#runs.add({ body, packed, context, index }, this.#derived, prefix);
  }

  end(): void {
    this.#runs.end();
  }
}

/** Decrypts many values, each for itself. */
export class OpeningRuns {
  readonly #derivedOf: (keyId: KeyId) => Derived;
  readonly #refused: (error: LockfastError, index: number) => void;
  readonly #runs: Runs<Member>;

  /**
   * @param derivedOf the key of an id; it may throw a LockfastError
   * @param done gets each value that opens
   * @param refused gets the reason for each one that does not. It may throw, which ends the batch
   */
  constructor(derivedOf: (keyId: KeyId) => Derived, done: (opened: Opened, index: number) => void, refused: (error: LockfastError, index: number) => void) {
    this.#derivedOf = derivedOf;
    this.#refused = refused;
    this.#runs = new Runs((members, derived, prefix, commitments) => {
      members.forEach(({ body, context, index }, i) => {
        const commitment = commitments.subarray(COMMITMENT_BYTES * i, COMMITMENT_BYTES * (i + 1));
        const opened = this.#orRefuse(index, () => unpack(openBody(body, derived, prefix, commitment, context)));
        if (opened !== undefined) done(opened, index);
      });
    });
  }

  add(value: Encrypted, context: Context, index: number): void {
    const found = this.#orRefuse(index, () => {
      const { keyId, body } = parseValue(value);
      return { body, derived: this.#derivedOf(keyId) };
    });
    if (found === undefined) return;
    const { body, derived } = found;
    this.#runs.add({ body, context, index }, derived, readingPrefix(derived, body));
  }

  end(): void {
    this.#runs.end();
  }

  #orRefuse<T>(index: number, action: () => T): T | undefined {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof LockfastError)) throw error;
      this.#refused(error, index);
      return undefined;
    }
  }
}
