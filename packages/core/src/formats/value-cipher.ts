import { LockfastError } from '../errors.ts';
import type { Secret } from '../keyring/secret.ts';
import { type Clock, systemClock } from '../ports.ts';
import { refuseTooOld } from './age.ts';
import { AdditionalData, type Context } from './context.ts';
import type { DataKey, DataKeys } from './data-keys.ts';
import { type Derivation, expand, extract, HKDF, NO_SALT } from './derivation.ts';
import { type Derived, isCommittedTo, newBody, openBody, readingPrefix, sealBody } from './derived-key.ts';
import type { KeyId } from './key-id.ts';
import { lengthPrefixed } from './length-prefix.ts';
import { type Encrypted, header, isEncrypted, type ParsedValue, parseValue, printBinary, printText } from './lfv1.ts';
import { Nonces } from './nonces.ts';
import { asText, type Opened, pack, unpack } from './plaintext.ts';
import { OpeningRuns, SealingRuns } from './value-runs.ts';
import { PREFIX_BYTES, XaesKey } from './xaes.ts';

export interface ValueScope {
  /** What the values are for, `env` or `column`; part of the key derivation and of every context. */
  readonly purpose: string;
  /** 32 bytes: an env file's or a tenant's own. Without it, zeros. */
  readonly salt?: Uint8Array;
  readonly derivation?: Derivation;
  /** A tenant's own 32 bytes, which take part beside the salt. */
  readonly tenantSecret?: Secret | undefined;
  readonly clock?: Clock;
}

/** A value to be encrypted with the time that it has. */
export interface Sealable {
  readonly value: string | Uint8Array;
  /** Milliseconds since the Unix epoch; undefined: it carries none. */
  readonly created: number | undefined;
  readonly context: Context;
}

export interface DecryptLimits {
  /** Milliseconds; an older value, or one without a time, is refused with `too-old`. */
  readonly maxAge?: number;
}

/**
 * Encrypts and decrypts `lfv1` values of one purpose. `docs/formats/lfv1.md` specifies them.
 * Every method needs the value's {@link Context}; none takes a nonce.
 */
export class ValueCipher {
  readonly #keys: DataKeys;
  readonly #purpose: string;
  readonly #salt: Uint8Array;
  readonly #derivation: Derivation;
  readonly #tenantSecret: Secret | undefined;
  readonly #clock: Clock;
  readonly #derived = new Map<KeyId, Derived>();

  constructor(keys: DataKeys, { purpose, salt = NO_SALT, derivation = HKDF, tenantSecret, clock = systemClock }: ValueScope) {
    if (typeof purpose !== 'string' || purpose === '' || !purpose.isWellFormed()) {
      throw new LockfastError('invalid-context', 'the purpose is empty or not text', "name what the values are for, for example 'column'");
    }
    if (salt.length !== 32) throw new LockfastError('invalid-context', 'the salt does not have 32 bytes', 'use the salt that was made for it');
    this.#keys = keys;
    this.#purpose = purpose;
    this.#salt = Buffer.from(salt);
    this.#derivation = derivation;
    this.#tenantSecret = tenantSecret;
    this.#clock = clock;
  }

