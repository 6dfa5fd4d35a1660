import { type ColumnsOfTables, EncryptedTables } from './encrypted-tables.ts';
import type { Node } from './nodes.ts';
import { type QueryResult, readRows, UNKNOWN } from './read-rows.ts';
import { type ResultPlan, Statements } from './statements.ts';

/** What Kysely asks of a plugin: `KyselyPlugin` fits it. */
export interface EncryptingPlugin {
  transformQuery<Query extends object>(args: { readonly node: Query; readonly queryId: object }): Query;
  transformResult<Result extends QueryResult>(args: { readonly result: Result; readonly queryId: object }): Promise<Result>;
}

/**
 * Encrypts and decrypts the columns of a Kysely: `new Kysely<DB>({ dialect, plugins: [lockfastKysely({ connections: { bot_token: botToken } })] })`.
 * Attach it last. What goes past it: `withoutPlugins()`, `CompiledQuery.raw`, and every other Kysely on the same database.
 *
 * @param columns by table and column as the database spells them
 * @throws LockfastError `usage` for a table that is there twice, or a column that can't be
 */
export function lockfastKysely(columns: ColumnsOfTables): EncryptingPlugin {
  const tables = new EncryptedTables(columns);
  // By query, which may be compiled once and run many times.
  const plans = new WeakMap<object, ResultPlan>();
  return {
    transformQuery: ({ node: query, queryId }) => {
      const { node, result } = new Statements(tables).plan(query as unknown as Node);
      plans.set(queryId, result);
      return node as unknown as typeof query;
    },
    // eslint-disable-next-line @typescript-eslint/require-await -- A refusal must be a rejection.
    transformResult: async ({ result, queryId }) => readRows(result, plans.get(queryId) ?? UNKNOWN),
  };
}
