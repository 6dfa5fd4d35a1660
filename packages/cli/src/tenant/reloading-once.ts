import type { ServiceManager, UnitState } from '@lockfast/fleet';

/** A service manager that reads unit files again once for many tenants: for a thousand units that takes it seconds each time. */
export class ReloadingOnce implements ServiceManager {
  readonly scope: 'system' | 'user';
  readonly #manager: ServiceManager;
  #due = false;

  constructor(manager: ServiceManager) {
    this.scope = manager.scope;
    this.#manager = manager;
  }

  states(units: readonly string[]): Promise<readonly UnitState[]> {
    return this.#manager.states(units);
  }

  start(unit: string): Promise<void> {
    return this.#manager.start(unit);
  }

  stop(unit: string): Promise<void> {
    return this.#manager.stop(unit);
  }

  restart(unit: string): Promise<void> {
    return this.#manager.restart(unit);
  }

  reload(): Promise<void> {
    this.#due = true;
    return Promise.resolve();
  }

  async reloadIfDue(): Promise<void> {
    if (!this.#due) return;
    this.#due = false;
    await this.#manager.reload();
  }
}
