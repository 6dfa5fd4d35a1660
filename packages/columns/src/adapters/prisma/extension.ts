import { modelsOf, resultPathOf } from './client-internals.ts';
import { ModelGraph } from './model-graph.ts';
import { Operations } from './operations.ts';
import { type ProtectedColumns, ProtectedFields } from './protected-fields.ts';
import { guardRaw, type RawPolicy } from './raw-sql.ts';

export interface LockfastPrisma {
  /** `{ Connection: { botToken: column(ring, ...) } }`: models and fields as the schema spells them. */
  readonly columns: ProtectedColumns;
  /** What becomes of raw SQL, which goes past encryption in both directions. `allow` without it. */
  readonly raw?: RawPolicy;
}

/** What Prisma calls a query extension with, as far as we use it. */
interface Call {
  readonly model?: string | undefined;
  readonly operation: string;
  readonly args: unknown;
  /** Goes on with these arguments. */
  readonly query: (args: unknown) => Promise<unknown>;
  readonly __internalParams?: unknown;
}

/** What an extension must return for `$extends` to keep the client's types: it adds none. */
export interface Extended {
  $extends: { extArgs: { result: {}; model: {}; query: {}; client: {} } };
}

/**
 * Encrypts and decrypts the fields of a Prisma client: `new PrismaClient(...).$extends(lockfastPrisma({ columns }))`. Attach it
 * last: an extension that is attached later stands between it and the database.
 *
 * @throws LockfastError `usage`, when it is attached: a client that is not known, a model or field that does not exist or
 *   can't be encrypted
 */
export function lockfastPrisma({ columns, raw = 'allow' }: LockfastPrisma): (client: object) => Extended {
  return (client) => {
    const operations = new Operations(new ProtectedFields(new ModelGraph(modelsOf(client)), columns));
    const $allOperations = async ({ model, operation, args, query, __internalParams }: Call): Promise<unknown> => {
      if (model === undefined) {
        guardRaw(raw, operation, args);
        return await query(args);
      }
      const path = resultPathOf(__internalParams);
      const planned = operations.plan(model, operation, args);
      return planned.read(await query(planned.args), path);
    };
    return (client as { $extends(extension: object): Extended }).$extends({ name: 'lockfast', query: { $allOperations } });
  };
}
