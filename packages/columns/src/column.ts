import { type ErrorCode, LockfastError } from '@lockfast/core/errors';
import { type Context, refuseTooOld } from '@lockfast/core/formats';
import { currentRing, isLive, type KeyRing, type RingInUse } from '@lockfast/core/keyring';
import { type Clock, systemClock } from '@lockfast/core/ports';

import { type ColumnContext, contextOf } from './column-context.ts';
import { checkDefinition, type ColumnDefinition } from './column-definition.ts';
import { type ColumnEvent, isWatched, publish } from './events.ts';
import { FERNET_LOOK, FernetFormat } from './fernet-format.ts';
import { columnFernetKeys } from './fernet-keys.ts';
import { LFV1_LOOK, Lfv1Format } from './lfv1-format.ts';
import { type FormatLook, type FormatName, type OpenedValue, startOf, type Stored, type StoredFormat } from './stored-format.ts';
import { TenantFormat } from './tenant-format.ts';
import { VALUE_TYPES, type ValueType, type ValueTypeName, type ValueTypes } from './value-type.ts';

/** What is written, then what else is read. */
type Formats = readonly [StoredFormat, ...StoredFormat[]];

/** A Fernet token does not say which key it is under. */
const LACKS_KEY: ReadonlySet<ErrorCode> = new Set(['missing-key', 'invalid-token']);

/** What a text form is found to be when it is read as a binary one. */
const MISREAD: ReadonlySet<ErrorCode> = new Set(['wrong-key', 'moved-or-altered', 'malformed']);

const LOOKS: { readonly [Name in FormatName]: FormatLook } = { lfv1: LFV1_LOOK, fernet: FERNET_LOOK };

/**
 * One encrypted column: what an application, or an adapter of its ORM, encrypts and decrypts with. Make it once at the
 * start: it holds derived keys.
 *
 * `null` stays `null`, the database's NULL. Everything else is encrypted and comes back, the empty text, `0`, `false` and
 * no bytes at all, too. Every error names the column, none quotes a value.
 */
export class Column<V> {
  readonly id: string;
  readonly definition: ColumnDefinition<ValueTypeName>;
  readonly #ring: RingInUse;
  readonly #type: ValueType<V>;
  readonly #make: (ring: KeyRing) => Formats;
  #made: { readonly ring: KeyRing; readonly formats: Formats };
  /** What is not read here, and must not pass for plaintext. */
  readonly #others: readonly FormatLook[];
  readonly #all: readonly FormatLook[];
  readonly #clock: Clock;
  #plaintextReads = 0;

  /** Use {@link column}, which knows the type of the values. @throws LockfastError `usage`, `missing-key` */
  constructor(ring: RingInUse, definition: ColumnDefinition<ValueTypeName>, type: ValueType<V>, clock: Clock) {
    checkDefinition(definition);
    const { id, format = 'lfv1', storage = 'text', migrating = false, tenantKey = 'shared', tenant } = definition;
    // Without a key that encrypts, the application should not start.
    currentRing(ring).active();
    this.#ring = ring;
    this.id = id;
    // A copy: whoever changes his object later changes neither the reading mode nor the context.
    this.definition = Object.freeze({ ...definition, ...(definition.context === undefined ? {} : { context: Object.freeze([...definition.context]) }) });
    this.#type = type;
    this.#clock = clock;
    const other = format === 'lfv1' ? 'fernet' : 'lfv1';
    const made: { readonly [Name in FormatName]: (of: KeyRing) => StoredFormat } = {
      lfv1: (of) => (tenant === undefined ? new Lfv1Format(of, storage, clock) : new TenantFormat(of, storage, tenantKey, migrating, clock)),
      fernet: (of) => new FernetFormat(columnFernetKeys(of, definition.fernetKeys, isLive(ring)), storage, clock),
    };
    // No key is derived that nothing needs.
    this.#make = (of) => (migrating ? [made[format](of), made[other](of)] : [made[format](of)]);
    this.#made = { ring: currentRing(ring), formats: this.#make(currentRing(ring)) };
    this.#others = migrating ? [] : [LOOKS[other]];
    this.#all = [LOOKS[format], LOOKS[other]];
  }

