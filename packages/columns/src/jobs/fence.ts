/** A fence: a rule of the database itself, which refuses a write that leaves plaintext in a column, or a value under a finished key. */
import { createHash } from 'node:crypto';

import type { KeyId } from '@lockfast/core/formats';
import type { KeyRing } from '@lockfast/core/keyring';

import type { FormatName } from '../stored-format.ts';

/** By its id, whatever it is called in SQL. */
interface FencedColumn {
  readonly id: string;
}

/** What passes. NULL always does, and JSON's null. */
export interface FenceRule {
  /** Values that have the shape of one of these. */
  readonly formats: readonly FormatName[];
  /**
   * But none of `lfv1` that names one of these, in the order of the alphabet. Any other key passes: one that is made later must,
   * or a rotation would stop the application.
   */
  readonly refusedKeys: readonly KeyId[];
}

/** What the database says of a fence. */
export interface StandingFence {
  readonly name: string;
  /** Whether the database vouches that every row passes; undefined where it keeps no such proof. */
  readonly proven: boolean | undefined;
  /**
   * Whether it meets inserts and updates. Half a fence is left where a run was killed between two statements that the database
   * commits each by itself, or where somebody dropped a trigger.
   */
  readonly whole: boolean;
  readonly rule: FenceRule;
}

/** Why a row does not pass. `format`: it is encrypted in one that the column does not declare. */
export type FenceViolation = { readonly kind: 'plaintext' | 'malformed' | 'format' } | { readonly kind: 'key'; readonly key: KeyId };

export interface ViolatingRow {
  /** The key columns of the row as text, in their order. */
  readonly key: readonly string[];
  readonly label: string | null;
  readonly violation: FenceViolation;
}

/** Rows that a fence would not let in. */
export interface FenceViolations {
  readonly rows: number;
  /** How many of each sort. */
  readonly counts: readonly { readonly violation: FenceViolation; readonly rows: number }[];
  /** The first of them, in the order of their keys. */
  readonly first: readonly ViolatingRow[];
}

/** The fences of one column: as many as there are, but for a moment at most one. */
export interface ColumnFences {
  /**
   * Whether a fence also looks at rows of which an update changes other columns, as a CHECK constraint does. Over a table with rows that
   * do not pass, such a fence would stop the application from changing them at all.
   */
  readonly meetsEveryUpdate: boolean;
  /** Whether the database remembers that every row passed. Where it does not, only the ledger does. */
  readonly keepsProof: boolean;
  /** What the fence for a rule is called. */
  nameOf(rule: FenceRule): string;
  /** Half ones, too. */
  standing(): Promise<readonly StandingFence[]>;
  /** What `raise` and `prove` would send, in SQL. */
  statements(rule: FenceRule): Promise<readonly string[]>;
  /** What `remove` would send. */
  removal(): Promise<readonly string[]>;
  /** Counts in the database: nothing of a value leaves it. */
  violations(rule: FenceRule): Promise<FenceViolations>;
  /**
   * Puts the fence up and takes others of this column down, with no moment in between. From then on every write is met; what is there
   * already is not looked at. Waits for others only in short spells, since who waits for a table makes all who come later wait.
   *
   * @throws LockfastError `busy`: others hold the table; `database-refused`: this role may not
   */
  raise(rule: FenceRule): Promise<void>;
  /** Looks at all rows, while applications read and write. Call it when the fence is up. @returns whether all pass */
  prove(rule: FenceRule): Promise<boolean>;
  /** @returns the names of those that were there */
  remove(): Promise<readonly string[]>;
}

/** What every name of a fence begins with. */
export const FENCE_PREFIX = 'lockfast_';
/** What a job says that met one. */
export const FENCED = {
  what: 'the fence of the column does not let the value in',
  hint: 'see with `lockfast column status` what it refuses; `lockfast column fence` brings it up to date, --also lets a second format pass, --remove takes it down',
} as const;
/** More names than these help nobody. */
export const MOST_VIOLATING_ROWS = 10;

const SLUG_CHARACTERS = 24;
const ID_DIGITS = 12;
const RULE_DIGITS = 8;

/** The rule of a column now: finished are the keys that nothing is written under any more. An active key passes even when it is compromised: all programs write with it until it is replaced. */
export function fenceRule(formats: readonly FormatName[], { keys }: Pick<KeyRing, 'keys'>): FenceRule {
  const finished = keys.filter(({ state, compromised }) => state !== 'active' && (state !== 'staged' || compromised !== null));
  return { formats: formats.toSorted(), refusedKeys: formats.includes('lfv1') ? finished.map(({ id }) => id).toSorted() : [] };
}

/**
 * `lockfast_two_factor_secret_0c5a9be3f1d2_77e0a1b2`: readable in an error of the database, of 55 characters at most, and another one
 * for each column and for each rule.
 *
 * @param rule the condition, in SQL
 */
export function fenceName({ id }: FencedColumn, rule: string): string {
  return `${FENCE_PREFIX}${id.replaceAll('.', '_').slice(0, SLUG_CHARACTERS)}_${digits(id, ID_DIGITS)}_${digits(rule, RULE_DIGITS)}`;
}

/** Whether it is the name of a fence of this column, whatever its rule. */
export function isFenceOf({ id }: FencedColumn, name: string): boolean {
  return name.startsWith(FENCE_PREFIX) && name.slice(0, -RULE_DIGITS).endsWith(`_${digits(id, ID_DIGITS)}_`);
}

/** The rule that a fence was made for, by what the database has of it. @param definition in SQL */
export function ruleIn(definition: string): FenceRule {
  const refusedKeys = Array.from(definition.matchAll(/lfv1\.([a-z][a-z2-7]{5})\./g), ([, id]) => id!);
  return { formats: [...(definition.includes('gAAAAA') ? (['fernet'] as const) : []), ...(definition.includes('lfv1') ? (['lfv1'] as const) : [])], refusedKeys: [...new Set(refusedKeys)].toSorted() };
}

/** What triggers say, where a fence is one. Nothing of the value is in it. */
export function refusalText(name: string): string {
  return `lockfast: the fence ${name} refuses this value`;
}

/** The fence that a trigger's words name. */
export function fenceIn(message: string): string | undefined {
  return /^lockfast: the fence (lockfast_[a-z0-9_]{1,60}) refuses this value$/.exec(message)?.[1];
}

/** As statements of the database folders name it: `plaintext`, `malformed`, `format`, or the start of a value under a finished key. */
export function violationOf(named: string): FenceViolation {
  if (named === 'plaintext' || named === 'malformed' || named === 'format') return { kind: named };
  return { kind: 'key', key: named.slice(5, -1) };
}

function digits(text: string, count: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, count);
}
