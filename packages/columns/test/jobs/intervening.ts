/** A database to which something happens at a chosen moment. Everything else is the real one. */
import type { ColumnDatabase, ColumnTable } from '../../src/jobs/index.ts';

export interface Moments {
  /** Before the n-th batch that changes something is written, from 1. */
  readonly beforeWrite?: (n: number) => Promise<void>;
  /** After the server has committed it, and before the job hears of it. */
  readonly afterWrite?: (n: number) => Promise<void>;
  /** Of each batch that the job tries to write. */
  readonly sizes?: number[];
}

export function intervening(database: ColumnDatabase, { beforeWrite, afterWrite, sizes }: Moments): ColumnDatabase {
  let writes = 0;
  return {
    kind: database.kind,
    abilities: database.abilities,
    place: database.place,
    remedyOf: database.remedyOf,
    lock: async (target) => await database.lock(target),
    pressure: async () => await database.pressure(),
    close: async () => await database.close(),
    table: async (target) => {
      const table = await database.table(target);
      return new Proxy(table, {
        get: (of, name) => {
          if (name === 'write') return write;
          const member: unknown = Reflect.get(of, name);
          return typeof member === 'function' ? (member.bind(of) as unknown) : member;
        },
      });

      async function write(...args: Parameters<ColumnTable['write']>): Promise<readonly boolean[]> {
        const n = args[0].length > 0 ? (writes += 1) : 0;
        if (n > 0) {
          sizes?.push(args[0].length);
          await beforeWrite?.(n);
        }
        const made = await table.write(...args);
        if (n > 0) await afterWrite?.(n);
        return made;
      }
    },
  };
}