  /**
   * What is written, and what else is read. The first one is asked first. They hold derived keys: a newer ring has its own,
   * so that a key which was retired opens nothing. A ring is replaced between operations alone, each runs to its end on one;
   * only {@link #open} asks for a newer one within.
   */
  get #formats(): Formats {
    const ring = currentRing(this.#ring);
    if (ring !== this.#made.ring) this.#made = { ring, formats: this.#make(ring) };
    return this.#made.formats;
  }

  /** How often plaintext was handed out, where the reading mode allows that. */
  get plaintextReads(): number {
    return this.#plaintextReads;
  }

  /**
   * What to store.
   *
   * @param context the values of the definition's context columns, of the row that it will stand in
   * @throws LockfastError `already-encrypted`, `invalid-text`, `invalid-context`, `too-large`, `missing-key`
   */
  encrypt(value: V, context?: ColumnContext): Stored;
  encrypt(value: V | null, context?: ColumnContext): Stored | null;
  encrypt(value: V | null, context?: ColumnContext): Stored | null {
    if (value === null) return null;
    return this.#told('encrypt', () => {
      const [fresh, place] = [this.#fresh(value), this.#context(context)];
      const stored = this.#seal((format) => format.seal(fresh, place));
      this.#publish('encrypt', 1, this.#formats[0], this.#formats[0].currentKey());
      return stored;
    });
  }

  /** Many values at once, faster each; `contexts` has one a value, and may be left out where the column has none. All or nothing. */
  encryptBatch(values: readonly (V | null)[], contexts?: readonly (ColumnContext | undefined)[]): (Stored | null)[] {
    return this.#told('encrypt', () => {
      this.#sameLength(values, contexts);
      const created = this.#clock.now();
      const present = values.flatMap((value, index) =>
        value === null ? [] : [inBatch(index, values.length, () => ({ index, value: this.#fresh(value), created, context: this.#context(contexts?.[index]) }))],
      );
      const sealed = this.#seal((format) => format.sealBatch(present));
      const stored: (Stored | null)[] = values.map(() => null);
      present.forEach(({ index }, i) => (stored[index] = sealed[i]!));
      this.#publish('encrypt', present.length, this.#formats[0], this.#formats[0].currentKey());
      return stored;
    });
  }

  /**
   * What was encrypted.
   *
   * @throws LockfastError `not-encrypted`, `malformed`, `missing-key`, `key-not-usable`, `wrong-key`, `moved-or-altered`,
   *   `invalid-token`, `invalid-context`, `invalid-text`, `too-old`, `unsupported-format`
   */
  decrypt(stored: Stored, context?: ColumnContext): V;
  decrypt(stored: Stored | null, context?: ColumnContext): V | null;
  decrypt(stored: Stored | null, context?: ColumnContext): V | null {
    if (stored === null) return null;
    return this.#told('decrypt', () => {
      const format = this.#formatOf(stored);
      if (format === undefined) return this.#plaintext(stored);
      const opened = this.#openOne(format, stored, context);
      this.#publish('decrypt', 1, format, opened.key);
      return this.#value(opened);
    });
  }

