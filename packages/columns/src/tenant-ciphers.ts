import { LockfastError } from '@lockfast/core/errors';
import { contextText, type ValueCipher } from '@lockfast/core/formats';
import { encodedTenant, isDestroyed, type KeyRing } from '@lockfast/core/keyring';
import type { Clock } from '@lockfast/core/ports';

import { COLUMN_PURPOSE } from './column-context.ts';

/** A cipher holds what was derived for its tenant, some kilobytes: of these many, the ones that were asked for last. */
const CIPHERS_KEPT = 256;

/** The tenant's own key was destroyed, and with it what was encrypted for that tenant. Its code is `key-not-usable`. */
export class ShreddedTenant extends LockfastError {
  /** ISO 8601, UTC, milliseconds. */
  readonly destroyed: string;

  constructor(tenant: string, destroyed: string) {
    super(
      'key-not-usable',
      `the key of the tenant ${encodedTenant(tenant)} was destroyed on purpose at ${destroyed}: what was encrypted with it can't be decrypted`,
      'empty the rows with `lockfast column clear --shredded`; if destroying it was a mistake, only a key ring or recovery backup from before has that key',
    );
    this.destroyed = destroyed;
  }
}

/** When the key of a value's tenant was destroyed, ISO 8601, where that is why it does not open; else undefined. */
export function shreddedAt(error: unknown): string | undefined {
  // What a column throws names the column, and has the reason as its cause; an ORM may wrap that again.
  for (let one = error; one instanceof Error; one = one.cause) if (one instanceof ShreddedTenant) return one.destroyed;
  return undefined;
}

/** The ciphers of the tenants of one key ring, each made when it is first needed. */
export class TenantCiphers {
  readonly #ring: KeyRing;
  readonly #clock: Clock | undefined;
  /** The one that was asked for last is the last one. */
  readonly #ciphers = new Map<string, ValueCipher>();
  #destroyed: ReadonlyMap<string, string> | undefined;

  constructor(ring: KeyRing, clock?: Clock) {
    this.#ring = ring;
    this.#clock = clock;
  }

  /** @throws ShreddedTenant; LockfastError `missing-key` for a tenant that never had a key of its own */
  of(tenant: string): ValueCipher {
    const cipher = this.#ciphers.get(tenant) ?? this.#make(tenant);
    this.#ciphers.delete(tenant);
    this.#ciphers.set(tenant, cipher);
    if (this.#ciphers.size > CIPHERS_KEPT) this.#ciphers.delete(this.#ciphers.keys().next().value!);
    return cipher;
  }

  has(tenant: string): boolean {
    return this.#ring.tenantSecretId(this.#ring.tenantSpelt(tenant)) !== undefined;
  }

  /** When a key of this tenant was last destroyed, ISO 8601. It may have another one since. */
  destroyedAt(tenant: string): string | undefined {
    // A ring has one record for each tenant, and a table may have a row of a shredded one on every page.
    this.#destroyed ??= new Map(
      this.#ring.tenants
        .filter(isDestroyed)
        .toSorted((a, b) => (a.destroyed < b.destroyed ? -1 : 1))
        .map((record) => [contextText(record.tenant), record.destroyed]),
    );
    return this.#destroyed.get(contextText(tenant));
  }

  #make(tenant: string): ValueCipher {
    const spelt = this.#ring.tenantSpelt(tenant);
    const id = this.#ring.tenantSecretId(spelt);
    if (id !== undefined) {
      return this.#ring.cipher({ purpose: COLUMN_PURPOSE, tenantSecret: this.#ring.tenantSecret(spelt, id), ...(this.#clock === undefined ? {} : { clock: this.#clock }) });
    }
    const destroyed = this.destroyedAt(tenant);
    if (destroyed !== undefined) throw new ShreddedTenant(tenant, destroyed);
    const name = encodedTenant(tenant);
    throw new LockfastError(
      'missing-key',
      `the tenant ${name} has no key of its own in the key ring of ${this.#ring.environment}`,
      `give it one with \`lockfast tenant own-key ${name}\`, and every program the new key ring`,
    );
  }
}
