/** `where`, `orderBy` and the like: over an encrypted field they would find nothing, or the wrong rows, and are refused. */
import type { Model, ModelGraph } from './model-graph.ts';
import { type Args, fieldReferenceOf, isArgs, isSkipped, listOf, membersOf, nullNameOf } from './prisma-values.ts';
import type { ProtectedFields } from './protected-fields.ts';
import { refuseFilter, refusePath } from './refusals.ts';

const LOGIC = new Set(['AND', 'OR', 'NOT']);
const RELATION_FILTERS = new Set(['is', 'isNot', 'some', 'every', 'none']);
const NULL_CHECKS = new Set(['equals', 'not']);
/** `_count` counts what is not null: that is right on encrypted values, too. */
const AGGREGATES = ['_min', '_max', '_sum', '_avg'];

export class FilterArguments {
  readonly #graph: ModelGraph;
  readonly #fields: ProtectedFields;

  constructor(fields: ProtectedFields) {
    this.#graph = fields.graph;
    this.#fields = fields;
  }

  /** @returns what it was given, looked at. @throws LockfastError `usage` */
  where(model: Model, where: unknown): unknown {
    if (where === null || isSkipped(where)) return where;
    const encrypted = this.#fields.of(model.name);
    for (const [name, value] of membersOf(this.#argsOf(model, where))) {
      const field = model.fields.get(name);
      const one = encrypted.get(name);
      if (LOGIC.has(name)) for (const part of listOf(value)) this.where(model, part);
      else if (field === undefined) this.#uniqueTogether(model, value);
      else if (field.relation !== undefined) this.#related(this.#graph.model(field.relation.to), value);
      else if (one !== undefined) {
        if (!isNullCheck(value)) throw refuseFilter(one.place, 'looked for');
      } else this.#compared(value);
    }
    return where;
  }

  /** Which rows an operation is about, or a relation in a selection, and in which order. */
  rows(model: Model, args: Args): void {
    this.where(model, args['where']);
    this.where(model, args['cursor']);
    this.order(model, args['orderBy']);
    this.names(model, args['distinct'], 'made distinct');
  }

  order(model: Model, orderBy: unknown): void {
    const encrypted = this.#fields.of(model.name);
    for (const order of listOf(orderBy)) {
      if (!isArgs(order)) continue;
      for (const [name, value] of membersOf(order)) {
        const relation = model.fields.get(name)?.relation;
        const one = encrypted.get(name);
        if (one !== undefined) throw refuseFilter(one.place, 'ordered by');
        if (relation !== undefined) this.order(this.#graph.model(relation.to), value);
        else if (name === '_relevance' && isArgs(value)) this.names(model, value['fields'], 'searched');
        else if (AGGREGATES.includes(name)) this.order(model, value);
      }
    }
  }

  /** `distinct: ['botToken']`, `by: ['botToken']`. */
  names(model: Model, names: unknown, how: string): void {
    for (const name of listOf(names)) {
      const one = typeof name === 'string' ? this.#fields.of(model.name).get(name) : undefined;
      if (one !== undefined) throw refuseFilter(one.place, how);
    }
  }

  having(model: Model, having: unknown): void {
    if (!isArgs(having)) return;
    for (const [name, value] of membersOf(having)) {
      const one = this.#fields.of(model.name).get(name);
      if (LOGIC.has(name)) for (const part of listOf(value)) this.having(model, part);
      else if (one === undefined) this.#compared(value);
      else if (!isNullCheck(isArgs(value) ? { ...value, _count: undefined } : value)) throw refuseFilter(one.place, 'looked for');
    }
  }

  /** `_min`, `_max` and the others of `aggregate` and `groupBy`. */
  aggregates(model: Model, args: Args): void {
    for (const aggregate of AGGREGATES) {
      const chosen = args[aggregate];
      if (isArgs(chosen)) for (const [name, yes] of membersOf(chosen)) if (yes === true) this.names(model, name, 'aggregated');
    }
  }

  /** `orgId_kind: { orgId: ..., kind: ... }`: a name for several fields that are unique together. */
  #uniqueTogether(model: Model, value: unknown): void {
    if (!isArgs(value) || Object.keys(value).some((name) => model.fields.get(name)?.relation !== undefined || !model.fields.has(name))) throw refusePath(model.name, '`where` names something that is no field of it');
    this.where(model, value);
  }

  #related(target: Model, value: unknown): void {
    const isFilter = isArgs(value) && membersOf(value).some(([name]) => RELATION_FILTERS.has(name) && !target.fields.has(name));
    if (!isFilter) this.where(target, value);
    else for (const [, where] of membersOf(value)) this.where(target, where);
  }

  /** `{ equals: prisma.connection.fields.botToken }`. */
  #compared(value: unknown): void {
    const reference = fieldReferenceOf(value);
    const one = reference === undefined ? undefined : this.#fields.of(reference.model).get(reference.field);
    if (one !== undefined) throw refuseFilter(one.place, 'compared with');
    if (Array.isArray(value)) for (const part of value) this.#compared(part);
    else if (isArgs(value)) for (const [, part] of membersOf(value)) this.#compared(part);
  }

  #argsOf(model: Model, where: unknown): Args {
    if (isArgs(where)) return where;
    throw refusePath(model.name, '`where` is no object that can be read member by member');
  }
}

function isNullCheck(value: unknown): boolean {
  if (value === null) return true;
  const name = nullNameOf(value);
  if (name !== undefined) return name !== 'Prisma.JsonNull';
  return isArgs(value) && membersOf(value).every(([operator, operand]) => NULL_CHECKS.has(operator) && isNullCheck(operand));
}
