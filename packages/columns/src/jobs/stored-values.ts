import { LockfastError } from '@lockfast/core/errors';
import { type Context, type KeyId, keyIdAtStart } from '@lockfast/core/formats';
import { type FernetKey, isDestroyed, type KeyRing, ringFernetKeys } from '@lockfast/core/keyring';

import { placeOf } from '../column-context.ts';
import { FERNET_START, FernetFormat } from '../fernet-format.ts';
import { type ForeignFormat, looksLikeCloak, looksLikeRails } from '../foreign/index.ts';
import { LFV1_START, Lfv1Format } from '../lfv1-format.ts';
import type { FormatName, OpenedValue, Storage, Stored, StoredFormat, ValueToSeal } from '../stored-format.ts';
import { shreddedAt } from '../tenant-ciphers.ts';
import { TenantFormat, tenantName } from '../tenant-format.ts';
import type { StoredRow } from './database.ts';
import type { DeclaredColumn } from './declared-column.ts';
import { LivingKeys } from './living-keys.ts';
import type { Standing, Unreadable } from './standing.ts';
import { type ColumnStorage, encryptedIn, formOf, isOfOtherForm, isNull, plaintextIn } from './stored-form.ts';

/** A row's standing, and its value where it opened. Whoever asked for it erases it. */
export interface OpenedRow {
  readonly standing: Standing;
  readonly opened: OpenedValue | undefined;
}

type Formats = Readonly<Record<FormatName, StoredFormat>>;

/**
 * Reads and writes the stored values of one column. What a row is, is decided by decrypting it: its look only says which
 * format to try. What begins as an encrypted value does and opens under no key is unreadable, and never plaintext.
 */
export class StoredValues {
  readonly #ring: KeyRing;
  readonly #declared: DeclaredColumn;
  readonly #fernetKeys: readonly FernetKey[];
  /** Another library's format, which is read as well. */
  readonly foreign: ForeignFormat | undefined;
  readonly #living: LivingKeys;
  readonly #formats = new Map<Storage, Formats>();

  /**
   * @param fernetKeys the first one encrypts where the format is Fernet, all decrypt; those of the ring decrypt after them
   * @param foreign another library's format, which is read as well
   * @throws LockfastError `missing-key`: the ring has no active key
   */
  constructor(ring: KeyRing, declared: DeclaredColumn, fernetKeys: readonly FernetKey[], foreign?: ForeignFormat) {
    this.#ring = ring;
    this.#declared = declared;
    this.#living = new LivingKeys(ring);
    this.foreign = foreign;
    const known = new Set(fernetKeys.map(({ name }) => name));
    this.#fernetKeys = [...fernetKeys, ...ringFernetKeys(ring).filter(({ name }) => !known.has(name))];
  }

  /** The key that values are written under: the id of the active key, or the name of the first Fernet key. */
  get currentKey(): string {
    return this.#declared.format === 'lfv1' ? this.#ring.active().id : this.#fernetKeys[0]!.name;
  }

  /** What every value in the column's format begins with. */
  get formatStart(): string {
    return this.#declared.format === 'lfv1' ? LFV1_START : FERNET_START;
  }

  /** What every value under the current key begins with; undefined where no beginning says so. */
  get currentStart(): string | undefined {
    // Under a tenant's own key a value begins as under the shared one.
    return this.#declared.format === 'lfv1' && this.#declared.tenant === undefined ? `${LFV1_START}${this.#ring.active().id}.` : undefined;
  }

