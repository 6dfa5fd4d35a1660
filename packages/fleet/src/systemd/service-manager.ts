/**
 * Services, as a fleet needs them: what state they are in, and to start, stop and restart them. systemd is one, and
 * where there is none, everything works on files alone.
 */

/** One unit, as its manager tells. */
export interface UnitState {
  readonly unit: string;
  /** `loaded`, `not-found`, `masked`, `bad-setting`, `error`. */
  readonly load: string;
  /** `active`, `inactive`, `failed`, `activating`, `deactivating`, `reloading`. */
  readonly active: string;
  /** For example `running`, `dead`, `auto-restart`. */
  readonly sub: string;
  /** How it ended last, for example `success`, `exit-code`, `signal`, `timeout`. */
  readonly result: string;
  /** 0 where there is none. */
  readonly mainPid: number;
  /** How often it was restarted by itself. */
  readonly restarts: number;
  /** The account that it runs as; empty for the manager's own. */
  readonly user: string;
  /** Its unit file and its drop-ins, absolute paths. */
  readonly files: readonly string[];
  /** Whether what is loaded is older than these files. */
  readonly needsReload: boolean;
}

const RUNNING: ReadonlySet<string> = new Set(['active', 'activating', 'reloading', 'deactivating']);

/** Whether a program of it runs, or may. */
export function isRunning({ active }: Pick<UnitState, 'active'>): boolean {
  return RUNNING.has(active);
}

/** Which run of a unit it is: another one has another main process, or was restarted by itself. */
export function runOf({ mainPid, restarts }: UnitState): string {
  return `${mainPid} ${restarts}`;
}

export interface ServiceManager {
  /** `system`: needs root; `user`: of whoever runs this. */
  readonly scope: 'system' | 'user';
  /** One answer for each, in their order. @throws LockfastError `tool-failed` */
  states(units: readonly string[]): Promise<readonly UnitState[]>;
  /** Resolves when the job is done. @throws LockfastError `service-failed`, `service-missing`, `permission-denied` */
  start(unit: string): Promise<void>;
  stop(unit: string): Promise<void>;
  restart(unit: string): Promise<void>;
  /** Reads unit files again. */
  reload(): Promise<void>;
}