  /**
   * The text form of `value`, encrypted under the active key and bound to `context`. `null` stays `null`.
   *
   * @throws LockfastError `already-encrypted`, `invalid-text`, `too-large`, `invalid-context`, `missing-key`
   */
  encrypt(value: string | Uint8Array, context: Context): string;
  encrypt(value: string | Uint8Array | null, context: Context): string | null;
  encrypt(value: string | Uint8Array | null, context: Context): string | null {
    if (value === null) return null;
    const derived = this.#active();
    return printText(derived.keyId, this.#seal(derived, fresh(value, this.#clock.now()), context));
  }

  /** As {@link encrypt}, in the binary form, a quarter smaller. */
  encryptBinary(value: string | Uint8Array, context: Context): Buffer;
  encryptBinary(value: string | Uint8Array | null, context: Context): Buffer | null;
  encryptBinary(value: string | Uint8Array | null, context: Context): Buffer | null {
    if (value === null) return null;
    const derived = this.#active();
    return printBinary(derived.keyId, this.#seal(derived, fresh(value, this.#clock.now()), context));
  }

  /**
   * Many values at once, a tenth faster each. `contexts` has one context a value. All or nothing: whatever one value
   * throws, nothing is returned.
   */
  encryptBatch<T extends string | Uint8Array | null>(values: readonly T[], contexts: readonly Context[]): (null extends T ? string | null : string)[] {
    sameLength(values, contexts);
    const derived = this.#active();
    const now = this.#clock.now();
    const texts: (string | null)[] = values.map(() => null);
    const runs = new SealingRuns(derived, (body, index) => {
      texts[index] = printText(derived.keyId, body);
    });
    values.forEach((value, index) => {
      if (value !== null) runs.add(fresh(value, now), contexts[index]!, index);
    });
    runs.end();
    return texts as (null extends T ? string | null : string)[];
  }

  /**
   * Values with a time of their own, as a conversion or rotation keeps it, under the active key and as fast as
   * {@link encryptBatch}. All or nothing.
   *
   * @throws LockfastError as {@link encrypt}; `parameters-out-of-range` for a time that the format can't hold
   */
  sealBatch(items: readonly Sealable[], form: 'text'): string[];
  sealBatch(items: readonly Sealable[], form: 'binary'): Buffer[];
  sealBatch(items: readonly Sealable[], form: 'text' | 'binary'): (string | Buffer)[];
  sealBatch(items: readonly Sealable[], form: 'text' | 'binary'): (string | Buffer)[] {
    const derived = this.#active();
    const print = form === 'text' ? printText : printBinary;
    const sealed: (string | Buffer)[] = items.map(() => '');
    const runs = new SealingRuns(derived, (body, index) => {
      sealed[index] = print(derived.keyId, body);
    });
    items.forEach(({ value, created, context }, index) => runs.add(fresh(value, created), context, index));
    runs.end();
    return sealed;
  }

  /**
   * The text that was encrypted. `null` stays `null`.
   *
   * @throws LockfastError `not-encrypted`, `malformed`, `missing-key`, `key-not-usable`, `wrong-key`, `moved-or-altered`,
   *   `invalid-context`, `invalid-text` (it is bytes), `unsupported-format`, `too-old`
   */
  decrypt(value: Encrypted, context: Context, limits?: DecryptLimits): string;
  decrypt(value: Encrypted | null, context: Context, limits?: DecryptLimits): string | null;
  decrypt(value: Encrypted | null, context: Context, limits?: DecryptLimits): string | null {
    return value === null ? null : asText(this.#open(value, context, limits).value);
  }

  /** As {@link decrypt}, for a value that was bytes. */
  decryptBytes(value: Encrypted, context: Context, limits?: DecryptLimits): Buffer;
  decryptBytes(value: Encrypted | null, context: Context, limits?: DecryptLimits): Buffer | null;
  decryptBytes(value: Encrypted | null, context: Context, limits?: DecryptLimits): Buffer | null {
    return value === null ? null : this.#open(value, context, limits).value;
  }

  /** As {@link decrypt}, many values at once: faster each where they were written together. All or nothing. */
  decryptBatch<T extends Encrypted | null>(values: readonly T[], contexts: readonly Context[], limits?: DecryptLimits): (null extends T ? string | null : string)[] {
    sameLength(values, contexts);
    const now = this.#clock.now();
    const texts: (string | null)[] = values.map(() => null);
    const done = (opened: Opened, index: number): void => {
      if (limits?.maxAge !== undefined) refuseTooOld(opened.created, now, limits.maxAge);
      texts[index] = asText(opened.value);
    };
    const refused = (error: LockfastError): never => {
      throw error;
    };
    const runs = new OpeningRuns((keyId) => this.#decrypting(keyId), done, refused);
    values.forEach((value, index) => {
      if (value !== null) runs.add(value, contexts[index]!, index);
    });
    runs.end();
    return texts as (null extends T ? string | null : string)[];
  }

  /**
   * Many values at once, text and binary form mixed, as fast as {@link decryptBatch}. Each for itself: a value that does
   * not open is the error that {@link decryptBytes} would throw for it, and the others open all the same.
   *
   * @throws LockfastError `invalid-context` only where the numbers of values and contexts differ
   */
  openBatch(values: readonly Encrypted[], contexts: readonly Context[]): (Opened | LockfastError)[] {
    sameLength(values, contexts);
    const answers = Array.from<Opened | LockfastError>({ length: values.length });
    const answer = (one: Opened | LockfastError, index: number): void => {
      answers[index] = one;
    };
    const runs = new OpeningRuns((keyId) => this.#decrypting(keyId), answer, answer);
    values.forEach((value, index) => runs.add(value, contexts[index]!, index));
    runs.end();
    return answers;
  }

  /** Milliseconds since the value was encrypted, or undefined where it carries no time. It must decrypt: the time is inside. */
  ageOf(value: Encrypted, context: Context): number | undefined {
    const { created } = this.#open(value, context);
    return created === undefined ? undefined : this.#clock.now() - created;
  }

  /**
   * The same value under the active key, in the form it came in, its flags and time kept.
   * A value that is under the active key already is proven and returned as it is.
   */
  rewrap(value: string, context: Context): string;
  rewrap(value: Uint8Array, context: Context): Buffer;
  rewrap(value: Encrypted, context: Context): string | Buffer {
    const parsed = parseValue(value);
    const plaintext = this.#openPacked(parsed, context);
    unpack(plaintext);
    const derived = this.#active();
    const text = typeof value === 'string';
    if (derived.keyId === parsed.keyId) return text ? value : Buffer.from(value);
    const body = this.#seal(derived, plaintext, context);
    return text ? printText(derived.keyId, body) : printBinary(derived.keyId, body);
  }

  /**
   * Whether each was made with exactly the key that this cipher derives from the data key which it names: its commitment says so in
   * any context, and nothing is decrypted. So a retired key can be asked, too. False for what is not well-formed, and for a key of which nothing is left.
   */
  areMadeHere(values: readonly Encrypted[]): boolean[] {
    const derived = new Map<KeyId, Derived | undefined>();
    return values.map((value) => {
      if (!isEncrypted(value)) return false;
      const { keyId, body } = parseValue(value);
      if (!derived.has(keyId)) {
        const key = this.#keys.held(keyId);
        // Not among those that decrypt.
        derived.set(keyId, key === undefined ? undefined : this.#derivedFrom(key));
      }
      const under = derived.get(keyId);
      return under !== undefined && isCommittedTo(under, body);
    });
  }

  #seal(derived: Derived, packed: Buffer, context: Context): Buffer {
    const aad = derived.additionalData.of(context);
    const body = newBody(packed);
    const prefix = derived.nonces.draw(packed.length, body);
    sealBody(body, prefix, derived.xaes.commitment(prefix, body, PREFIX_BYTES), 0, packed, aad);
    return body;
  }

  #open(value: Encrypted, context: Context, limits?: DecryptLimits): Opened {
    const opened = unpack(this.#openPacked(parseValue(value), context));
    if (limits?.maxAge !== undefined) refuseTooOld(opened.created, this.#clock.now(), limits.maxAge);
    return opened;
  }

  /** Flags, time and value, as they were packed. */
  #openPacked({ keyId, body }: ParsedValue, context: Context): Buffer {
    const derived = this.#decrypting(keyId);
    const prefix = readingPrefix(derived, body);
    return openBody(body, derived, prefix, derived.xaes.commitment(prefix, body, PREFIX_BYTES), context);
  }

  #decrypting(keyId: KeyId): Derived {
    return this.#derived.get(keyId) ?? this.#derive(this.#keys.decrypting(keyId));
  }

  #active(): Derived {
    const key = this.#keys.active();
    return this.#derived.get(key.id) ?? this.#derive(key);
  }

  #derive(key: DataKey): Derived {
    const derived = this.#derivedFrom(key);
    this.#derived.set(key.id, derived);
    return derived;
  }

  #derivedFrom({ id, secret }: DataKey): Derived {
    const { environment } = this.#keys;
    const prk = extract(secret, this.#salt, this.#derivation, this.#tenantSecret);
    const k = expand(prk, lengthPrefixed(['lockfast/lfv1', this.#purpose, environment]));
    const xaes = new XaesKey(k);
    prk.fill(0);
    k.fill(0);
    return {
      keyId: id,
      xaes,
      nonces: new Nonces(xaes),
      additionalData: new AdditionalData(header(id), this.#purpose, environment),
      prefixes: new Map(),
      lastRead: undefined,
    };
  }
}

/** A write never skips: storing an encrypted value as if it were plaintext would hide it for ever. */
function fresh(value: string | Uint8Array, created: number | undefined): Buffer {
  if (isEncrypted(value)) {
    throw new LockfastError('already-encrypted', 'the value is an encrypted value already', 'store it as it is, or decrypt it first');
  }
  return pack(value, created);
}

function sameLength(values: readonly unknown[], contexts: readonly Context[]): void {
  if (values.length !== contexts.length) {
    throw new LockfastError('invalid-context', 'a batch has another number of contexts than of values', 'give one context for each value');
  }
}