  /** The same keys with nothing derived yet: for a proof that does not rest on what it proves. */
  anew(): StoredValues {
    return new StoredValues(this.#ring, this.#declared, this.#fernetKeys, this.foreign);
  }

  classify(rows: readonly StoredRow[], storage: ColumnStorage): Standing[] {
    return this.open(rows, storage).map(({ standing, opened }) => {
      opened?.value.fill(0);
      return standing;
    });
  }

  /** Every row for itself. */
  open(rows: readonly StoredRow[], storage: ColumnStorage): OpenedRow[] {
    const formats = this.#formatsFor(formOf(storage));
    const found: OpenedRow[] = rows.map(() => ({ standing: { kind: 'null' }, opened: undefined }));
    const groups: Readonly<Record<FormatName, { readonly index: number; readonly stored: Stored; readonly context: Context }[]>> = { lfv1: [], fernet: [] };
    rows.forEach((row, index) => {
      if (isNull(row.value, storage)) return;
      if (isOfOtherForm(row.value, storage)) {
        found[index] = formatBy(row.value, formats) === undefined ? PLAINTEXT : unreadable('malformed', row.value);
        return;
      }
      const stored = encryptedIn(row.value, storage);
      const format = stored === undefined ? undefined : formatBy(stored, formats);
      if (format === undefined) found[index] = stored === undefined ? PLAINTEXT : this.#openForeign(stored);
      else {
        const context = format === 'lfv1' ? this.#contextOf(row) : NO_CONTEXT;
        // To open an lfv1 value says whether it is well-formed, and costs no second look. Fernet has one answer for everything.
        if ((format === 'fernet' || context === undefined) && !formats[format].isWellFormed(stored!)) found[index] = unreadable('malformed', stored!);
        else if (context === undefined) found[index] = unreadable('invalid-context', stored!);
        else groups[format].push({ index, stored: stored!, context });
      }
    });
    for (const format of ['lfv1', 'fernet'] as const) {
      const group = groups[format];
      const opened = formats[format].openBatch(
        group.map(({ stored }) => stored),
        group.map(({ context }) => context),
      );
      opened.forEach((one, i) => {
        const { index, stored } = group[i]!;
        found[index] = one instanceof LockfastError ? (this.#openedForeign(format, stored) ?? unreadable(one.code, stored, shreddedAt(one))) : this.#encrypted(format, one);
      });
      const lost = group.filter((_, i) => shreddedAt(opened[i]) !== undefined);
      const living = this.#living.madeWith(lost.map(({ stored }) => stored));
      // It only stands in a shredded tenant's row.
      for (const { index, stored } of lost) if (living.has(stored)) found[index] = unreadable(this.#isRetired(keyIdAtStart(stored)) ? 'key-not-usable' : 'moved-or-altered', stored);
    }
    return found;
  }

  /**
   * Under the current key, each with its own time. All or nothing.
   *
   * @throws LockfastError `already-encrypted`, `too-large`, `invalid-context`, `parameters-out-of-range`
   */
  seal(values: readonly { readonly row: StoredRow; readonly value: Buffer; readonly created: number | undefined }[], storage: ColumnStorage): Stored[] {
    const { format, id, context: names, tenant } = this.#declared;
    const items = values.map(({ row, value, created }): ValueToSeal => ({
      value,
      created: created === undefined ? this.#noTime() : this.#heldTime(created),
      // Fernet binds nothing.
      context: format === 'lfv1' ? placeOf(id, row.context, names, tenant) : NO_CONTEXT,
    }));
    return this.#formatsFor(formOf(storage))[format].sealBatch(items);
  }

  /** Whose a row is; undefined where the column does not say, or no tenant is called so. */
  tenantOf({ context }: Pick<StoredRow, 'context'>): string | undefined {
    const { tenant, context: names } = this.#declared;
    const value = tenant === undefined ? undefined : context[names.indexOf(tenant)];
    if (value === undefined || value === null) return undefined;
    try {
      return tenantName(value);
    } catch {
      return undefined;
    }
  }

  /** The tenant that a value can't be written for, since it has no key of its own; undefined where one can. */
  tenantWithoutKey(row: Pick<StoredRow, 'context'>): string | undefined {
    if (this.#declared.tenantKey !== 'own') return undefined;
    const tenant = this.tenantOf(row);
    return tenant === undefined || this.#ring.tenantSecretId(this.#ring.tenantSpelt(tenant)) !== undefined ? undefined : tenant;
  }

  /** The context of a row that is none, in which a value can be written; undefined where that takes a tenant's own key and no tenant has one. */
  probeContext(): readonly string[] | undefined {
    const { context, tenant, tenantKey } = this.#declared;
    const [first] = tenantKey === 'own' ? this.#ring.tenants.filter((record) => !isDestroyed(record)) : [];
    if (tenantKey === 'own' && first === undefined) return undefined;
    return context.map((name) => (name === tenant && first !== undefined ? first.tenant : `probe of ${name}`));
  }

  /** Whether nothing is left of a key but its name. */
  isDestroyed(keyId: KeyId | undefined): boolean {
    return this.#ring.keys.some(({ id, state }) => id === keyId && state === 'destroyed');
  }

  #isRetired(keyId: KeyId | undefined): boolean {
    return this.#ring.keys.some(({ id, state }) => id === keyId && state === 'retired');
  }

  /** Whether a plaintext would be taken for an encrypted value, were it stored as it is. */
  looksEncrypted(value: Stored, storage: ColumnStorage): boolean {
    return formatBy(value, this.#formatsFor(formOf(storage))) !== undefined;
  }

  /** lfv1 can leave the time out. A Fernet token has one: 1970, for what has none must not pass for new. */
  #noTime(): number | undefined {
    return this.#declared.format === 'lfv1' ? undefined : 0;
  }

  /** A token may name a time that lfv1 can't hold, after the year 10889. It is no time. */
  #heldTime(created: number): number | undefined {
    return this.#declared.format === 'lfv1' && created > LAST_LFV1_TIME ? undefined : created;
  }

  #encrypted(format: FormatName, opened: OpenedValue): OpenedRow {
    const { key, created, tenantKey } = opened;
    return { standing: { kind: 'encrypted', format, key, created, current: opened.current && format === this.#declared.format, ...(tenantKey === undefined ? {} : { tenantKey }) }, opened };
  }

  /** Of another library's values that are base64 alone, a few have the form of a Fernet token. Their tag proves what they are. */
  #openedForeign(format: FormatName, stored: Stored): OpenedRow | undefined {
    if (format !== 'fernet' || this.foreign?.authenticated !== true || !this.foreign.looksLike(stored)) return undefined;
    const row = this.#openForeign(stored);
    return row.opened === undefined ? undefined : row;
  }

  /** What is in none of our formats: another library's value, or plaintext. */
  #openForeign(stored: Stored): OpenedRow {
    // Whoever forgot that a library had encrypted them would hide them under a second encryption.
    if (this.foreign?.looksLike(stored) !== true) return looksLikeCloak(stored) || looksLikeRails(stored) ? unreadable('missing-key', stored) : PLAINTEXT;
    const { name, authenticated } = this.foreign;
    try {
      const { value, key } = this.foreign.open(stored);
      if (plaintextIn(value, 'binary', this.#declared.as) === undefined) {
        value.fill(0);
        return unreadable(authenticated ? 'invalid-text' : 'wrong-key', stored);
      }
      return { standing: { kind: 'encrypted', format: name, key, created: undefined, current: false }, opened: { value, created: undefined, key, current: false } };
    } catch (error) {
      if (error instanceof LockfastError) return unreadable(error.code, stored);
      throw error;
    }
  }

  #contextOf(row: StoredRow): Context | undefined {
    return row.context.includes(null) ? undefined : placeOf(this.#declared.id, row.context, this.#declared.context, this.#declared.tenant);
  }

  #formatsFor(form: Storage): Formats {
    let formats = this.#formats.get(form);
    if (formats === undefined) {
      const { tenant, tenantKey = 'shared' } = this.#declared;
      formats = { lfv1: tenant === undefined ? new Lfv1Format(this.#ring, form) : new TenantFormat(this.#ring, form, tenantKey, true), fernet: new FernetFormat(this.#fernetKeys, form) };
      this.#formats.set(form, formats);
    }
    return formats;
  }
}

const PLAINTEXT: OpenedRow = { standing: { kind: 'plaintext' }, opened: undefined };
const NO_CONTEXT: Context = { place: [''] };
const LAST_LFV1_TIME = 2 ** 48 - 1;

/** The format to try; undefined for what no format begins like, and so is plaintext. */
function formatBy(stored: Stored, formats: Formats): FormatName | undefined {
  const first = stored[0];
  if (first === 'l' || first === 0x6c) return formats.lfv1.beginsLike(stored) ? 'lfv1' : undefined;
  // A token's first byte, 0x80, gives this letter. Everything else need not be decoded to see that it is none.
  if (first !== 'g' && first !== 0x67) return undefined;
  return formats.fernet.beginsLike(stored) || formats.fernet.isWellFormed(stored) ? 'fernet' : undefined;
}

function unreadable(code: Unreadable['code'], stored: Stored, shredded?: string): OpenedRow {
  const keyId = keyIdAtStart(stored);
  return { standing: { kind: 'unreadable', code, ...(keyId === undefined ? {} : { keyId }), ...(shredded === undefined ? {} : { shredded }) }, opened: undefined };
}
