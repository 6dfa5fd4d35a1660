/** What a rule is: data, and two questions that it answers. Each is asked in the same way of a fixture and of a machine. */
import type { LedgerEvent } from './ledger-event.ts';
import type { RuleMemory } from './rule-memory.ts';
import type { Severity } from './rule-names.ts';
import type { Situation } from './situation.ts';

/** What the configuration says of how things should be. */
export interface Policy {
  readonly environment: string;
  /** Whether a moment lies in the maintenance window; undefined where there is none. */
  readonly isMaintenance: (time: number) => boolean | undefined;
  /** Whether somebody is expected to touch a tenant's secrets; undefined where nobody was named. */
  readonly expects: (person: string, tenant: string | undefined) => boolean | undefined;
  /** The environment whose missing key is critical. */
  readonly isProduction: boolean;
}

/** Something that a person should hear of. It holds no secret, and no reason in somebody's own words. */
export interface Sighting {
  /** Tells it from others of its rule: a tenant, a path, a witness. */
  readonly cause: string;
  readonly tenant?: string | undefined;
  /** One clause. */
  readonly summary: string;
  /** What to do next, as an imperative clause. */
  readonly hint: string;
  /** When this is another, it is told anew. */
  readonly state?: string;
  /** Instead of the rule's. */
  readonly severity?: Severity;
  /** The entry that tells of it. */
  readonly seq?: number;
}

export interface RuleSurroundings {
  readonly threshold: number;
  readonly windowMs: number;
  readonly memory: RuleMemory;
  readonly policy: Policy;
}

export interface Rule {
  /** What it fires on, for documentation and `watch list`. */
  readonly what: string;
  readonly severity: Severity;
  /** Absent where there is nothing to count. */
  readonly threshold?: number;
  /** In milliseconds; absent where no time plays a part. */
  readonly windowMs?: number;
  /** Something happened. What is told of it stays open until it is acknowledged. */
  readonly take?: (event: LedgerEvent, around: RuleSurroundings) => readonly Sighting[];
  /** How things are. What is told of it is open as long as it is told. */
  readonly look?: (situation: Situation, around: RuleSurroundings) => readonly Sighting[];
  /** How long what it remembers counts, where that is longer than its window. */
  readonly rememberMs?: (windowMs: number) => number;
}

export const NONE: readonly Sighting[] = [];
