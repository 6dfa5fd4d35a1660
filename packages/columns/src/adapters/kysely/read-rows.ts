/** Rows as the application wants them: decrypted, without what was added, and without an encrypted value that nobody knows. */
import { FERNET_LOOK } from '../../fernet-format.ts';
import type { ColumnContext } from '../../index.ts';
import { LFV1_LOOK } from '../../lfv1-format.ts';
import { refuseLostUpsert, refuseMissing, refuseResult } from './refusals.ts';
import type { Output } from './selections.ts';
import type { Guarded, ResultPlan } from './statements.ts';

type Row = Readonly<Record<string, unknown>>;

/** What Kysely has of a result, as far as we ask for it. */
export interface QueryResult {
  readonly rows: readonly unknown[];
  readonly numAffectedRows?: bigint;
}

/** Of a query that did not come through the plugin. */
export const UNKNOWN: ResultPlan = { outputs: [], hidden: [], computed: true, guarded: undefined };

/** @throws LockfastError `usage`, `conflict`; and as `Column.decrypt` */
export function readRows<Result extends QueryResult>(result: Result, plan: ResultPlan): Result {
  if (plan.guarded !== undefined) refuseLost(plan.guarded, result);
  const rows = result.rows as readonly Row[];
  const [first] = rows;
  if (first === undefined) return result;
  const keys = keysOf(first);
  const outputs = plan.outputs.map((output) => ({ output, key: keys(output.name) }));
  const read: Record<string, unknown>[] = rows.map((row) => ({ ...row }));
  for (const { output, key } of outputs) decryptIn(read, output, key, keys);
  const hidden = plan.hidden.map(keys);
  for (const row of read) for (const key of hidden) delete row[key];
  refuseEncrypted(read, new Set(outputs.map(({ key }) => key)), plan.computed);
  return { ...result, rows: read };
}

function decryptIn(rows: readonly Record<string, unknown>[], { encrypted, context }: Output, key: string, keys: (name: string) => string): void {
  const held = rows.filter((row) => row[key] !== null && row[key] !== undefined);
  const places = [...context].map(([name, output]) => [name, keys(output)] as const);
  const values = encrypted.column.decryptBatch(
    held.map((row) => encrypted.form.fromDriver(row[key])),
    // What it may hold is the context's to check.
    held.map((row) => (places.length === 0 ? undefined : (Object.fromEntries(places.map(([name, place]) => [name, row[place]])) as ColumnContext))),
  );
  held.forEach((row, i) => (row[key] = values[i]));
}

/** The name that the result has for a column: other plugins rename, as `CamelCasePlugin` does. */
function keysOf(row: Row): (name: string) => string {
  const plain = (name: string): string => name.replaceAll('_', '').toLowerCase();
  return (name) => {
    if (Object.hasOwn(row, name)) return name;
    const alike = Object.keys(row).filter((key) => plain(key) === plain(name));
    if (alike.length !== 1) throw refuseMissing(name);
    return alike[0]!;
  };
}

function refuseEncrypted(rows: readonly Row[], known: ReadonlySet<string>, computed: boolean): void {
  for (const row of rows) for (const [name, value] of Object.entries(row)) if (!known.has(name) && isEncrypted(value, computed)) throw refuseResult(name);
}

function isEncrypted(value: unknown, within: boolean): boolean {
  if (typeof value === 'string' || value instanceof Uint8Array) return [LFV1_LOOK, FERNET_LOOK].some((look) => look.beginsLike(value) && look.isWellFormed(value));
  return within && typeof value === 'object' && value !== null && Object.values(value).some((one) => isEncrypted(one, within));
}

function refuseLost({ table, context, rows }: Guarded, { rows: returned, numAffectedRows }: QueryResult): void {
  if (Number(numAffectedRows ?? returned.length) < rows) throw refuseLostUpsert(table, context);
}
