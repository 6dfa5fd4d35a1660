import { LockfastError } from '@lockfast/core/errors';
import type { KeyRing } from '@lockfast/core/keyring';
import type { AuditEvent, AuditSink } from '@lockfast/core/ports';

import type { FormatName } from '../stored-format.ts';
import type { ColumnDatabase } from './database.ts';
import type { DeclaredColumn } from './declared-column.ts';
import { type ColumnFences, type FenceRule, fenceRule, type FenceViolations, type StandingFence } from './fence.ts';
import { onRecord, recordedAfter } from './on-record.ts';

export interface Fencing {
  /** A second format that passes, for as long as values change from one to the other. */
  readonly also?: FormatName | undefined;
  /** Puts it up over rows that do not pass, although the application can't change those rows any more until they are converted. */
  readonly despiteRows: boolean;
  readonly dryRun: boolean;
  readonly audit?: AuditSink | undefined;
}

export interface FenceReport {
  readonly name: string;
  readonly rule: FenceRule;
  /** `completed`: half of it was there. `refused`: rows do not pass, and nothing was changed. In a dry run, what would be done. */
  readonly done: 'raised' | 'completed' | 'replaced' | 'kept' | 'refused';
  /** Whether all rows pass: proven after the fence was up. Never in a dry run. */
  readonly proven: boolean;
  /** Rows that do not pass. */
  readonly violations: FenceViolations;
  /** What was sent, or would be. */
  readonly statements: readonly string[];
}

/** A fence that is up, in the light of the key ring. */
export interface FenceStanding extends StandingFence {
  /** `outdated`: a key was finished since, or the declaration changed; `half`: it meets only some of the writes; `in-the-way`: it refuses what is written now. */
  readonly state: 'current' | 'outdated' | 'half' | 'in-the-way';
}

type Keys = Pick<KeyRing, 'keys'>;

const NO_VIOLATIONS: FenceViolations = { rows: 0, counts: [], first: [] };

/**
 * Puts the fence of a column up, or brings it up to date, and proves that every row passes. Run again it goes on where it
 * stopped, and changes nothing where all is done.
 *
 * @throws LockfastError `busy`: a job works on the column, or others hold the table; `database-refused`, `ledger-unavailable`
 */
export async function raiseFence(database: ColumnDatabase, declared: DeclaredColumn, ring: Keys, { also, despiteRows, dryRun, audit }: Fencing): Promise<FenceReport> {
  const fences = await database.fences(declared);
  if (!dryRun) await database.lock(declared);
  const rule = fenceRule([...new Set([declared.format, ...(also === undefined ? [] : [also])])], ring);
  const name = fences.nameOf(rule);
  let facts: Facts = {};
  const event = fenceEvent('column-fence', declared, { constraint: name, formats: rule.formats.join(' '), refused: rule.refusedKeys.join(' ') });
  return await (dryRun ? recordedAfter : onRecord)<FenceReport>({
    audit,
    event,
    action: async () => {
      const report = { name, rule, ...(await raised(fences, rule, name, despiteRows, dryRun)) };
      facts = { done: report.done, proven: report.proven, violating: report.violations.rows };
      return report;
    },
    counts: () => facts,
    outcome: ({ done }) => (done === 'refused' ? 'failure' : 'success'),
  });
}

type Facts = NonNullable<AuditEvent['details']>;

async function raised(fences: ColumnFences, rule: FenceRule, name: string, despiteRows: boolean, dryRun: boolean): Promise<Omit<FenceReport, 'name' | 'rule'>> {
  const standing = await fences.standing();
  const own = standing.find((fence) => fence.name === name);
  const others = standing.length > (own === undefined ? 0 : 1);
  const done = others ? 'replaced' : own === undefined ? 'raised' : own.whole ? 'kept' : 'completed';
  const statements = await fences.statements(rule);
  if (own?.proven === true && !others) return { done, proven: true, violations: NO_VIOLATIONS, statements };
  const before = own?.whole !== true || dryRun ? await fences.violations(rule) : NO_VIOLATIONS;
  const inTheWay = own === undefined && before.rows > 0 && fences.meetsEveryUpdate && !despiteRows;
  if (inTheWay || dryRun) return { done: inTheWay ? 'refused' : done, proven: false, violations: before, statements };
  await fences.raise(rule);
  // What was written between the count and the fence is found here, and everything later the fence refuses.
  const proven = await fences.prove(rule);
  return { done, proven, violations: proven ? NO_VIOLATIONS : await fences.violations(rule), statements };
}

/** @returns what was sent, or in a dry run would be; nothing where there was no fence. @throws LockfastError as {@link raiseFence} */
export async function removeFence(database: ColumnDatabase, declared: DeclaredColumn, { dryRun, audit }: Pick<Fencing, 'dryRun' | 'audit'>): Promise<readonly string[]> {
  const fences = await database.fences(declared);
  const statements = await fences.removal();
  if (dryRun || statements.length === 0) return statements;
  await database.lock(declared);
  const constraint = (await fences.standing()).map(({ name }) => name).join(' ');
  await onRecord({ audit, event: fenceEvent('column-unfence', declared, { constraint }), action: () => fences.remove(), counts: () => ({}), outcome: () => 'success' });
  return statements;
}

function fenceEvent(operation: string, { id, table, column }: DeclaredColumn, details: Facts): AuditEvent {
  return { operation, object: id, details: { table, column, ...details } };
}

/** The fences of a column that are up. */
export async function fencesOf(database: ColumnDatabase, declared: DeclaredColumn, ring: Keys): Promise<readonly FenceStanding[]> {
  const fences = await database.fences(declared);
  const standing = await fences.standing();
  // There are columns that no fence can be over: to ask for its name would end what only wants to know.
  if (standing.length === 0) return [];
  const names = new Set(([[declared.format], ['lfv1', 'fernet']] as const).map((formats) => fences.nameOf(fenceRule(formats, ring))));
  const active = ring.keys.filter(({ state }) => state === 'active').map(({ id }) => id);
  return standing.map((fence) => {
    const { formats, refusedKeys } = fence.rule;
    const inTheWay = !formats.includes(declared.format) || refusedKeys.some((id) => active.includes(id));
    return { ...fence, state: inTheWay ? 'in-the-way' : !fence.whole ? 'half' : names.has(fence.name) ? 'current' : 'outdated' };
  });
}

/** @param fences those of the column. @throws LockfastError `conflict`: what a decryption would write they refuse */
export function refuseFenced(declared: DeclaredColumn, [fence]: readonly StandingFence[]): void {
  if (fence === undefined) return;
  throw new LockfastError('conflict', `${declared.id} has a fence, ${fence.name}, which refuses plaintext`, `take it down first: lockfast column fence ${declared.id} --remove`);
}
