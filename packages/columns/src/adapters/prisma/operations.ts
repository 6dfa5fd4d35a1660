import { encryptAll, type Encryption } from './batches.ts';
import { FilterArguments } from './filter-arguments.ts';
import type { Model } from './model-graph.ts';
import { type Args, isArgs, isSkipped } from './prisma-values.ts';
import type { ProtectedFields } from './protected-fields.ts';
import { ReadResults } from './read-results.ts';
import { refuseLostUpsert, refusePath } from './refusals.ts';
import { type Reading, Selections } from './selections.ts';
import { WriteArguments } from './write-arguments.ts';

/** What an operation does to its arguments beyond `where` and the like, and whether it gives rows. */
interface Operation {
  readonly rows: boolean;
  readonly data?: (write: WriteArguments, model: Model, args: Args) => Args;
}

const CREATE = (write: WriteArguments, model: Model, args: Args): Args => ({ data: isSkipped(args['data']) ? args['data'] : write.create(model, args['data']) });
const CREATE_MANY = (write: WriteArguments, model: Model, args: Args): Args => ({ data: write.createMany(model, args['data']) });
const UPDATE = (write: WriteArguments, model: Model, args: Args): Args => ({ data: write.updateWhere(model, args['where'], args['data']) });
const UPSERT = (write: WriteArguments, model: Model, args: Args): Args => ({
  create: write.create(model, args['create']),
  update: write.updateWhere(model, args['where'], args['update']),
});

/** All of Prisma 7's. One that is missing here is refused. */
const OPERATIONS: Readonly<Record<string, Operation>> = {
  findUnique: { rows: true },
  findUniqueOrThrow: { rows: true },
  findFirst: { rows: true },
  findFirstOrThrow: { rows: true },
  findMany: { rows: true },
  create: { rows: true, data: CREATE },
  createMany: { rows: false, data: CREATE_MANY },
  createManyAndReturn: { rows: true, data: CREATE_MANY },
  update: { rows: true, data: UPDATE },
  updateMany: { rows: false, data: UPDATE },
  updateManyAndReturn: { rows: true, data: UPDATE },
  upsert: { rows: true, data: UPSERT },
  delete: { rows: true },
  deleteMany: { rows: false },
  count: { rows: false },
  aggregate: { rows: false },
  groupBy: { rows: false },
};

/** Of any operation. In place of one of these, a value would be quoted in Prisma's refusal. */
const ARGUMENTS = new Set([
  'where', 'cursor', 'orderBy', 'distinct', 'take', 'skip', 'limit', 'by', 'having', '_count', '_min', '_max', '_sum', '_avg',
  'data', 'create', 'update', 'skipDuplicates', 'select', 'include', 'omit', 'relationLoadStrategy',
]);

export interface PlannedOperation {
  readonly args: Args;
  /** @param path where in the result of the query the rows lie that it gives: relation fields */
  readonly read: (result: unknown, path: readonly string[]) => unknown;
}

/** What to ask Prisma for in the place of what the application asks, and how to read the answer. */
export class Operations {
  readonly #fields: ProtectedFields;
  readonly #filters: FilterArguments;
  readonly #selections: Selections;
  readonly #results: ReadResults;

  constructor(fields: ProtectedFields) {
    this.#fields = fields;
    this.#filters = new FilterArguments(fields);
    this.#selections = new Selections(fields, this.#filters);
    this.#results = new ReadResults(fields);
  }

  /** @throws LockfastError for what is refused, before anything is sent */
  plan(modelName: string, operation: string, given: unknown): PlannedOperation {
    const model = this.#fields.graph.models.get(modelName);
    if (model === undefined) throw refusePath(modelName, 'the schema has no such model');
    const args = isSkipped(given) ? {} : given;
    if (!this.#fields.concerns(modelName)) return { args: args as Args, read: (result) => result };
    const known = Object.hasOwn(OPERATIONS, operation) ? OPERATIONS[operation] : undefined;
    if (known === undefined) throw refusePath(`${modelName}.${operation}`, 'this operation is not known, and what it gives would not be decrypted');
    if (!isArgs(args)) throw refusePath(`${modelName}.${operation}`, 'the arguments are no object that can be read member by member');
    if (Object.keys(args).some((name) => !ARGUMENTS.has(name))) throw refusePath(`${modelName}.${operation}`, 'it has an argument that is not known');
    this.#look(model, args);
    const encryptions: Encryption[] = [];
    const written = known.data === undefined ? args : { ...args, ...known.data(new WriteArguments(this.#fields, this.#filters, encryptions), model, args) };
    const planned = known.rows ? this.#withRows(model, operation, written) : { args: written, read: (result: unknown) => result };
    encryptAll(encryptions);
    return planned;
  }

  #withRows(model: Model, operation: string, written: Args): PlannedOperation {
    const { args, reading } = this.#selections.extend(model, written);
    return {
      args,
      read: (result, path) => {
        // Prisma's answer where ON CONFLICT met a row that the rest of `where` does not fit: it wrote nothing, and says nothing.
        if (operation === 'upsert' && result === null && path.length === 0) throw refuseLostUpsert(model.name);
        return this.#results.decrypt(result, readingAt(model, reading, path));
      },
    };
  }

  /** What questions are made of, wherever an operation has one. */
  #look(model: Model, args: Args): void {
    this.#filters.rows(model, args);
    this.#filters.names(model, args['by'], 'grouped by');
    this.#filters.having(model, args['having']);
    this.#filters.aggregates(model, args);
  }
}

/** `findUnique(...).org()` asks for the relation alone, and gets it alone. */
function readingAt(model: Model, reading: Reading, path: readonly string[]): Reading {
  // It names the arguments, too: select, org, select, connections.
  return path.filter((_, i) => i % 2 === 1).reduce((at, name) => {
    const next = at.relations.get(name);
    if (next === undefined) throw refusePath(`${model.name}.${name}`, 'the result is of a relation that is not known');
    return next;
  }, reading);
}
