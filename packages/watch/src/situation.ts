/** What the rules look at besides the ledger: this machine as it is now. What is undefined is not known, and fires nothing. */
import type { KeyRecord, RotationDue } from '@lockfast/core/keyring';
import type { Finding } from '@lockfast/fleet';

import type { WaitingIntent } from './ledger-event.ts';

interface SeenService {
  readonly tenant: string;
  readonly unit: string;
  /** As `systemctl show`: `active`, `failed`, `activating` and their like. */
  readonly active: string;
  /** For example `running` or `auto-restart`. */
  readonly sub: string;
  /** How often it was restarted by itself. */
  readonly restarts: number;
}

export interface SeenWitness {
  readonly name: string;
  /** How many entries it holds the root of; undefined where it did not answer, or can't tell. */
  readonly size: number | undefined;
  /** Why it did not answer. */
  readonly code: string | undefined;
}

/** The key ring as its file has it, without any key being opened. */
export interface SeenRing {
  readonly keys: readonly Pick<KeyRecord, 'id' | 'state' | 'created'>[];
  /** When the last recovery backup was written, ISO 8601. */
  readonly backup: string | null;
  /** The tenants' own keys as the ring has them, one text each. */
  readonly tenants?: readonly string[];
}

/** What one key encrypts. */
export interface SeenUse {
  readonly key: string;
  readonly files: number;
  readonly values: number;
}

/** What was seen at one look. */
export interface Seen {
  /** An error code where it could not be read. */
  readonly ring: SeenRing | { readonly code: string } | undefined;
  readonly rotation: RotationDue | undefined;
  readonly services: readonly SeenService[];
  readonly findings: readonly Finding[];
  readonly witnesses: readonly SeenWitness[];
  readonly uses: readonly SeenUse[];
  /** Why the ledger takes nothing, although it can be read. */
  readonly ledgerRefusal: string | undefined;
}

interface SeenChannel {
  readonly name: string;
  /** One after the other, the last one now. */
  readonly failures: number;
  /** Of the first of these failures. Milliseconds since the Unix epoch. */
  readonly since: number;
}

export interface Situation extends Seen {
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
  readonly ledger: { readonly size: number } | { readonly code: string } | undefined;
  readonly waiting: ReadonlyMap<number, WaitingIntent>;
  readonly channels: readonly SeenChannel[];
}

export const NOTHING_SEEN: Seen = { ring: undefined, rotation: undefined, services: [], findings: [], witnesses: [], uses: [], ledgerRefusal: undefined };
