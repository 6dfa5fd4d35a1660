import type { ValueCipher } from '@lockfast/core/formats';
import { isDestroyed, type KeyRing } from '@lockfast/core/keyring';

import { COLUMN_PURPOSE } from '../column-context.ts';
import type { Stored } from '../stored-format.ts';

/**
 * Tells what is under a key that is left: the shared one, or that of a tenant, in whosever row it stands. A value does not name its
 * tenant's key, so that it is under a destroyed one is only known once it is under none of these.
 */
export class LivingKeys {
  readonly #ring: KeyRing;

  constructor(ring: KeyRing) {
    this.#ring = ring;
  }

  /** Those of `values` that were made under such a key, retired data keys included. */
  madeWith(values: readonly Stored[]): ReadonlySet<Stored> {
    const found = new Set<Stored>();
    let left = [...new Set(values)];
    if (left.length === 0) return found;
    for (const cipher of this.#ciphers()) {
      const made = cipher.areMadeHere(left);
      if (!made.includes(true)) continue;
      left.forEach((value, i) => {
        if (made[i]!) found.add(value);
      });
      left = left.filter((_, i) => !made[i]!);
      if (left.length === 0) break;
    }
    return found;
  }

  /** One after the other: a ring may have thousands of tenants. */
  *#ciphers(): Generator<ValueCipher> {
    yield this.#ring.cipher({ purpose: COLUMN_PURPOSE });
    for (const record of this.#ring.tenants) {
      if (!isDestroyed(record)) yield this.#ring.cipher({ purpose: COLUMN_PURPOSE, tenantSecret: this.#ring.tenantSecret(record.tenant, record.id) });
    }
  }
}
