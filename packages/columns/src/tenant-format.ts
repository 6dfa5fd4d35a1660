import { LockfastError } from '@lockfast/core/errors';
import { type Context, contextText, type KeyId } from '@lockfast/core/formats';
import { isTenantName, type KeyRing } from '@lockfast/core/keyring';
import type { Clock } from '@lockfast/core/ports';

import { LFV1_LOOK, Lfv1Format, withKeys } from './lfv1-format.ts';
import type { OpenedValue, Storage, Stored, StoredFormat, ValueToSeal } from './stored-format.ts';
import { ShreddedTenant, TenantCiphers } from './tenant-ciphers.ts';

/** With which key the values of a column are encrypted: the data key alone, or that and the tenant's own, which can be destroyed. */
export type TenantKey = 'shared' | 'own';

type Answer = OpenedValue | LockfastError;

/**
 * `lfv1` values of a column that knows whose each row is: under the tenant's own key and bound to the tenant, or under the
 * shared key as any other column's. A value does not say which of the two it is; opening it does. Contexts carry the tenant.
 */
export class TenantFormat implements StoredFormat {
  readonly name = 'lfv1';
  readonly #written: TenantKey;
  readonly #readsBoth: boolean;
  readonly #shared: Lfv1Format;
  readonly #ciphers: TenantCiphers;
  readonly #storage: Storage;

  /**
   * @param written what {@link seal} makes
   * @param readsBoth whether values of the other kind are opened, too, while a table changes from one to the other
   */
  constructor(ring: KeyRing, storage: Storage, written: TenantKey, readsBoth: boolean, clock?: Clock) {
    this.#written = written;
    this.#readsBoth = readsBoth;
    this.#shared = new Lfv1Format(ring, storage, clock);
    this.#ciphers = new TenantCiphers(ring, clock);
    this.#storage = storage;
  }

  isWellFormed(stored: Stored): boolean {
    return LFV1_LOOK.isWellFormed(stored);
  }

  beginsLike(stored: Stored): boolean {
    return LFV1_LOOK.beginsLike(stored);
  }

  currentKey(): KeyId {
    return this.#shared.currentKey();
  }

  /** @throws ShreddedTenant; LockfastError `missing-key` for a tenant without a key of its own; as `Lfv1Format.seal` */
  seal(value: string | Uint8Array, context: Context): Stored {
    if (this.#written === 'shared') return this.#shared.seal(value, withoutTenant(context));
    const cipher = this.#ciphers.of(tenantOf(context));
    return this.#storage === 'text' ? cipher.encrypt(value, context) : cipher.encryptBinary(value, context);
  }

  sealBatch(values: readonly ValueToSeal[]): Stored[] {
    if (this.#written === 'shared') return this.#shared.sealBatch(values.map((value) => ({ ...value, context: withoutTenant(value.context) })));
    const sealed = Array.from<Stored>({ length: values.length });
    for (const [tenant, places] of placesByTenant(values.map(({ context }) => tenantOf(context)))) {
      const made = this.#ciphers.of(tenant).sealBatch(
        places.map((place) => values[place]!),
        this.#storage,
      );
      places.forEach((place, i) => (sealed[place] = made[i]!));
    }
    return sealed;
  }

  open(stored: Stored, context: Context): OpenedValue {
    const [opened] = this.openBatch([stored], [context]) as [Answer];
    if (opened instanceof LockfastError) throw opened;
    return opened;
  }

  /** Each for itself. A value that a tenant's destroyed key may have encrypted, and nothing that is left opens, gives {@link ShreddedTenant}. */
  openBatch(stored: readonly Stored[], contexts: readonly Context[]): Answer[] {
    const other: TenantKey = this.#written === 'own' ? 'shared' : 'own';
    const answers = this.#openAs(this.#written, stored, contexts);
    const left = this.#readsBoth ? answers.flatMap((answer, place) => (isOfAnotherKey(answer) ? [place] : [])) : [];
    if (left.length > 0) {
      const again = this.#openAs(
        other,
        left.map((place) => stored[place]!),
        left.map((place) => contexts[place]!),
      );
      left.forEach((place, i) => {
        const [first, second] = [answers[place] as LockfastError, again[i]!];
        answers[place] = second instanceof LockfastError ? (other === 'shared' ? reasonOf(first, second) : reasonOf(second, first)) : { ...second, current: false };
      });
    }
    return answers;
  }

