/** Services that read a value when they start: restarted, and asked until they are well. */
import { audited } from '@lockfast/core/audited';
import { LockfastError } from '@lockfast/core/errors';

import { untilWell } from '../health.ts';
import { runOf, type ServiceManager } from '../systemd/service-manager.ts';
import type { Journal } from './journal.ts';
import type { CredentialPlace } from './place.ts';
import type { RotatedService } from './record.ts';

/** Where a service is meant to go: to the new value, or back. */
export type Direction = 'forward' | 'back';

/**
 * Restarts one service and waits until it is well. What it comes to is in the journal; before the restart already, that it
 * may have another value from here on.
 *
 * @returns whether it is well
 * @throws LockfastError `ledger-unavailable`, `write-failed`; that the service refuses is no error
 */
export async function restartUntilWell({ tenant: name, unit }: RotatedService, direction: Direction, journal: Journal, place: CredentialPlace): Promise<boolean> {
  const tenant = place.tenant(name);
  journal.service(unit, { state: 'restarting', why: null });
  const begun = performance.now();
  const { id, names, environment } = journal.record;
  const event = { operation: 'service-restart', object: unit, tenant: name, environment, details: { rotation: id, variable: names.join(' '), back: direction === 'back' } };
  let why: string;
  let well = false;
  try {
    why = await audited(place.audit, event, async () => {
      await place.manager!.restart(unit);
      const health = await untilWell({ tenant, manager: place.manager, variables: needsVariables(tenant.health) ? await place.variables(tenant) : new Map() });
      if (!health.well) throw new LockfastError('service-failed', health.why, 'see its journal');
      return health.why;
    });
    well = true;
  } catch (error) {
    if (!(error instanceof LockfastError) || !REFUSALS.has(error.code)) throw error;
    why = error.message;
  }
  const state = direction === 'forward' ? (well ? 'well' : 'unwell') : well ? 'restored' : 'unrestored';
  journal.service(unit, { state, why, durationMs: Math.round(performance.now() - begun) });
  place.told({ kind: 'service', service: journal.record.services.find((one) => one.unit === unit)! });
  return well;
}

/** What a service's refusal of a value looks like; anything else is trouble of another kind, and stops. */
const REFUSALS: ReadonlySet<string> = new Set(['service-failed', 'service-missing', 'tool-failed', 'permission-denied']);

function needsVariables({ http, command }: { readonly http?: string; readonly command?: readonly string[] }): boolean {
  return [http ?? '', ...(command ?? [])].some((text) => /\{(?!tenant\})/.test(text));
}

/**
 * Services that were found well, and must stay so until the rotation is at its end: a program may look at a value only
 * after a while, and then its unit fails, or is started again.
 */
export class WellServices {
  readonly #manager: ServiceManager;
  /** By unit: which run of it was well. */
  readonly #runs = new Map<string, string>();

  constructor(manager: ServiceManager) {
    this.#manager = manager;
  }

  async add(unit: string): Promise<void> {
    const [state] = await this.#manager.states([unit]);
    this.#runs.set(unit, runOf(state!));
  }

  /** Those that are not as they were found. */
  async lost(): Promise<{ readonly unit: string; readonly why: string }[]> {
    const units = [...this.#runs.keys()];
    if (units.length === 0) return [];
    const states = await this.#manager.states(units);
    return states.flatMap((state) => {
      const { unit, active, result } = state;
      if (active !== 'active' && active !== 'reloading') return [{ unit, why: active === 'failed' ? `failed (${result}) after it had been well` : `${active} after it had been well` }];
      return runOf(state) === this.#runs.get(unit) ? [] : [{ unit, why: 'restarted by itself after it had been well' }];
    });
  }
}

/** Calls `action` for each, `most` at a time; after a failure none is begun any more, and the first one is thrown when all have ended. */
export async function inParallel<T>(items: readonly T[], most: number, action: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  let failed: { readonly error: unknown } | undefined;
  const work = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined && failed === undefined; item = waiting.shift()) {
      try {
        await action(item);
      } catch (error) {
        failed ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, work));
  if (failed !== undefined) throw failed.error;
}
