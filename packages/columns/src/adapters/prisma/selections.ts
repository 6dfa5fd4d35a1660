/** `select`, `include`, `omit`: context columns are added where they are needed, and what is added is noted, to be removed again. */
import type { FilterArguments } from './filter-arguments.ts';
import type { Field, Model, ModelGraph } from './model-graph.ts';
import { type Args, isArgs, isSkipped, membersOf } from './prisma-values.ts';
import type { ProtectedFields } from './protected-fields.ts';

/** How rows of a result are read. */
export interface Reading {
  readonly model: Model;
  /** Fields that the caller did not ask for. */
  readonly added: readonly string[];
  /** By the name of the relation field. */
  readonly relations: ReadonlyMap<string, Reading>;
}

export interface Selection {
  readonly args: Args;
  readonly reading: Reading;
}

export class Selections {
  readonly #graph: ModelGraph;
  readonly #fields: ProtectedFields;
  readonly #filters: FilterArguments;

  constructor(fields: ProtectedFields, filters: FilterArguments) {
    this.#graph = fields.graph;
    this.#fields = fields;
    this.#filters = filters;
  }

  /** @param args of an operation that gives rows, or of a relation in a selection */
  extend(model: Model, args: Args): Selection {
    const relations = new Map<string, Reading>();
    const { select, include } = args;
    if (isArgs(select)) {
      const chosen = this.#withRelations(model, select, relations);
      const added = this.#missing(model, (name) => isChosen(select[name]), hasComputed(model, select));
      return { args: { ...args, select: { ...chosen, ...all(added, true) } }, reading: { model, added, relations } };
    }
    const omit = isArgs(args['omit']) ? args['omit'] : {};
    const isOmitted = (name: string): boolean => (isSkipped(omit[name]) ? model.omitted.has(name) : omit[name] === true);
    const added = this.#missing(model, (name) => !isOmitted(name), false);
    const extended = {
      ...args,
      ...(isArgs(include) ? { include: this.#withRelations(model, include, relations) } : {}),
      ...(added.length > 0 ? { omit: { ...omit, ...all(added, false) } } : {}),
    };
    return { args: extended, reading: { model, added, relations } };
  }

  /** The context columns that are missing beside the encrypted ones that are read. */
  #missing(model: Model, isRead: (name: string) => boolean, hasOthers: boolean): string[] {
    const missing = new Set<string>();
    for (const { field, context } of this.#fields.of(model.name).values()) {
      // Computed fields read what they need: it may be any.
      if (isRead(field.name) || hasOthers) for (const one of context) if (!isRead(one.field.name)) missing.add(one.field.name);
    }
    return [...missing];
  }

  #withRelations(model: Model, chosen: Args, relations: Map<string, Reading>): Args {
    const copy: Record<string, unknown> = { ...chosen };
    for (const [name, value] of membersOf(chosen)) {
      const field = model.fields.get(name);
      if (name === '_count') this.#counted(model, value);
      else if (field?.relation !== undefined && isChosen(value)) copy[name] = this.#related(field, this.#graph.model(field.relation.to), value, relations);
    }
    return copy;
  }

  #related({ name }: Field, target: Model, value: unknown, relations: Map<string, Reading>): unknown {
    const given = isArgs(value) ? value : {};
    this.#filters.rows(target, given);
    const { args, reading } = this.extend(target, given);
    relations.set(name, reading);
    return isArgs(value) || reading.added.length > 0 ? args : value;
  }

  /** `_count: { select: { connections: { where: ... } } }`. */
  #counted(model: Model, count: unknown): void {
    const select = isArgs(count) ? count['select'] : undefined;
    if (!isArgs(select)) return;
    for (const [name, value] of membersOf(select)) {
      const relation = model.fields.get(name)?.relation;
      if (relation !== undefined && isArgs(value)) this.#filters.where(this.#graph.model(relation.to), value['where']);
    }
  }
}

function isChosen(value: unknown): boolean {
  return value === true || isArgs(value);
}

/** Fields that other extensions compute are no fields of the model. */
function hasComputed(model: Model, select: Args): boolean {
  return membersOf(select).some(([name, value]) => value === true && name !== '_count' && !model.fields.has(name));
}

function all(names: readonly string[], value: boolean): Args {
  return Object.fromEntries(names.map((name) => [name, value]));
}