  /** Whether a value can be written for this tenant. */
  canSealFor(tenant: string): boolean {
    return this.#written === 'shared' || this.#ciphers.has(tenant);
  }

  #openAs(kind: TenantKey, stored: readonly Stored[], contexts: readonly Context[]): Answer[] {
    if (kind === 'shared') return this.#shared.openBatch(stored, contexts.map(withoutTenant)).map((one) => (one instanceof LockfastError ? one : { ...one, tenantKey: kind }));
    const answers = Array.from<Answer>({ length: stored.length });
    const active = this.currentKey();
    const tenants = contexts.map((context) => refusalOr(() => tenantOf(context)));
    for (const [tenant, places] of placesByTenant(tenants)) {
      const cipher = tenant instanceof LockfastError ? tenant : refusalOr(() => this.#ciphers.of(tenant));
      if (cipher instanceof LockfastError) for (const place of places) answers[place] = cipher;
      else {
        const values = places.map((place) => stored[place]!);
        const opened = withKeys(
          cipher.openBatch(
            values,
            places.map((place) => contexts[place]!),
          ),
          values,
          active,
        );
        places.forEach((place, i) => (answers[place] = this.#explained(opened[i]!, tenant as string)));
      }
    }
    return answers;
  }

  /** What does not open under the tenant's present key may be of the one before, which was destroyed. */
  #explained(answer: Answer, tenant: string): Answer {
    if (!(answer instanceof LockfastError)) return { ...answer, tenantKey: 'own' };
    const destroyed = answer.code === 'wrong-key' ? this.#ciphers.destroyedAt(tenant) : undefined;
    return destroyed === undefined ? answer : new ShreddedTenant(tenant, destroyed);
  }
}

/** The one text that a tenant is called by: numbers in decimal, UUIDs in lower case. @throws LockfastError `invalid-context` */
export function tenantName(value: Context['tenant']): string {
  const name = value === undefined ? '' : contextText(value);
  if (isTenantName(name)) return name;
  throw new LockfastError('invalid-context', 'the tenant of the row is empty, or longer than 255 bytes', 'a tenant with a key of its own has a name of 1 to 255 bytes');
}

function tenantOf({ tenant }: Context): string {
  return tenantName(tenant);
}

function withoutTenant({ place }: Context): Context {
  return { place };
}

/** By tenant, in the order of the first of each: a key is derived once for all of a tenant's values in a batch. */
function placesByTenant<T>(tenants: readonly T[]): Map<T, number[]> {
  const places = new Map<T, number[]>();
  tenants.forEach((tenant, place) => {
    const known = places.get(tenant);
    if (known === undefined) places.set(tenant, [place]);
    else known.push(place);
  });
  return places;
}

/** A value that opens under neither key is of another; one that is refused for another reason is refused for that. */
function isOfAnotherKey(answer: Answer): boolean {
  return answer instanceof LockfastError && (answer instanceof ShreddedTenant || ['wrong-key', 'missing-key', 'invalid-context'].includes(answer.code));
}

/** Why neither the tenant's own key nor the shared one opens a value. */
function reasonOf(own: LockfastError, shared: LockfastError): LockfastError {
  // A data key that is retired, or that the value was not made with, says nothing; damage and a wrong place do.
  if (own instanceof ShreddedTenant) return ['wrong-key', 'key-not-usable'].includes(shared.code) ? own : shared;
  return own.code === 'moved-or-altered' ? own : shared;
}

function refusalOr<T>(action: () => T): T | LockfastError {
  try {
    return action();
  } catch (error) {
    if (error instanceof LockfastError) return error;
    throw error;
  }
}