  /** As {@link decrypt}, many values at once: faster each where they were written together. All or nothing. */
  decryptBatch(stored: readonly (Stored | null)[], contexts?: readonly (ColumnContext | undefined)[]): (V | null)[] {
    return this.#told('decrypt', () => {
      this.#sameLength(stored, contexts);
      const values: (V | null)[] = stored.map(() => null);
      const encrypted = new Map<StoredFormat, { readonly index: number; readonly stored: Stored; readonly context: Context }[]>();
      stored.forEach((one, index) => {
        if (one === null) return;
        inBatch(index, stored.length, () => {
          const format = this.#formatOf(one);
          if (format === undefined) values[index] = this.#plaintext(one);
          else {
            const group = encrypted.get(format);
            const item = { index, stored: one, context: this.#context(contexts?.[index]) };
            if (group === undefined) encrypted.set(format, [item]);
            else group.push(item);
          }
        });
      });
      for (const [format, group] of encrypted) this.#openGroup(format, group, values);
      return values;
    });
  }

  /** Whether it is a well-formed value of a format that this column reads. That is no proof: only decrypting proves. */
  isEncrypted(stored: unknown): stored is Stored {
    return isStored(stored) && this.#formats.some((format) => format.isWellFormed(stored));
  }

  /** The id of the key that a value is under, or the name of its Fernet key; proven by decrypting. @throws LockfastError as {@link decrypt} */
  keyIdOf(stored: Stored, context?: ColumnContext): string {
    return this.#told('decrypt', () => this.#openOne(this.#encrypted(stored), stored, context).key);
  }

  /** Milliseconds since it was encrypted; undefined where it carries no time. It must decrypt: the time is inside. @throws LockfastError as {@link decrypt} */
  ageOf(stored: Stored, context?: ColumnContext): number | undefined {
    return this.#told('decrypt', () => {
      const { created } = this.#openOne(this.#encrypted(stored), stored, context);
      return created === undefined ? undefined : this.#clock.now() - created;
    });
  }

  #openGroup(format: StoredFormat, group: readonly { readonly index: number; readonly stored: Stored; readonly context: Context }[], values: (V | null)[]): void {
    const keys = new Map<string, number>();
    const opened = this.#open(
      format,
      group.map((item) => item.stored),
      group.map((item) => item.context),
    );
    opened.forEach((one, i) => {
      const { index } = group[i]!;
      values[index] = inBatch(index, values.length, () => {
        if (one instanceof LockfastError) throw this.#explained(one, group[i]!.stored);
        return this.#value(one);
      });
      const { key } = one as OpenedValue;
      keys.set(key, (keys.get(key) ?? 0) + 1);
    });
    for (const [key, count] of keys) this.#publish('decrypt', count, format, key);
  }

  #openOne(format: StoredFormat, stored: Stored, context: ColumnContext | undefined): OpenedValue {
    const [opened] = this.#open(format, [stored], [this.#context(context)]) as [OpenedValue | LockfastError];
    if (opened instanceof LockfastError) throw this.#explained(opened, stored);
    return opened;
  }

  /** The text of a value that comes as bytes is no binary value: it would be said to be altered, or another key's. */
  #explained(refusal: LockfastError, stored: Stored): LockfastError {
    if (typeof stored === 'string' || !MISREAD.has(refusal.code) || !LFV1_LOOK.isWellFormed(startOf(stored))) return refusal;
    return new LockfastError(
      'malformed',
      'these are the bytes of an encrypted value in its text form',
      "make the database's column one of text, or define it with storage: 'binary'; what was written as text before, decrypt from its text and write again",
    );
  }

  /** A tenant without a key of its own may have got one in a newer ring, which another process has already. */
  #seal<T>(seal: (format: StoredFormat) => T): T {
    try {
      return seal(this.#formats[0]);
    } catch (error) {
      if (!(error instanceof LockfastError) || error.code !== 'missing-key' || !isLive(this.#ring) || !this.#ring.lookAgain()) throw error;
      return seal(this.#formats[0]);
    }
  }

  /** A value that no key of the ring opens may be under a key of a newer one, which another process has already: then all are opened with that. */
  #open(format: StoredFormat, stored: readonly Stored[], contexts: readonly Context[]): readonly (OpenedValue | LockfastError)[] {
    const opened = format.openBatch(stored, contexts);
    if (!isLive(this.#ring) || !opened.some((one) => one instanceof LockfastError && LACKS_KEY.has(one.code)) || !this.#ring.lookAgain()) return opened;
    return this.#formats.find(({ name }) => name === format.name)!.openBatch(stored, contexts);
  }

  /** What is to be encrypted. A write never skips: an encrypted value that is taken for plaintext would be hidden for ever. */
  #fresh(value: V): string | Uint8Array {
    const encoded = this.#type.encode(value);
    // As JSON, a text stands between quotes.
    const looked = typeof value === 'string' ? value : encoded;
    if (this.#all.some((format) => format.isWellFormed(looked))) {
      throw new LockfastError('already-encrypted', 'the value is an encrypted value already', 'store it as it is, or decrypt it first');
    }
    return encoded;
  }

  #value(opened: OpenedValue): V {
    const { maxAge } = this.definition;
    if (maxAge !== undefined) refuseTooOld(opened.created, this.#clock.now(), maxAge);
    return this.#type.decode(opened.value);
  }

  /** Undefined where it is plaintext, and plaintext is allowed. @throws LockfastError `not-encrypted`, `malformed` */
  #formatOf(stored: Stored): StoredFormat | undefined {
    if (!isStored(stored)) throw new LockfastError('not-encrypted', 'this is neither text nor bytes', 'pass what the database holds, or null');
    // What begins as lfv1 is lfv1, or `malformed`, which opening it finds: no need to parse it twice.
    const format = this.#formats.find((one) => (one.name === 'lfv1' ? one.beginsLike(stored) : one.isWellFormed(stored)));
    if (format !== undefined) return format;
    const other = this.#others.find((one) => one.isWellFormed(stored));
    if (other !== undefined) {
      throw new LockfastError('not-encrypted', `this looks like a value in the format ${other.name}, which the column does not read`, 'define the column with migrating: true while its rows change from one format to the other');
    }
    if (this.#all.some((one) => one.beginsLike(stored))) {
      throw new LockfastError('malformed', 'this begins like an encrypted value but is cut short, altered or followed by something', 'restore the value from a backup; a column must be wide enough for the whole of it');
    }
    if (this.definition.reading === 'allow-plaintext') {
      // Bytes that a driver hands out as text, in hexadecimal perhaps, are not what anybody wrote.
      if ((typeof stored === 'string') === (this.definition.storage !== 'binary')) return undefined;
      throw new LockfastError('not-encrypted', `the column holds ${this.definition.storage ?? 'text'}, and this is ${typeof stored === 'string' ? 'text' : 'bytes'}`, 'define the column with the storage that it has');
    }
    throw new LockfastError('not-encrypted', 'this is not an encrypted value', 'encrypt the table with `lockfast column encrypt`; until then define the column with reading: allow-plaintext');
  }

  #encrypted(stored: Stored): StoredFormat {
    const format = this.#formatOf(stored);
    if (format === undefined) throw new LockfastError('not-encrypted', 'this is not an encrypted value', 'it has neither key nor age until it is encrypted');
    return format;
  }

  #plaintext(stored: Stored): V {
    this.#plaintextReads++;
    const event: ColumnEvent = { event: 'read-plaintext', column: this.id, count: 1 };
    if (this.definition.reading === 'allow-plaintext') this.definition.onPlaintext(event);
    publish(event);
    return this.#type.decode(typeof stored === 'string' ? Buffer.from(stored, 'utf8') : Buffer.from(stored));
  }

  #context(values: ColumnContext | undefined): Context {
    return contextOf(this.id, this.definition.context ?? [], values, this.definition.tenant);
  }

  #sameLength(values: readonly unknown[], contexts: readonly unknown[] | undefined): void {
    if (contexts === undefined || contexts.length === values.length) return;
    throw new LockfastError('invalid-context', `${this.id}: a batch has another number of contexts than of values`, 'give one context for each value');
  }

  #publish(event: 'encrypt' | 'decrypt', count: number, { name }: StoredFormat, key: string): void {
    if (count > 0 && isWatched()) publish({ event, column: this.id, count, format: name, key });
  }

  /** Each failure is published, and says of which column it is. */
  #told<T>(operation: 'encrypt' | 'decrypt', action: () => T): T {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof LockfastError)) throw error;
      publish({ event: 'failure', column: this.id, count: 1, operation, code: error.code });
      if (error.message.startsWith(`${this.id}: `)) throw error;
      throw new LockfastError(error.code, `${this.id}: ${error.message}`, error.hint, error);
    }
  }
}

/**
 * An encrypted column on a key ring, or on one that a running application replaces by its newer versions.
 *
 * @throws LockfastError `usage` for a definition that can't be; `missing-key` where the ring has no active key
 */
export function column<As extends ValueTypeName = 'text'>(ring: RingInUse, definition: ColumnDefinition<As>, clock: Clock = systemClock): Column<ValueTypes[As]> {
  const as = (definition.as ?? 'text') as As;
  // An unknown type is refused with the rest of the definition.
  return new Column<ValueTypes[As]>(ring, definition, VALUE_TYPES[as], clock);
}

function isStored(value: unknown): value is Stored {
  return typeof value === 'string' || value instanceof Uint8Array;
}

/** Says of each refusal which value of the batch it is about. */
function inBatch<T>(index: number, count: number, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    throw new LockfastError(error.code, `${error.message} (value ${index + 1} of ${count})`, error.hint, error);
  }
}
